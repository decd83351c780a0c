//! A guard in a second database, for replicas that share one.
//!
//! A guard is one row, keyed by its id, so that several instances can have theirs in one database.
//! It moves by one statement that is a transaction of its own: on PostgreSQL a process that freezes
//! at any moment holds nothing. SQLite's lock is of the whole file and is held for that statement
//! only; a process that is frozen within it does stop the others, as with a guard in a file.
//!
//! The tables are `chancery_guard` and `chancery_guard_migrations`: they fit beside anybody else's.

mod error;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use chancery_log::StoreError;
use chancery_log::guard::record::{checksum, random_id};
use chancery_log::guard::{Advance, Guard, GuardError};
use chancery_tlog::{Hash, TreeHead};

pub use self::error::{GuardDatabaseError, OpenDatabaseGuardError};
use crate::limits::{OPERATION, timed_out};
use crate::url::Target;
use crate::{ConnectError, ConnectOptions, DatabaseUrl, DurabilityError, SchemaError, Store};
use crate::{postgres, rows, sqlite};

/// A guard in a second database.
pub struct DatabaseGuard {
    id: String,
    url: DatabaseUrl,
    separation: Separation,
    rows: Arc<dyn GuardRows>,
}

/// How far a guard is from the database that it guards.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Separation {
    /// Another server, or another file.
    Apart,
    /// Another database of one PostgreSQL server: restoring the whole server, or failing over to a
    /// standby that lags, rolls back both, and nobody notices.
    SameServer,
}

/// What tells databases from each other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// Device and inode, which are the same by whatever path or link the file is reached.
    Sqlite { device: u64, inode: u64 },
    /// `system_identifier` of the server, which its standbys and physical copies share, and the
    /// database's oid.
    Postgres { system: i64, database: i64 },
}

/// `tree_size`, `root_hash`, `checksum`.
pub(crate) type GuardRow = (i64, Vec<u8>, Vec<u8>);

/// What each database does for guards. Every method is one statement, and may be cut off anywhere.
#[async_trait]
pub(crate) trait GuardRows: Send + Sync {
    async fn migrate(&self) -> Result<(), SchemaError>;
    async fn check_schema(&self) -> Result<(), SchemaError>;
    async fn check_durability(&self) -> Result<(), DurabilityError>;
    async fn place(&self) -> Result<Place, StoreError>;
    async fn insert(&self, id: &str, row: GuardRow) -> Result<(), StoreError>;
    async fn select(&self, id: &str) -> Result<Option<GuardRow>, StoreError>;
    /// Puts `to` in the place of `from`; `false` if there is no such row.
    async fn swap(&self, id: &str, from: GuardRow, to: GuardRow) -> Result<bool, StoreError>;
}

impl DatabaseGuard {
    /// Makes a guard for the empty log in `guarded`, and its tables if there are none, durable when
    /// this returns. A SQLite file is made if there is none.
    pub async fn create(url: &DatabaseUrl, guarded: &Store) -> Result<Self, GuardDatabaseError> {
        Self::create_at(url, guarded, &TreeHead::EMPTY).await
    }

    /// Makes a guard that stands at `head` from the beginning: for a log whose guard was lost. It
    /// notices nothing of what happened before, so whoever calls this vouches for `head`.
    pub async fn create_at(
        url: &DatabaseUrl,
        guarded: &Store,
        head: &TreeHead,
    ) -> Result<Self, GuardDatabaseError> {
        let (rows, separation) = connect(
            url,
            guarded,
            ConnectOptions {
                create: true,
                ..ConnectOptions::default()
            },
        )
        .await?;
        bounded(rows.migrate()).await?;
        let id = random_id();
        bounded(rows.insert(&id, row(&id, head))).await?;
        Ok(Self {
            id,
            url: url.clone(),
            separation,
            rows,
        })
    }

    /// Opens a guard that was made before, for what is in `guarded`. Makes nothing.
    pub async fn open(
        url: &DatabaseUrl,
        id: &str,
        guarded: &Store,
    ) -> Result<Self, OpenDatabaseGuardError> {
        let (rows, separation) = connect(url, guarded, ConnectOptions::default()).await?;
        bounded(rows.check_schema())
            .await
            .map_err(GuardDatabaseError::Schema)?;
        let guard = Self {
            id: id.to_owned(),
            url: url.clone(),
            separation,
            rows,
        };
        match guard.row().await.map_err(GuardDatabaseError::from)? {
            Some(row) => guard.head(row).map_err(OpenDatabaseGuardError::Damaged)?,
            None => {
                return Err(OpenDatabaseGuardError::Unknown {
                    id: id.to_owned(),
                    url: url.to_string(),
                });
            }
        };
        Ok(guard)
    }

