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
use chancery_tlog::TreeHead;
use chancery_trust::store::TrustStore;

pub use error::{AddLogError, ConnectError, CreateError, DurabilityError, SchemaError};
pub use guard::{DatabaseGuard, GuardDatabaseError, OpenDatabaseGuardError, Separation};
pub use instance::{
    CopyState, Instance, LogKind, NewInstance, NewLedger, NewLog, NextLog, Purpose, Readers,
    RecordedLog, RecordedTimestampChain, StampWith,
};
pub use server::{DatabaseServer, ServerChange};
pub use url::{DatabaseUrl, DatabaseUrlError};

/// How to open a database.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectOptions {
    /// Makes the SQLite file if there is none. A PostgreSQL database must exist in any case.
    pub create: bool,
    /// What may be done with it.
    pub access: Access,
}

/// What may be done with a database.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Access {
    /// Everything. An SQLite file belongs to one process then.
    #[default]
    ReadWrite,
    /// Reading, also while another process writes, and from a standby. Whatever writes fails.
    ReadOnly,
    /// Reading, [`Store::add_log`], [`Store::trust`] and [`Store::record_timestamp_chain`]: in an
    /// SQLite file also while another process has it. That one goes on to write the heads of logs,
    /// which these leave alone.
    AddLog,
}

/// The certificates that one log's entries may name in their chains.
#[derive(Clone, Debug)]
pub struct Issuers {
    /// The log's number.
    pub log: i64,
    /// Each with its SHA-256.
    pub certificates: Vec<([u8; 32], Vec<u8>)>,
}

/// The use of a token that may be used once only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UsedToken {
    /// As [`Store::claim_token`] got it.
    pub digest: [u8; 32],
    /// When the token is refused anyway, in milliseconds since the Unix epoch.
    pub expires_ms: u64,
}

