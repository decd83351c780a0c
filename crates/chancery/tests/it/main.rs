//! The binary as its users run it: processes, files, signals, exit codes, real databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod demo;
mod dev;
mod harness;
mod outage;
mod possession;
mod refusals;
mod rollback;
mod secrets;
mod shutdown;