    /// Tells how far the guard is from what it guards.
    pub fn separation(&self) -> Separation {
        self.separation
    }

    async fn row(&self) -> Result<Option<GuardRow>, StoreError> {
        bounded(self.rows.select(&self.id)).await
    }

    fn head(&self, (tree_size, root_hash, sum): GuardRow) -> Result<TreeHead, GuardError> {
        let damaged = |what: &dyn fmt::Display| {
            GuardError::Damaged(format!("guard {} in {}: {what}", self.id, self.url))
        };
        let head = TreeHead {
            tree_size: rows::unsigned("tree_size", tree_size).map_err(|e| damaged(&e))?,
            root_hash: Hash::from(rows::digest("root_hash", root_hash).map_err(|e| damaged(&e))?),
        };
        if sum != row(&self.id, &head).2 {
            return Err(damaged(&"its row was changed by somebody else"));
        }
        Ok(head)
    }
}

#[async_trait]
impl Guard for DatabaseGuard {
    fn id(&self) -> &str {
        &self.id
    }

    async fn read(&self) -> Result<TreeHead, GuardError> {
        match self.row().await.map_err(guard_error)? {
            Some(row) => self.head(row),
            None => Err(GuardError::Damaged(format!(
                "{} has no guard {} any more",
                self.url, self.id
            ))),
        }
    }

    async fn advance(&self, from: &TreeHead, to: &TreeHead) -> Result<Advance, GuardError> {
        let swap = self
            .rows
            .swap(&self.id, row(&self.id, from), row(&self.id, to));
        if bounded(swap).await.map_err(guard_error)? {
            return Ok(Advance::Moved);
        }
        let stands = self.read().await?;
        if stands == *from {
            // It went away and came back between two statements, which no guard does.
            return Err(GuardError::Damaged(format!(
                "guard {} in {} moved back",
                self.id, self.url
            )));
        }
        Ok(Advance::StandsAt(stands))
    }
}

impl fmt::Debug for DatabaseGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseGuard")
            .field("id", &self.id)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Connects to a database for guards, which must not be the one that is guarded.
async fn connect(
    url: &DatabaseUrl,
    guarded: &Store,
    options: ConnectOptions,
) -> Result<(Arc<dyn GuardRows>, Separation), GuardDatabaseError> {
    let refused = |source| ConnectError::Refused {
        url: url.to_string(),
        source,
    };
    let rows: Arc<dyn GuardRows> = match url.target() {
        Target::Postgres(options) => {
            Arc::new(postgres::guard_rows(options).await.map_err(refused)?)
        }
        Target::Sqlite(path) => {
            find(path, options)?;
            let failed = |error| ConnectError::File(path.to_owned(), error);
            // Before SQLite opens it: by another name it would have another write-ahead log.
            if sqlite::place_at(path).map_err(failed)? == guarded.place().await? {
                return Err(GuardDatabaseError::Guarded(url.to_string()));
            }
            Arc::new(sqlite::guard_rows(path).await.map_err(refused)?)
        }
    };
    bounded(rows.check_durability()).await?;
    let separation = match (rows.place().await?, guarded.place().await?) {
        (one, other) if one == other => {
            return Err(GuardDatabaseError::Guarded(url.to_string()));
        }
        (Place::Postgres { system: one, .. }, Place::Postgres { system: other, .. })
            if one == other =>
        {
            Separation::SameServer
        }
        _ => Separation::Apart,
    };
    Ok((rows, separation))
}

/// Makes the SQLite file if that is asked for, and refuses a missing one otherwise.
fn find(path: &Path, options: ConnectOptions) -> Result<(), ConnectError> {
    let failed = |error| ConnectError::File(path.to_owned(), error);
    match path.try_exists().map_err(failed)? {
        true => Ok(()),
        false if options.create => sqlite::make(path).map_err(failed),
        false => Err(ConnectError::Missing(path.to_owned())),
    }
}

/// Returns what stands in the database for a head.
fn row(id: &str, head: &TreeHead) -> GuardRow {
    let TreeHead {
        tree_size,
        root_hash,
    } = head;
    let sum = checksum(&format!("{id} {tree_size} {root_hash}"));
    (
        tree_size.cast_signed(),
        root_hash.as_bytes().to_vec(),
        sum.to_vec(),
    )
}

async fn bounded<T, E: From<StoreError>>(call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    tokio::time::timeout(OPERATION, call)
        .await
        .unwrap_or_else(|_| Err(timed_out(OPERATION).into()))
}

fn guard_error(error: StoreError) -> GuardError {
    match error {
        StoreError::Inconsistent(what) => GuardError::Damaged(what),
        other => GuardError::Unavailable(io::Error::other(other)),
    }
}