/// Every version of the trust metadata, and all documents.
#[derive(Clone, Debug)]
struct TrustHistory {
    metadata: Vec<(String, i64, Vec<u8>)>,
    documents: Vec<(Vec<u8>, Vec<u8>)>,
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
    async fn create_copy(
        &self,
        of: &Instance,
        issuers: &[Issuers],
        state: CopyState,
        begun_ms: u64,
    ) -> Result<(), CreateError>;
    async fn finish_copy(&self, state: CopyState) -> Result<bool, StoreError>;
    async fn add_log(&self, next: &NextLog) -> Result<i64, AddLogError>;
    async fn add_ledger(&self, new: &NewLedger) -> Result<i64, AddLogError>;
    async fn end_ledger(&self, log: i64, ends_ms: u64) -> Result<bool, StoreError>;
    async fn retire_log(&self, log: i64, now_ms: u64) -> Result<bool, StoreError>;
    async fn retire_ended_log(
        &self,
        log: i64,
        grace_ms: u64,
        now_ms: u64,
    ) -> Result<bool, StoreError>;
    async fn put_final_checkpoint(
        &self,
        log: i64,
        tree: &TreeHead,
        checkpoint: &[u8],
    ) -> Result<bool, StoreError>;
    async fn time_ms(&self, process_ms: u64) -> Result<u64, StoreError>;
    async fn replace_guard(&self, log: i64, from: &str, to: &str) -> Result<bool, StoreError>;
    async fn used_tokens(&self, after: &[u8], limit: u32) -> Result<Vec<UsedToken>, StoreError>;
    async fn put_used_tokens(&self, tokens: &[UsedToken]) -> Result<(), StoreError>;
    async fn seal(&self) -> Result<(), StoreError>;
    fn log_store(&self, log: i64, binding: Option<u64>) -> Arc<dyn LogStore>;
    async fn record_timestamp_chain(
        &self,
        certificates: &[u8],
        ends_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<(), StoreError>;
    async fn stamp_with(
        &self,
        certificates: &[u8],
        now_ms: u64,
        until_ms: u64,
    ) -> Result<StampWith, StoreError>;
    fn trust(&self) -> Arc<dyn TrustStore>;
    async fn trust_history(&self) -> Result<TrustHistory, StoreError>;
    async fn put_trust_history(&self, history: &TrustHistory) -> Result<(), StoreError>;
    async fn close(&self);
}

impl Store {
    /// Opens a database. An SQLite file is locked against other processes that write until the store
    /// and all that came from it are dropped, unless it is only read.
    pub async fn connect(url: &DatabaseUrl, options: ConnectOptions) -> Result<Self, ConnectError> {
        let refused = |source| ConnectError::Refused {
            url: url.to_string(),
            source,
        };
        let database: Arc<dyn Database> = match url.target() {
            url::Target::Postgres(target) => Arc::new(
                postgres::connect(target, options.access)
                    .await
                    .map_err(refused)?,
            ),
            url::Target::Sqlite(path) => {
                let claim = sqlite::claim(path, options)?;
                Arc::new(
                    sqlite::connect(path, claim, options.access)
                        .await
                        .map_err(refused)?,
                )
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

    /// Records a copy of another database's installation, with its logs empty, in one transaction.
    /// Until [`Store::finish_copy`] says that it is whole, and for ever in a backup, nobody may issue
    /// from it. `begun_ms` is now, in milliseconds since the Unix epoch.
    pub async fn create_copy(
        &self,
        of: &Instance,
        issuers: &[Issuers],
        state: CopyState,
        begun_ms: u64,
    ) -> Result<(), CreateError> {
        self.database
            .create_copy(of, issuers, state, begun_ms)
            .await
    }

    /// Makes an unfinished backup a backup, and an unfinished restore the installation's own
    /// database. Returns `false` if the database is in no such state.
    pub async fn finish_copy(&self, state: CopyState) -> Result<bool, StoreError> {
        self.database.finish_copy(state).await
    }

    /// Records a log that follows the newest one, and the end of that one, in one transaction, and
    /// returns its number. Its entries may name the same issuers.
    pub async fn add_log(&self, next: NextLog) -> Result<i64, AddLogError> {
        if !next.log.has_usable_name() {
            return Err(AddLogError::LogName(next.log.name));
        }
        self.database.add_log(&next).await
    }

    /// Ends a ledger: it takes no entries of that time, in milliseconds since the Unix epoch, or later;
    /// `false` if it has an end, or has such entries, or is no ledger. Another process may serve it.
    pub async fn end_ledger(&self, log: i64, ends_ms: u64) -> Result<bool, StoreError> {
        self.database.end_ledger(log, ends_ms).await
    }

    /// Records an empty ledger, and returns its number.
    pub async fn add_ledger(&self, new: NewLedger) -> Result<i64, AddLogError> {
        if !new.log.has_usable_name() {
            return Err(AddLogError::LogName(new.log.name));
        }
        self.database.add_ledger(&new).await
    }

    /// Keeps the last checkpoint of a retired log, which is of `tree`, to be served when nobody can
    /// sign one any more. Returns `false`, and keeps nothing, if the stored head is another one, the
    /// log is not retired, or one is kept already.
    pub async fn put_final_checkpoint(
        &self,
        log: i64,
        tree: &TreeHead,
        checkpoint: &[u8],
    ) -> Result<bool, StoreError> {
        let kept = self.database.put_final_checkpoint(log, tree, checkpoint);
        kept.await
    }

    /// Records that a log takes no entries any more, if its end is `grace_ms` ago or more. A server
    /// judges that by its own clock, so that a process whose clock is ahead retires nothing; in
    /// SQLite it is judged by `now_ms`, in milliseconds since the Unix epoch. Returns `false` if it
    /// is not so, or the log is retired already.
    pub async fn retire_ended_log(
        &self,
        log: i64,
        grace_ms: u64,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        self.database.retire_ended_log(log, grace_ms, now_ms).await
    }

    /// Returns the time by which [`Store::retire_ended_log`] judges now: a server's, or in SQLite
    /// `process_ms`; in milliseconds since the Unix epoch.
    pub async fn time_ms(&self, process_ms: u64) -> Result<u64, StoreError> {
        self.database.time_ms(process_ms).await
    }

    /// Records that a log takes no entries any more, from `now_ms` on, in milliseconds since the
    /// Unix epoch, whether it has ended or not. Returns `false` if that is recorded already.
    pub async fn retire_log(&self, log: i64, now_ms: u64) -> Result<bool, StoreError> {
        self.database.retire_log(log, now_ms).await
    }

    /// Puts another guard in the place of the one that is recorded for a log: its own, or that of
    /// the instance. Returns `false` if that is not `from`. Another log whose guard has the same id
    /// keeps it.
    pub async fn replace_guard(&self, log: i64, from: &str, to: &str) -> Result<bool, StoreError> {
        self.database.replace_guard(log, from, to).await
    }

    /// Reads at most `limit` uses of tokens in the order of their digests, from the first after
    /// `after`.
    pub async fn used_tokens(
        &self,
        after: Option<&UsedToken>,
        limit: u32,
    ) -> Result<Vec<UsedToken>, StoreError> {
        let after = after.map(|token| token.digest);
        let after = after.as_ref().map_or(&[][..], |digest| &digest[..]);
        self.database.used_tokens(after, limit).await
    }

    /// Records uses of tokens that another database knows of: a few hundred at once.
    pub async fn put_used_tokens(&self, tokens: &[UsedToken]) -> Result<(), StoreError> {
        self.database.put_used_tokens(tokens).await
    }

    /// Moves all that an SQLite database holds into its one file. Nothing else is done with the
    /// store after this but closing it.
    pub async fn seal(&self) -> Result<(), StoreError> {
        self.database.seal().await
    }

    /// Returns the store of a log, by its [`RecordedLog::log`].
    pub fn log_store(&self, log: i64) -> Arc<dyn LogStore> {
        self.database.log_store(log, None)
    }

    /// Returns the store of a log that takes batches only as long as the log has the guard that it
    /// had when `log` was read, and is not retired.
    pub fn bound_log_store(&self, log: &RecordedLog) -> Arc<dyn LogStore> {
        self.database.log_store(log.log, Some(log.binding))
    }

    /// Records a chain of the timestamp authority, as a DER sequence of its certificates, if it is not
    /// recorded yet, and that it ends at `ends_ms` if it does not end earlier. An end is for ever: the
    /// chain in use is so taken out of use. `now_ms` is now; both are in milliseconds since the Unix
    /// epoch.
    pub async fn record_timestamp_chain(
        &self,
        certificates: &[u8],
        ends_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let database = &self.database;
        let recorded = database.record_timestamp_chain(certificates, ends_ms, now_ms);
        recorded.await
    }

    /// Makes a chain the one that the installation stamps with, if it is recorded and was never that,
    /// or nothing was. The chain before it ends at `until_ms`. Of any number of calls at once with
    /// different chains, one wins. Times are in milliseconds since the Unix epoch.
    pub async fn stamp_with(
        &self,
        certificates: &[u8],
        now_ms: u64,
        until_ms: u64,
    ) -> Result<StampWith, StoreError> {
        let database = &self.database;
        database.stamp_with(certificates, now_ms, until_ms).await
    }

    /// Returns where the trust metadata are.
    pub fn trust(&self) -> Arc<dyn TrustStore> {
        self.database.trust()
    }

    /// Adds to `other` every version of the trust metadata that it lacks.
    pub async fn copy_trust_to(&self, other: &Self) -> Result<(), StoreError> {
        let history = self.database.trust_history().await?;
        other.database.put_trust_history(&history).await
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
