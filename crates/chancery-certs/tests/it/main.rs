//! The public face of the crate: vectors made elsewhere, whole issuances, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test's helpers may panic")]

mod ca;
mod chain;
mod correspond;
mod issuance;
mod read;
mod vectors;
