//! Taking entries: verified, accepted, never logged twice, answered when they are published.

use std::sync::Arc;
use std::time::Duration;

use chancery_log::clock::Clock;
use chancery_log::{
    AppendError, Budget, IndexTerm, Log, PublishedLog as _, ReadError, SignedHead, Snapshot,
};
use chancery_tlog::{Hash, verify_inclusion};
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::acceptance::{Acceptance, AdmitError, NotAccepted};
use crate::logged::LoggedEntry;
use crate::request::EntryRequest;
use crate::verify::{EntryRefused, VerifiedEntry};

/// How many entries can be logged at once without waiting for another: each has one lane, which it
/// shares.
const LANES: usize = 1024;

/// How many entries are looked at whose leaf hash begins alike.
const CANDIDATES: u32 = 16;

/// How often a head is looked for that covers an entry which is stored. What is under way when it is
/// looked for may be an earlier one.
const LOOKS: usize = 3;

/// What a ledger is made of.
#[derive(Debug)]
pub struct LedgerParts {
    /// The log, a plain one, which has its first entry.
    pub log: Arc<Log>,
    /// Whose signatures are entered.
    pub acceptance: Acceptance,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How much is taken.
    pub limits: LedgerLimits,
}

/// How much is taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LedgerLimits {
    /// New entries a second, of all clients together, in the long run. What is refused, and what the
    /// ledger has already, does not count.
    pub per_second: u32,
    /// As many as in this time are taken at once.
    pub burst: Duration,
    /// Requests that are worked on at a time; more are turned away.
    pub at_once: usize,
    /// Whether envelopes (`dsseRequestV002`) are taken, which older clients send.
    pub dsse: bool,
}

impl Default for LedgerLimits {
    /// Returns 200 a second, 1,000 at once, 1,024 at a time, and envelopes.
    fn default() -> Self {
        Self {
            per_second: 200,
            burst: Duration::from_secs(5),
            at_once: 1_024,
            dsse: true,
        }
    }
}

/// Takes entries.
#[derive(Debug)]
pub struct Ledger {
    log: Arc<Log>,
    acceptance: Acceptance,
    clock: Arc<dyn Clock>,
    budget: Budget,
    dsse: bool,
    seats: Arc<Semaphore>,
    lanes: Vec<Arc<Mutex<()>>>,
}

/// Why a request got no entry.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The request is none.
    #[error("invalid request: {0}")]
    Refused(#[from] EntryRefused),
    /// The signature is not one that this ledger takes.
    #[error("invalid entry: {0}")]
    NotAccepted(#[from] NotAccepted),
    /// The ledger has it already.
    #[error("an equivalent entry already exists in the transparency log with index {leaf_index}")]
    Duplicate {
        /// Where.
        leaf_index: u64,
    },
    /// The ledger takes no more entries; another one does.
    #[error("This log has been frozen, please switch to the latest log.")]
    Frozen,
    /// Too many come.
    #[error("too many entries come; try again")]
    Limited {
        /// When to try again.
        retry_after: Duration,
    },
    /// Too many are being worked on.
    #[error("too many requests wait for the ledger; retry")]
    Busy,
    /// The log did not take the entry. It may be in the log all the same.
    #[error("the log did not take the entry")]
    Append(#[source] AppendError),
    /// The database could not be read. The entry may be in the log all the same.
    #[error("the log could not be read")]
    Read(#[from] ReadError),
    /// The task was aborted; the entry may be in the log.
    #[error("the work on the entry was aborted")]
    Aborted,
}

impl From<AppendError> for AddError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Ended => Self::Frozen,
            AppendError::PoolFull => Self::Busy,
            error => Self::Append(error),
        }
    }
}

impl From<AdmitError> for AddError {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::NotAccepted(error) => Self::NotAccepted(error),
            AdmitError::Read(error) => Self::Read(error),
        }
    }
}

