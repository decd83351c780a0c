//! The crate from outside: connections over loopback, requests to a whole service whose only
//! stand-in is a log store in memory.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod cors;
mod dev_oidc;
mod grpc;
mod hostile;
mod issuance;
mod ledger;
mod limits;
mod listener;
mod reads;
mod restricted;
mod rfc6962;
mod rotation;
mod service;
mod submissions;
mod timestamps;
mod tls;
mod unread;
mod witness;
