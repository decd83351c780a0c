//! Keeping and verifying a copy of somebody's log over HTTP.
//!
//! [`RemoteLog`] reads a static-ct or tlog-tiles log as any other log is read. A [`Mirror`] brings a
//! folder to its newest checkpoint, by the same steps as an export: every entry is hashed, hash tiles
//! are computed, and the checkpoint comes last. A log that shows what contradicts an earlier
//! checkpoint is not followed, and both checkpoints are kept.

mod fetch;
mod mirror;
mod remote;

pub use fetch::{FetchError, Fetcher};
pub use mirror::{Mirror, MirrorError, Round};
pub use remote::RemoteLog;
