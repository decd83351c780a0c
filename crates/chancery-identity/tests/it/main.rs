//! The crate against a real issuer on the loopback interface.

#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot go on without fails it"
)]

mod accepted;
mod cluster;
mod explain;
mod figures;
mod given;
mod issuer;
mod keys;
mod meta;
mod outage;
mod policy;
mod presets;
mod probe;
mod proxy;
mod refused;
mod replace;
mod tls;
