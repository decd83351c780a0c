//! The crate against what Go makes of the same templates, and against what must not end badly.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bounds;
mod go;
