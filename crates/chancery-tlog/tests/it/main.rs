//! Tests against the bytes of a whole log that other implementations accept: see
//! `tests/vectors/README.md`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod certificate_transparency;
mod log;
