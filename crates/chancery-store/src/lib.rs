//! The database: [`LogStore`] on SQLite and PostgreSQL, and what an installation records about
//! itself.
//!
//! The modules in `both/` are written once and compiled for each database, as `sqlite::log` and
//! `postgres::log` and so on: they reach connection type, statements and session by `super`. Only
//! what differs stands in `sqlite/` and `postgres/`. Columns have the same names and meanings in
//! both; times are milliseconds since the Unix epoch.
//!
//! Nobody outside this crate sees a connection: each method is one transaction, and none waits for
//! the database longer than a few seconds.
#![expect(
    clippy::duplicate_mod,
    reason = "the modules in both/ are compiled for each database on purpose"
)]

mod error;
mod guard;
mod instance;
mod limits;
mod migrate;
mod postgres;
mod rows;
mod server;
mod sqlite;
mod url;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chancery_log::{LogStore, StoreError};

pub use error::{ConnectError, CreateError, DurabilityError, SchemaError};
pub use guard::{DatabaseGuard, GuardDatabaseError, OpenDatabaseGuardError, Separation};
pub use instance::{Instance, NewInstance, NewLog, Purpose, Readers, RecordedLog};
pub use server::{DatabaseServer, ServerChange};
pub use url::{DatabaseUrl, DatabaseUrlError};

/// How to open a database.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectOptions {
    /// Makes the SQLite file if there is none. A PostgreSQL database must exist in any case.
    pub create: bool,
}

/// An open database.
#[derive(Clone)]
pub struct Store {
    url: DatabaseUrl,
    database: Arc<dyn Database>,
}

/// What each database does.
#[async_trait]
trait Database: Send + Sync {
    async fn migrate(&self) -> Result<(), SchemaError>;
    async fn check_schema(&self) -> Result<(), SchemaError>;
    async fn check_durability(&self) -> Result<(), DurabilityError>;
    async fn note_server(&self) -> Result<Option<ServerChange>, StoreError>;
    async fn create_instance(&self, new: &NewInstance) -> Result<(), CreateError>;
    async fn instance(&self) -> Result<Option<Instance>, StoreError>;
    async fn place(&self) -> Result<guard::Place, StoreError>;
    async fn claim_token(&self, digest: &[u8; 32], expires_ms: u64) -> Result<bool, StoreError>;
    fn log_store(&self, log: i64) -> Arc<dyn LogStore>;
    async fn close(&self);
}

impl Store {
    /// Opens a database. An SQLite file is locked against other processes until the store and all
    /// that came from it are dropped.
    pub async fn connect(url: &DatabaseUrl, options: ConnectOptions) -> Result<Self, ConnectError> {
        let refused = |source| ConnectError::Refused {
            url: url.to_string(),
            source,
        };
        let database: Arc<dyn Database> = match url.target() {
            url::Target::Postgres(options) => {
                Arc::new(postgres::connect(options).await.map_err(refused)?)
            }
            url::Target::Sqlite(path) => {
                let claim = sqlite::claim(path, options)?;
                Arc::new(sqlite::connect(path, claim).await.map_err(refused)?)
            }
        };
        Ok(Self {
            url: url.clone(),
            database,
        })
    }

    /// Makes the tables, or brings them up to this program's version.
    pub async fn migrate(&self) -> Result<(), SchemaError> {
        self.database.migrate().await
    }

    /// Refuses a database whose tables are missing, older or newer than this program's.
    pub async fn check_schema(&self) -> Result<(), SchemaError> {
        self.database.check_schema().await
    }

    /// Refuses a database that can lose what it has committed.
    pub async fn check_durability(&self) -> Result<(), DurabilityError> {
        self.database.check_durability().await
    }

    /// Notes the server that holds the database, and returns how it differs from the one that was
    /// noted last.
    pub async fn note_server(&self) -> Result<Option<ServerChange>, StoreError> {
        self.database.note_server().await
    }

    /// Records a new installation and its empty log, in one transaction. There can be one only.
    pub async fn create_instance(&self, new: NewInstance) -> Result<(), CreateError> {
        new.refuse_unusable()?;
        self.database.create_instance(&new).await
    }

    /// Returns the installation that the database belongs to.
    pub async fn instance(&self) -> Result<Option<Instance>, StoreError> {
        self.database.instance().await
    }

    /// Records that the token with this digest was used, and returns `false` if that was recorded
    /// before: of any number of calls with one digest, one gets `true`. An hour after
    /// `expires_ms`, which must be later than anybody accepts the token, its use is forgotten by
    /// some later call.
    ///
    /// An error leaves open whether the use was recorded.
    pub async fn claim_token(&self, digest: [u8; 32], expires_ms: u64) -> Result<bool, StoreError> {
        self.database.claim_token(&digest, expires_ms).await
    }

    /// Returns the store of a log, by its [`RecordedLog::log`].
    pub fn log_store(&self, log: i64) -> Arc<dyn LogStore> {
        self.database.log_store(log)
    }

    /// Returns what tells this database from others.
    pub(crate) async fn place(&self) -> Result<guard::Place, StoreError> {
        self.database.place().await
    }

    /// Closes the connections. What is under way comes to its end; later calls fail.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.url).finish()
    }
}
