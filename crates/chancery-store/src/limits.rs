//! How much may read the database at once, and how long anything may wait for it.
//!
//! A frozen holder of the head lock stops the other processes, so nothing that can be held under
//! it lasts longer than [`STATEMENT`].

use std::future::Future;
use std::time::Duration;

use chancery_log::StoreError;

use crate::error::store_error;

/// How many connections a process reads a database with. Strangers hold four at most: two who read
/// logs, and two whose submissions are looked up. The rest is for issuance and what the operator
/// runs, such as the export and the scrubber.
pub(crate) const READERS: u32 = 8;

/// For a free connection, or a new one.
pub(crate) const ACQUIRE: Duration = Duration::from_secs(2);

/// For one statement, one lock, or the pause between two statements of a transaction.
pub(crate) const STATEMENT: Duration = Duration::from_secs(2);

/// For all of a transaction that comes before COMMIT.
pub(crate) const BEFORE_COMMIT: Duration = Duration::from_secs(3);

/// For COMMIT, which has a share of its own: when it is cut off, the outcome is unknown.
pub(crate) const COMMIT: Duration = Duration::from_secs(2);

/// For a whole operation.
pub(crate) const OPERATION: Duration = Duration::from_secs(5);

/// The database did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer from the database within {} s", .0.as_secs())]
pub(crate) struct TimedOut(Duration);

/// Bounds a call to the database.
pub(crate) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = sqlx::Result<T>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(limit, call)
        .await
        .map_err(|_| timed_out(limit))?
        .map_err(store_error)
}

/// The error for a call that was cut off at `limit`.
pub(crate) fn timed_out(limit: Duration) -> StoreError {
    StoreError::Unavailable(Box::new(TimedOut(limit)))
}
