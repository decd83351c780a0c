//! The contract between the log and its database.

use std::fmt::Debug;
use std::ops::Range;

use async_trait::async_trait;
use chancery_tlog::{Hash, TileId, TileWrite, TreeHead};

use crate::{Delivery, IndexTerm, IssuerCertificate};

/// A tree head with its time, not signed yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// Size and root.
    pub tree: TreeHead,
    /// When the tree had this head, in milliseconds since the Unix epoch. Strictly greater than
    /// that of any smaller head.
    pub timestamp_ms: u64,
}

/// A connection to one run of a database server. Another run may be of another server, after a
/// failover, or begin with older contents; and between two connections somebody may have put other
/// contents in the database's place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ServerRun {
    /// When the server was started, in microseconds since the Unix epoch.
    pub started_us: i64,
    /// Which of this process's connections it is.
    pub connection: u64,
}

/// What a sequencer finds under the head lock.
#[derive(Debug)]
pub struct Tip {
    /// The stored head.
    pub head: Head,
    /// What the times of the log's entries are all before, in milliseconds since the Unix epoch; from
    /// then on, another log takes entries.
    pub ends_ms: Option<u64>,
    /// The hash tiles of its right edge, in the order of [`chancery_tlog::RightEdge::tiles_needed`];
    /// `None` if the head is the one that the caller said it knows.
    pub edge_tiles: Option<Vec<(TileId, Vec<u8>)>>,
    /// The database's own clock, where it is another machine's.
    pub database_time_ms: Option<u64>,
    /// Whose lock it is, where the database is a server.
    pub server_run: Option<ServerRun>,
}

/// A new entry, in its place.
#[derive(Debug)]
pub struct NewEntry {
    /// The entry's place.
    pub leaf_index: u64,
    /// The bytes that a data tile holds.
    pub tile_leaf: Vec<u8>,
    /// What it can be found by.
    pub terms: Vec<IndexTerm>,
}

/// All that one transaction writes.
#[derive(Debug)]
pub struct Batch {
    /// The head after the batch.
    pub head: Head,
    /// New entries, in order, the first at the old tree size.
    pub entries: Vec<NewEntry>,
    /// Every hash tile that changed, whole.
    pub tiles: Vec<TileWrite>,
    /// Deliveries of earlier entries.
    pub deliveries: Vec<Delivery>,
    /// Certificates that the entries name, and that may not be stored yet. One that is stored
    /// already stays as it is.
    pub issuers: Vec<IssuerCertificate>,
    /// Leaves among the entries that the log may not have yet, by their leaf hash. If the index has the
    /// [`IndexTerm::leaf_hash`] of any, seen under the same lock, nothing is written:
    /// [`PlanRefused::AlreadyLogged`].
    pub only_once: Vec<Hash>,
}

/// Makes a batch from what was found under the lock. Pure and short: the lock is held meanwhile.
pub type Plan<'a> = Box<dyn FnOnce(Tip) -> Result<Batch, PlanRefused> + Send + 'a>;

/// A log that can be read, wherever its bytes are.
#[async_trait]
pub trait LogReader: Debug + Send + Sync {
    /// Reads the newest head.
    async fn head(&self) -> Result<Head, StoreError>;

    /// Reads hash tiles as they are stored, in the order asked for; `None` where there is none.
    async fn hash_tiles(&self, tiles: &[TileId]) -> Result<Vec<Option<Vec<u8>>>, StoreError>;

    /// Reads the data-tile bytes of the entries in `range`, in order. Fewer are returned where the
    /// log ends.
    async fn entries(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError>;

    /// Reads entries before it is their turn, several such reads at once. `None` if they are too
    /// large for that: they are read alone then. Only what a stranger sends is ever so large.
    async fn entries_ahead(&self, range: Range<u64>) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        self.entries(range).await.map(Some)
    }

    /// Returns below which index entries come from published files, as far as is known without
    /// asking: each file holds a tile of them, and is read whole however few are wanted.
    fn known_in_files(&self) -> u64 {
        0
    }

