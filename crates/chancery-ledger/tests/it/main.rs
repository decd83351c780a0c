//! The ledger as clients see it: bodies and answers byte for byte, what is refused, and what is
//! logged once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod acceptance;
mod adding;
mod properties;
mod requests;
mod vectors;
mod verification;
mod world;