impl Ledger {
    /// Takes the parts.
    pub fn new(parts: LedgerParts) -> Arc<Self> {
        let LedgerParts {
            log,
            acceptance,
            clock,
            limits,
        } = parts;
        let at_once = limits.at_once.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self {
            log,
            acceptance,
            clock,
            budget: Budget::new(limits.per_second, limits.burst),
            dsse: limits.dsse,
            seats: Arc::new(Semaphore::new(at_once)),
            lanes: (0..LANES).map(|_| Arc::default()).collect(),
        })
    }

    /// Returns the log.
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Verifies a signature and logs it, and returns the entry with its proof once it is committed,
    /// guarded, and covered by the published checkpoint.
    ///
    /// The work is done in a task of its own: a client who hangs up does not stop it half way.
    ///
    /// # Errors
    ///
    /// [`AddError`] says whose fault it is. After those of the log the entry may be there; the same
    /// request again then says where.
    pub async fn add(self: &Arc<Self>, request: EntryRequest) -> Result<LoggedEntry, AddError> {
        let seat = Arc::clone(&self.seats).try_acquire_owned();
        let seat = seat.map_err(|_| AddError::Busy)?;
        if !self.dsse && matches!(request, EntryRequest::Dsse(_)) {
            return Err(EntryRefused::DsseOff.into());
        }
        let ledger = Arc::clone(self);
        let work = async move {
            let _seat = seat;
            ledger.log_entry(request.verify()?).await
        };
        tokio::spawn(work.in_current_span())
            .await
            .unwrap_or(Err(AddError::Aborted))
    }

    async fn log_entry(&self, entry: VerifiedEntry) -> Result<LoggedEntry, AddError> {
        let _lane = self.lane(&entry).await;
        self.refuse_duplicate(&entry).await?;
        self.log.check_open()?;
        let accepted = self.acceptance.admit(entry, self.clock.now()).await?;
        let spent = self.budget.spend(Instant::now());
        spent.map_err(|retry_after| AddError::Limited { retry_after })?;
        let terms = accepted.terms();
        let entry = accepted.entry().clone();
        let sequenced = match self.log.append(Box::new(accepted), terms).await {
            Err(AppendError::AlreadyLogged) => return Err(self.say_where(&entry).await),
            sequenced => sequenced?,
        };
        match sequenced.proof() {
            Some((signed, hashes)) => {
                let leaf_index = sequenced.leaf_index().get();
                self.logged(&entry, leaf_index, signed, hashes)
            }
            None => self.prove(&entry, sequenced.leaf_index().get()).await,
        }
    }

    /// Refuses an entry that is in the log. One that is stored and could not be published yet is
    /// neither there nor to be logged again.
    async fn refuse_duplicate(&self, entry: &VerifiedEntry) -> Result<(), AddError> {
        let hash = entry.leaf_hash();
        let IndexTerm { name, value } = IndexTerm::leaf_hash(&hash);
        // Entries are found as soon as they are stored, whatever head is known.
        let mut newest = match self.log.known() {
            Some(known) => known,
            None => self.log.newest().await?,
        };
        let found = newest.reader().find(name, &value, CANDIDATES).await;
        let found = found.map_err(ReadError::from)?;
        let Some(last) = found.last().copied() else {
            return Ok(());
        };
        // Another process may have logged it in between.
        for _ in 0..LOOKS {
            if newest.head().tree.tree_size > last {
                break;
            }
            newest = self.log.newest().await?;
        }
        let size = newest.head().tree.tree_size;
        if let Some(leaf_index) = newest.find_leaf(&hash, size).await? {
            return Err(AddError::Duplicate { leaf_index });
        }
        match found.into_iter().find(|index| *index >= size) {
            Some(index) => {
                let what = format!("entry {index} is not covered by the published checkpoint yet");
                Err(ReadError::Unpublished(what).into())
            }
            None => Ok(()),
        }
    }

    /// Says where the log has an entry that another process was quicker with.
    async fn say_where(&self, entry: &VerifiedEntry) -> AddError {
        match self.refuse_duplicate(entry).await {
            Err(error) => error,
            Ok(()) => {
                let what = "another process is logging the entry; retry".to_owned();
                ReadError::Unpublished(what).into()
            }
        }
    }

    /// Proves from stored tiles that an entry is in the newest tree.
    async fn prove(&self, entry: &VerifiedEntry, leaf_index: u64) -> Result<LoggedEntry, AddError> {
        let covers = |log: &Snapshot| log.head().tree.tree_size > leaf_index;
        let published = match self.log.known().filter(covers) {
            Some(known) => known,
            None => self.log.newest().await?,
        };
        let tree = published.head().tree;
        let hashes = published
            .inclusion_proof(leaf_index, tree.tree_size)
            .await?;
        let unpublished = || ReadError::Unpublished("the entry is not covered yet".to_owned());
        let hashes = hashes.ok_or_else(unpublished)?;
        self.logged(entry, leaf_index, published.signed_head(), hashes)
    }

    /// Says what is answered, once the proof is verified.
    fn logged(
        &self,
        entry: &VerifiedEntry,
        leaf_index: u64,
        published: &SignedHead,
        hashes: Vec<Hash>,
    ) -> Result<LoggedEntry, AddError> {
        let tree = published.head.tree;
        let leaf = entry.leaf_hash();
        verify_inclusion(leaf_index, tree.tree_size, &leaf, &hashes, &tree.root_hash).map_err(
            |e| ReadError::Inconsistent(format!("the proof for entry {leaf_index}: {e}")),
        )?;
        let checkpoint = String::from_utf8(published.checkpoint.to_vec());
        let not_text = |_| ReadError::Inconsistent("the checkpoint is not text".to_owned());
        Ok(LoggedEntry {
            kind: entry.kind(),
            body: entry.body().to_vec(),
            leaf_index,
            log_id: *self.log.log_id().as_bytes(),
            tree,
            hashes,
            checkpoint: checkpoint.map_err(not_text)?,
        })
    }

    async fn lane(&self, entry: &VerifiedEntry) -> Option<OwnedMutexGuard<()>> {
        let [a, b, ..] = *entry.leaf_hash().as_bytes();
        let number = usize::from(u16::from_be_bytes([a, b])) % LANES;
        Some(Arc::clone(self.lanes.get(number)?).lock_owned().await)
    }
}
