//! Guards in objects do what every guard does: in memory, and on an S3 server.
//!
//! The second half runs where `CHANCERY_TEST_S3` names the endpoint of a server that takes any
//! credentials, such as `http://127.0.0.1:5000` of moto. Without it those tests say so and pass, or
//! fail if `CHANCERY_REQUIRE_S3` is set.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod memory;
mod proxy;
mod s3;
