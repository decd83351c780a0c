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
    /// What kind of copy the database is; `None` if it is the installation's own.
    pub copy: Option<CopyState>,
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

impl RecordedLog {
    /// Returns the id of its rollback guard.
    pub fn guard_of<'a>(&'a self, instance: &'a Instance) -> &'a str {
        self.guard_id.as_deref().unwrap_or(&instance.guard_id)
    }
}
