//! The library as programs use it: with files, folders and servers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_bundles;
mod instances;
mod public;
#[path = "../../../chancery-trust/tests/it/instance.rs"]
#[expect(dead_code, reason = "the tests of the trust documents need more of it")]
mod published;
mod web;
mod world;