    /// Reads the DER of an issuer certificate by its SHA-256.
    async fn issuer(&self, fingerprint: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Returns the entries that an index term finds, in order and at most `limit`. `value` is as
    /// [`IndexTerm::stored_value`] has it. Only a database has an index: elsewhere this is an error.
    async fn find(&self, _name: &str, _value: &str, _limit: u32) -> Result<Vec<u64>, StoreError> {
        let what = "a log that is published as files has no index";
        Err(StoreError::Unavailable(what.into()))
    }
}

/// One log in a database.
///
/// Each method is one transaction. A future may be dropped at any await: that is an error whose
/// effect is unknown.
#[async_trait]
pub trait LogStore: LogReader {
    /// Appends a batch.
    ///
    /// Locks the head row against every other process, reads it (and its right edge, unless it is
    /// `known`), calls `plan`, writes the whole batch, replaces the head by compare-and-swap and
    /// commits. When it returns `Ok`, the batch is durable; concurrent calls are serialised.
    async fn sequence(&self, known: Option<TreeHead>, plan: Plan<'_>) -> Result<(), SequenceError>;

    /// Records deliveries without a batch. Recording one twice is no error.
    async fn record(&self, deliveries: &[Delivery]) -> Result<(), StoreError>;

    /// Reads the recorded deliveries of the entries in `range`, in order. Entries without one are
    /// left out.
    async fn deliveries(&self, range: Range<u64>) -> Result<Vec<Delivery>, StoreError>;

    /// Reads at most `limit` index terms in the order of the index, from the first after `after`.
    async fn terms(
        &self,
        after: Option<&StoredTerm>,
        limit: u32,
    ) -> Result<Vec<StoredTerm>, StoreError>;

    /// Returns what is stored although a tree of `tree_size` entries has no place for it: the first
    /// thousand of each kind. Index terms are left out.
    async fn beyond(&self, tree_size: u64) -> Result<Beyond, StoreError>;

    /// Returns how many of the log's first entries are stored here no more, because they were
    /// published elsewhere: a multiple of 256.
    async fn pruned_below(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    /// Deletes the first entries, up to `below`, and records it, in one transaction. Hash tiles, index
    /// and deliveries stay. The caller has seen that the entries are elsewhere, and calls in steps of
    /// a few thousand entries.
    async fn prune(&self, below: u64) -> Result<(), StoreError> {
        let _ = below;
        Err(StoreError::Unavailable(
            "this store keeps all of its entries".into(),
        ))
    }

    /// Reads every stored issuer certificate: the fingerprint that it is found by, and its DER.
    async fn issuers(&self) -> Result<Vec<([u8; 32], Vec<u8>)>, StoreError>;
}

/// What is stored beyond the end of a tree.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Beyond {
    /// Places of entries.
    pub entries: Vec<u64>,
    /// Hash tiles.
    pub hash_tiles: Vec<TileId>,
    /// Entries of deliveries.
    pub deliveries: Vec<u64>,
}

/// An index term as it is stored: where the [`IndexTerm`]'s value is long, its digest stands for it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct StoredTerm {
    /// The kind of term.
    pub name: String,
    /// What to search for.
    pub value: String,
    /// An entry that it finds.
    pub leaf_index: u64,
}

/// Why a read or a small write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The stored data contradicts itself. Nothing should be built on it.
    #[error("the database contradicts itself: {0}")]
    Inconsistent(String),
    /// The database is away, slow, full, or refused.
    #[error("the database is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a batch was not appended.
#[derive(Debug, thiserror::Error)]
pub enum SequenceError {
    /// Nothing was written.
    #[error("nothing was written")]
    NotCommitted(#[source] StoreError),
    /// The plan refused to build on what it found; nothing was written.
    #[error(transparent)]
    Refused(#[from] PlanRefused),
    /// COMMIT was sent and its answer never came: the batch may or may not be there. Nothing may be
    /// released on the strength of it.
    #[error("the commit's outcome is unknown")]
    Unknown(#[source] StoreError),
}

/// Why a plan did not build on what it found under the lock.
#[derive(Debug, thiserror::Error)]
pub enum PlanRefused {
    /// This machine's clock is behind the log.
    #[error("the clock is {behind_ms} ms behind the last tree head; wait or set the clock")]
    ClockBehind {
        /// By how much.
        behind_ms: u64,
    },
    /// This machine and the database's disagree about the time.
    #[error("the clocks of this process and of the database differ by {apart_ms} ms; set them")]
    ClocksApart {
        /// By how much.
        apart_ms: u64,
    },
    /// The stored head is not the published one, and not later: the database went back, or it is
    /// another one.
    #[error(
        "the stored head of {stored} entries is behind the published one of {published}, or beside it"
    )]
    Behind {
        /// The size of the stored tree.
        stored: u64,
        /// The size of the newest tree that this process has published.
        published: u64,
    },
    /// The stored right edge does not hash to the stored head.
    #[error("the stored tiles do not hash to the stored head: {0}")]
    DamagedEdge(String),
    /// The database was connected to since database and guard were last held against each other.
    #[error("the connection to the database is a new one")]
    AnotherServerRun(ServerRun),
    /// The log takes no entries of that time any more, and another one does.
    #[error("the log has ended")]
    Ended,
    /// The log takes no entries yet.
    #[error("the log begins only in {in_ms} ms")]
    NotBegun {
        /// When it does.
        in_ms: u64,
    },
    /// The log was retired, or given another guard, since this process opened it.
    #[error("the log was retired or given another guard while this process ran")]
    Rebound,
    /// The log has some of the leaves that it may have once only.
    #[error("the log has {} of the entries already", terms.len())]
    AlreadyLogged {
        /// Which, by the value of their [`IndexTerm::leaf_hash`].
        terms: Vec<String>,
    },
    /// The log has no room left (2^40 entries).
    #[error("the log is full")]
    Full,
    /// Somebody else has appended meanwhile.
    #[error("the stored tree has {stored} entries, not {expected}: another process writes to it")]
    Moved {
        /// The size of the stored tree.
        stored: u64,
        /// The size of the tree that the batch was made for.
        expected: u64,
    },
}
