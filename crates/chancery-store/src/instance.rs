//! The installation that a database belongs to.
//!
//! A process compares what it was started with against what is recorded here, and refuses to
//! start on any difference: that is what binds it to its log.

use std::fmt;

use chancery_log::StoreError;

use crate::error::CreateError;

/// What an installation may be used for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// Trying things out: its keys are not protected.
    Development,
    /// The real thing.
    Production,
}

/// Who may read a log's entries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Readers {
    /// Everybody.
    Open,
    /// Nobody over HTTP.
    Restricted,
}

/// A new installation, to be recorded.
#[derive(Clone, Debug)]
pub struct NewInstance {
    /// What it may be used for.
    pub purpose: Purpose,
    /// The id of its rollback guard.
    pub guard_id: String,
    /// Where its clients reach it.
    pub url: String,
    /// The DER of the CA certificates: the issuing one first, the root last.
    pub chain: Vec<Vec<u8>>,
    /// Its log.
    pub log: NewLog,
    /// Now, in milliseconds since the Unix epoch; also the time of the log's empty head.
    pub now_ms: u64,
}

/// A new log, to be recorded.
#[derive(Clone, Debug)]
pub struct NewLog {
    /// Its segment in URL paths.
    pub name: String,
    /// Its checkpoint origin.
    pub origin: String,
    /// SHA-256 of `public_key`.
    pub log_id: [u8; 32],
    /// Its key, as a DER `SubjectPublicKeyInfo`.
    pub public_key: Vec<u8>,
    /// The key of its checkpoint's line for witnesses, as a DER `SubjectPublicKeyInfo`.
    pub witness_key: Vec<u8>,
    /// Who may read its entries.
    pub readers: Readers,
}

/// An installation as it is recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Instance {
    /// What it may be used for.
    pub purpose: Purpose,
    /// When it was recorded, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// The id of its rollback guard.
    pub guard_id: String,
    /// Where its clients reach it.
    pub url: String,
    /// The DER of the CA certificates: the issuing one first, the root last.
    pub chain: Vec<Vec<u8>>,
    /// Its logs of issued certificates, oldest first.
    pub logs: Vec<RecordedLog>,
    /// Its ledgers, oldest first.
    pub ledgers: Vec<RecordedLog>,
    /// The chains of its timestamp authority, those known longest first.
    pub timestamp_chains: Vec<RecordedTimestampChain>,
    /// What kind of copy the database is; `None` if it is the installation's own.
    pub copy: Option<CopyState>,
}

impl Instance {
    /// Returns the logs of every kind: those of issued certificates, then the ledgers.
    pub fn every_log(&self) -> impl Iterator<Item = &RecordedLog> {
        self.logs.iter().chain(&self.ledgers)
    }
}

/// What kind of copy of an installation's database a database is. Nobody may issue from one: the
/// original may be in use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CopyState {
    /// A finished backup.
    Backup,
    /// A backup that broke off, or is under way.
    UnfinishedBackup,
    /// A database into which a backup is being restored, or was in part.
    UnfinishedRestore,
}

/// A log as it is recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordedLog {
    /// Its number in the database, for [`Store::log_store`](crate::Store::log_store).
    pub log: i64,
    /// Its segment in URL paths.
    pub name: String,
    /// Its checkpoint origin.
    pub origin: String,
    /// SHA-256 of `public_key`.
    pub log_id: [u8; 32],
    /// Its key, as a DER `SubjectPublicKeyInfo`.
    pub public_key: Vec<u8>,
    /// The key of its checkpoint's line for witnesses, as a DER `SubjectPublicKeyInfo`.
    pub witness_key: Vec<u8>,
    /// Who may read its entries.
    pub readers: Readers,
    /// When it was recorded, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// From when it takes entries, in milliseconds since the Unix epoch.
    pub begins_ms: u64,
    /// What the times of its entries are all before, in milliseconds since the Unix epoch, if
    /// another log follows it.
    pub ends_ms: Option<u64>,
    /// Since when it takes no entries, in milliseconds since the Unix epoch.
    pub retired_ms: Option<u64>,
    /// How often it was retired or given another guard, in this database.
    pub binding: u64,
    /// The id of its own rollback guard; `None`: it has the instance's.
    pub guard_id: Option<String>,
    /// Its last checkpoint as it was signed, if it is retired and that was kept.
    pub final_checkpoint: Option<Vec<u8>>,
    /// What its entries are.
    pub kind: LogKind,
}

/// What the entries of a log are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogKind {
    /// Issued certificates (RFC 6962, c2sp.org/static-ct-api).
    Issuance,
    /// Signatures over artifacts (c2sp.org/tlog-tiles). Of its record, `log_id` is the whole hash of
    /// its note key, and both keys are that one.
    Ledger,
}

