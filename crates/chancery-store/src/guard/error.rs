//! Why a database does not hold a guard.

use chancery_log::StoreError;
use chancery_log::guard::GuardError;

use crate::{ConnectError, DurabilityError, SchemaError};

/// Why a database cannot be used for guards.
#[derive(Debug, thiserror::Error)]
pub enum GuardDatabaseError {
    /// It was not opened.
    #[error("the guard's database cannot be used")]
    Connect(#[from] ConnectError),
    /// It can lose what it has committed.
    #[error("the guard's database cannot be used")]
    Durability(#[from] DurabilityError),
    /// It is the one that is to be guarded.
    #[error(
        "{0} is the database that is to be guarded: rolled back, it takes its guard along. Name \
         another, on another server"
    )]
    Guarded(String),
    /// Its tables cannot be used.
    #[error("the guard's database cannot be used")]
    Schema(#[from] SchemaError),
    /// It did not answer.
    #[error("the guard's database does not answer")]
    Store(#[from] StoreError),
}

/// Why a guard in a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenDatabaseGuardError {
    /// The database cannot be used for guards.
    #[error(transparent)]
    Database(#[from] GuardDatabaseError),
    /// The guard's row is not what a guard wrote.
    #[error(transparent)]
    Damaged(GuardError),
    /// There is no such guard. A missing guard is never made anew: that is what it guards.
    #[error("the database {url} has no guard {id}")]
    Unknown {
        /// The guard's id.
        id: String,
        /// The database, without password.
        url: String,
    },
}
