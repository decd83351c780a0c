//! A log and its witnesses: real ones, and servers that answer what no witness should.

#![expect(clippy::unwrap_used, reason = "a test fails where one of these panics")]

mod faults;
mod guard;
mod server;
mod witness;
mod world;