/// A chain of the timestamp authority, as it is recorded. Timestamps can be verified only as long as
/// somebody has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordedTimestampChain {
    /// A DER sequence of its certificates: the one that signs first, the root last.
    pub certificates: Vec<u8>,
    /// When it was recorded, in milliseconds since the Unix epoch.
    pub recorded_ms: u64,
    /// Since when the installation stamps with it, in milliseconds since the Unix epoch; `None` if it
    /// did not yet.
    pub begins_ms: Option<u64>,
    /// Timestamps of a later time do not count, in milliseconds since the Unix epoch.
    pub ends_ms: Option<u64>,
}

/// Whether the installation stamps with a chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StampWith {
    /// It did already.
    InUse,
    /// It does from now on, and is the first.
    First,
    /// It does from now on, instead of another.
    TookOver,
    /// It does not: the chain is not recorded, and another one is in use, or was.
    Unknown,
    /// It does no more: the chain has got an end.
    Ended {
        /// In milliseconds since the Unix epoch.
        ends_ms: u64,
    },
}

/// A ledger, to be recorded.
#[derive(Clone, Debug)]
pub struct NewLedger {
    /// The log.
    pub log: NewLog,
    /// The id of its rollback guard.
    pub guard_id: String,
    /// Now, in milliseconds since the Unix epoch; also the time of the log's empty head.
    pub now_ms: u64,
}

/// A log that follows another one from a date on, to be recorded.
#[derive(Clone, Debug)]
pub struct NextLog {
    /// The log.
    pub log: NewLog,
    /// The number of the log that it follows, which must be the newest.
    pub after: i64,
    /// From when it takes entries, and the other none, in milliseconds since the Unix epoch.
    pub begins_ms: u64,
    /// The id of its rollback guard.
    pub guard_id: String,
    /// Now, in milliseconds since the Unix epoch; also the time of the log's empty head.
    pub now_ms: u64,
}

impl CopyState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::UnfinishedBackup => "unfinished backup",
            Self::UnfinishedRestore => "unfinished restore",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        match text {
            "backup" => Ok(Self::Backup),
            "unfinished backup" => Ok(Self::UnfinishedBackup),
            "unfinished restore" => Ok(Self::UnfinishedRestore),
            _ => Err(StoreError::Inconsistent(format!(
                "a copy's state is {text:?}"
            ))),
        }
    }
}

impl LogKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Issuance => "issuance",
            Self::Ledger => "ledger",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        match text {
            "issuance" => Ok(Self::Issuance),
            "ledger" => Ok(Self::Ledger),
            _ => Err(StoreError::Inconsistent(format!(
                "a log's kind is {text:?}"
            ))),
        }
    }
}

impl Purpose {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        match text {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err(StoreError::Inconsistent(format!(
                "an installation's purpose is {text:?}"
            ))),
        }
    }
}

impl Readers {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Restricted => "restricted",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        match text {
            "open" => Ok(Self::Open),
            "restricted" => Ok(Self::Restricted),
            _ => Err(StoreError::Inconsistent(format!(
                "a log's readers are {text:?}"
            ))),
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl NewInstance {
    /// Refuses what could not be used later.
    pub(crate) fn refuse_unusable(&self) -> Result<(), CreateError> {
        if self.chain.is_empty() {
            return Err(CreateError::EmptyChain);
        }
        match self.log.has_usable_name() {
            true => Ok(()),
            false => Err(CreateError::LogName(self.log.name.clone())),
        }
    }
}

impl NewLog {
    /// Tells whether its name can stand in a path.
    pub(crate) fn has_usable_name(&self) -> bool {
        let name = &self.name;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !name.is_empty() && !name.starts_with('.') && name.chars().all(allowed)
    }
}

impl RecordedTimestampChain {
    /// Tells whether it is the one that the installation stamps with.
    pub fn is_in_use(&self) -> bool {
        self.begins_ms.is_some() && self.ends_ms.is_none()
    }
}

impl StampWith {
    /// Tells what [`Store::stamp_with`](crate::Store::stamp_with) would answer for a chain, by all
    /// that are recorded.
    pub fn judge(recorded: &[RecordedTimestampChain], certificates: &[u8]) -> Self {
        let first = recorded.iter().all(|chain| chain.begins_ms.is_none());
        let same = |chain: &&RecordedTimestampChain| chain.certificates == certificates;
        match recorded.iter().find(same) {
            Some(chain) => match (chain.ends_ms, chain.begins_ms) {
                (Some(ends_ms), _) => Self::Ended { ends_ms },
                (None, Some(_)) => Self::InUse,
                (None, None) if first => Self::First,
                (None, None) => Self::TookOver,
            },
            None if first => Self::First,
            None => Self::Unknown,
        }
    }
}

impl RecordedLog {
    /// Returns the id of its rollback guard.
    pub fn guard_of<'a>(&'a self, instance: &'a Instance) -> &'a str {
        self.guard_id.as_deref().unwrap_or(&instance.guard_id)
    }
}
