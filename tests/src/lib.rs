//! What whole-service tests and benchmarks share: a signing client, a server in a process of its
//! own, load, and the cryptographic floor.

pub mod chaos;
pub mod checkpoint;
pub mod client;
pub mod fill;
pub mod floor;
pub mod issuer;
pub mod load;
pub mod postgres;
pub mod server;
pub mod usage;
pub mod wire;
