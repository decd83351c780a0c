//! The guard: what remembers, outside the database, the highest head ever released.
//!
//! One database cannot notice its own rollback (an old backup, a stale standby). Before a head is
//! signed, the guard stands at it; a head behind the guard, or beside it, is never signed.
//!
//! A guard hinders accidents. Whoever holds the log's key can sign past it; such a fork is visible
//! to witnesses and monitors only.

#[cfg(any(test, feature = "test-util"))]
pub mod conformance;
pub mod file;
pub mod record;

use std::fmt::Debug;

use async_trait::async_trait;
use chancery_tlog::TreeHead;

pub use file::{CreateGuardError, FileGuard, OpenGuardError};
pub use record::Record;

/// A durable high-water mark with compare-and-swap.
#[async_trait]
pub trait Guard: Debug + Send + Sync {
    /// The guard's own name, recorded in the database: a process with another guard refuses to
    /// start.
    fn id(&self) -> &str;

    /// Reads where the guard stands.
    async fn read(&self) -> Result<TreeHead, GuardError>;

    /// Moves the guard from `from` to `to` and makes that durable before it returns.
    ///
    /// Where it does not stand at `from`, it stays and answers where it stands; the caller must
    /// then prove that head consistent before it tries again.
    async fn advance(&self, from: &TreeHead, to: &TreeHead) -> Result<Advance, GuardError>;
}

/// What became of an attempt to move the guard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Advance {
    /// It stands at the new head, durably.
    Moved,
    /// It stood elsewhere and still does.
    StandsAt(TreeHead),
}

/// Why the guard could not be asked. Nothing may be released until it can.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The guard has seen what the database cannot account for: it was rolled back, or forked. Says
    /// both sizes.
    #[error("database and guard are at odds: {0}")]
    AtOdds(String),
    /// The guard's contents are not a guard's, or are not this one's.
    #[error("the guard is damaged: {0}")]
    Damaged(String),
    /// The guard could not be reached or written.
    #[error("the guard is unavailable")]
    Unavailable(#[source] std::io::Error),
}
