//! Tests of several crates together, over real databases, guards and keys.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod differential;
mod faults;
