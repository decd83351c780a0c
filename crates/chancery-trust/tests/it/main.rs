//! The repository from its first version on, by our own verification and by other clients'.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod forged;
mod instance;
mod lifecycle;
mod outside_client;
mod vectors;
