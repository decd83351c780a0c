//! Why an act on the database did not happen.
//!
//! No message and no source holds a password: sqlx's errors do not name the URL, and
//! [`DatabaseUrl`](crate::DatabaseUrl) prints itself without.

use std::io;
use std::path::PathBuf;

use chancery_log::StoreError;
use sqlx::error::ErrorKind;
use sqlx::migrate::MigrateError;

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The SQLite file, or the lock beside it, cannot be opened.
    #[error("cannot open {}", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// Another process has the SQLite file.
    #[error(
        "another process is using the database {}; stop it first (for several processes, use \
         PostgreSQL)", .0.display()
    )]
    InUse(PathBuf),
    /// There is no such SQLite file. One is made only on demand: a database that is not where it
    /// was must not be taken for a new one.
    #[error("there is no database at {}; create one with `chancery init`", .0.display())]
    Missing(PathBuf),
    /// The database does not let us in.
    #[error("cannot open the database {url}")]
    Refused {
        /// The URL, without password.
        url: String,
        /// What the database or the network said.
        #[source]
        source: StoreError,
    },
}

/// Why the database's schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A migration is not the one that was applied: one of the two was edited.
    #[error("migration {0} is not the one that this database was made with")]
    Altered(i64),
    /// There are no tables.
    #[error("the database is empty; create its tables with `chancery init`")]
    Missing,
    /// A later program has been here.
    #[error(
        "the database has schema version {found} and this program knows {known} only; use a \
         version of the program that is at least as new as the last one used"
    )]
    Newer {
        /// The newest migration in the database.
        found: i64,
        /// The newest that this program has.
        known: i64,
    },
    /// Migrations are missing.
    #[error(
        "the database has schema version {found} and this program needs {known}; \
         stop every replica, back it up, and run `chancery migrate`"
    )]
    Older {
        /// The newest migration in the database.
        found: i64,
        /// The newest that this program has.
        known: i64,
    },
    /// The database did not answer, or a statement of a migration failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A migration broke off half-way.
    #[error("migration {0} was applied in part; restore the database from before it")]
    Unfinished(i64),
}

/// Why an installation was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The chain has no certificate.
    #[error("the chain of CA certificates is empty")]
    EmptyChain,
    /// The database belongs to an installation.
    #[error("the database belongs to an installation already; nothing was changed")]
    Exists,
    /// The log's name cannot stand in a path.
    #[error(
        "{0:?} cannot be a log's name: use ASCII letters, digits, '-', '_' and '.', and do not \
         begin with '.'"
    )]
    LogName(String),
    /// The database did not answer or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a log was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddLogError {
    /// The log that it was to follow is not the newest any more, or ends already.
    #[error("another log follows the newest one already; nothing was changed")]
    Followed,
    /// The log's name cannot stand in a path.
    #[error(
        "{0:?} cannot be a log's name: use ASCII letters, digits, '-', '_' and '.', and do not \
         begin with '.'"
    )]
    LogName(String),
    /// A log before it begins, or goes on, at that time or later: the two would overlap.
    #[error(
        "a log that is recorded already begins then or later, or goes on: the two would overlap; \
         nothing was changed. Choose a later date, or retire each log that is in the way first, with \
         `chancery log recover --log NAME --retire ORIGIN`"
    )]
    NotAfter,
    /// The log that it was to follow has entries of that time.
    #[error("the log before it has entries of that time already; nothing was changed")]
    TooLate,
    /// The database did not answer or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a commit to this database could be lost.
#[derive(Debug, thiserror::Error)]
pub enum DurabilityError {
    /// A setting gives durability up.
    #[error(
        "the database runs with {name} = {value}, which can lose committed entries: set it to {wanted}"
    )]
    Setting {
        /// The setting's name, as the database knows it.
        name: &'static str,
        /// What it is.
        value: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// The server is a standby.
    #[error("the database server is a read-only standby; connect to the primary")]
    Standby,
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sorts a driver's error: does the data contradict itself, or is the database away?
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    let contradiction = match &error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => true,
        sqlx::Error::Database(database) => {
            // The entry that should be new is there already, and the like; and what each database
            // says when it finds its own file damaged: SQLITE_CORRUPT, SQLITE_NOTADB, and class XX
            // of PostgreSQL.
            !matches!(database.kind(), ErrorKind::Other)
                || matches!(
                    database.code().as_deref(),
                    Some("11" | "26" | "XX001" | "XX002")
                )
        }
        _ => false,
    };
    if contradiction {
        StoreError::Inconsistent(error.to_string())
    } else {
        StoreError::Unavailable(Box::new(error))
    }
}

/// Tells whether the connection was dead before the statement reached the database.
pub(crate) fn connection_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        // Class 57P: the server ended the session (shutdown, crash, idle session).
        sqlx::Error::Database(database) => {
            database.code().is_some_and(|code| code.starts_with("57P"))
        }
        _ => false,
    }
}

impl SchemaError {
    /// Sorts what the migrator says, which knows migrations up to `known`.
    pub(crate) fn of(error: MigrateError, known: i64) -> Self {
        match error {
            MigrateError::Dirty(version) => Self::Unfinished(version),
            MigrateError::VersionMismatch(version) => Self::Altered(version),
            MigrateError::VersionMissing(found) => Self::Newer { found, known },
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                Self::Store(store_error(error))
            }
            other => Self::Store(StoreError::Unavailable(Box::new(other))),
        }
    }
}
