//! A log that is open: the handle that the rest of the program holds.

use std::sync::Arc;

use chancery_keys::PublicKey;
use chancery_tlog::ct::LogId;
use chancery_tlog::{Origin, RightEdge, TreeHead};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, unix_ms};
use crate::deliveries::Deliveries;
use crate::ending::KnownEnd;
use crate::guard::{Guard, GuardError};
use crate::leaf::{Delivery, IndexTerm, Leaf};
use crate::publisher::{PublishError, Publisher};
use crate::read::{ReadError, stored_edge};
use crate::sct::{Sct, SctError};
use crate::sequencer::{Pending, Sequenced, Sequencer};
use crate::signing::{HeadSigner, LogKeys};
use crate::store::{Head, LogStore, StoreError};
use crate::witnesses::{WitnessStanding, Witnesses};

/// What a log is made of.
#[derive(Debug)]
pub struct LogParts {
    /// The path segment that names the log in URLs.
    pub name: String,
    /// The checkpoint's first line.
    pub origin: Origin,
    /// The log's database.
    pub store: Arc<dyn LogStore>,
    /// The guard that the database names.
    pub guard: Arc<dyn Guard>,
    /// What kind of log it is, with its keys.
    pub keys: LogKeys,
    /// Those who cosign each checkpoint, if any.
    pub witnesses: Option<Arc<dyn Witnesses>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// From when the log takes entries, in milliseconds since the Unix epoch. Opening it earlier is
    /// what lets it begin on time.
    pub begins_ms: u64,
    /// How much may wait.
    pub limits: PoolLimits,
}

/// How much may wait and how much is committed at once.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Entries that may wait for their place; more are answered [`AppendError::PoolFull`].
    pub capacity: usize,
    /// The most entries in one batch.
    pub max_batch: usize,
}

impl Default for PoolLimits {
    /// Returns 2,048 waiting entries and batches of at most 512.
    fn default() -> Self {
        Self {
            capacity: 2_048,
            max_batch: 512,
        }
    }
}

/// An open log. Dropping it stops the sequencer without waiting; see [`Log::close`].
#[derive(Debug)]
pub struct Log {
    name: String,
    begins_ms: u64,
    pub(crate) publisher: Arc<Publisher>,
    pool: mpsc::Sender<Pending>,
    deliveries: Arc<Deliveries>,
    end: Arc<KnownEnd>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    sequencer: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

/// Why a log was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenLogError {
    /// The guard could not be asked.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The stored tiles do not hash to the stored head.
    #[error(
        "the log is damaged: the stored head says size {} root {}, and the hash tiles at its right \
         edge do not hash to it: {damage}. Restore the database from a backup; \
         `chancery log recover` brings back what the backup misses",
        stored.tree_size, stored.root_hash
    )]
    Damaged {
        /// The stored head.
        stored: TreeHead,
        /// What is wrong with the tiles.
        damage: String,
    },
    /// The stored head could not be guarded and signed.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The database could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an entry was not logged, as far as anybody can know: it may be in the log all the same.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// The log takes no entries of this time: the one that follows it does. Nothing was written.
    #[error("the log has ended")]
    Ended,
    /// The log may have the leaf once only, and has it, or is being given it by another request.
    /// Nothing was written.
    #[error("the log has this entry already")]
    AlreadyLogged,
    /// Database and guard are at odds; only an operator can help.
    #[error("the log is halted: {0}")]
    Halted(String),
    /// Too many entries wait already.
    #[error("too many requests wait for the log")]
    PoolFull,
    /// The log is closing.
    #[error("the log is closing")]
    Closing,
    /// The database, the guard or the key could not do its part now.
    #[error("the log is unavailable: {0}")]
    Unavailable(String),
}

/// How the log does, for probes and metrics.
#[derive(Clone, Debug)]
pub struct LogStatus {
    /// The newest head that this process has published.
    pub tree: TreeHead,
    /// Its time, in milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// Entries that wait for their place.
    pub waiting: usize,
    /// Why nothing is signed any more, if so.
    pub halted: Option<String>,
    /// How its witnesses stand.
    pub witnesses: Vec<WitnessStanding>,
}

impl Log {
    /// Opens a log: rehashes its right edge, sees the guard at the stored head, publishes it, and
    /// starts the sequencer. Where witnesses are away it opens all the same, and releases nothing
    /// until they are back.
    pub async fn open(parts: LogParts) -> Result<Self, OpenLogError> {
        let LogParts {
            name,
            origin,
            store,
            guard,
            keys,
            witnesses,
            clock,
            begins_ms,
            limits,
        } = parts;
        let signer = HeadSigner::new(origin, keys)?;
        let publisher = Publisher::new(Arc::clone(&store), guard, signer, witnesses);
        let publisher = Arc::new(publisher);
        publisher.look().await?;
        let (stored, edge) = stored_tree(&*store).await?;
        let behind = match publisher.publish(stored, None).await {
            Ok(_) => false,
            Err(e @ PublishError::Unwitnessed(_)) => {
                tracing::warn!(error = %e, "the log opens, and waits for its witnesses");
                true
            }
            Err(e) => return Err(e.into()),
        };

        let (pool, entries) = mpsc::channel(limits.capacity.clamp(1, Semaphore::MAX_PERMITS));
        let deliveries = Arc::new(Deliveries::default());
        let end = Arc::new(KnownEnd::none());
        let stop = CancellationToken::new();
        let sequencer = Sequencer {
            store,
            publisher: Arc::clone(&publisher),
            clock: Arc::clone(&clock),
            begins_ms,
            pool: entries,
            deliveries: Arc::clone(&deliveries),
            end: Arc::clone(&end),
            max_batch: limits.max_batch.max(1),
            edge: Some(edge),
            met: Vec::new(),
            behind,
        };
        let running = tokio::spawn(sequencer.run(stop.clone()));
        Ok(Self {
            name,
            begins_ms,
            publisher,
            pool,
            deliveries,
            end,
            clock,
            stop,
            sequencer: tokio::sync::Mutex::new(Some(running)),
        })
    }

    /// Appends an entry and returns its place once it is committed, guarded, and covered by the
    /// published checkpoint.
    ///
    /// # Errors
    ///
    /// After any error but [`AppendError::PoolFull`] the entry may still be in the log. That is
    /// harmless: nothing was released for it.
    pub async fn append(
        &self,
        leaf: Box<dyn Leaf>,
        terms: Vec<IndexTerm>,
    ) -> Result<Sequenced, AppendError> {
        let (answer, answered) = oneshot::channel();
        self.pool
            .try_send(Pending {
                leaf,
                terms,
                answer,
            })
            .map_err(|e| match e {
                mpsc::error::TrySendError::Closed(_) => AppendError::Closing,
                mpsc::error::TrySendError::Full(_) => AppendError::PoolFull,
            })?;
        answered.await.unwrap_or(Err(AppendError::Closing))
    }

    /// Refuses what [`Log::append`] would refuse at once: for callers who would lose something by
    /// trying in vain.
    ///
    /// # Errors
    ///
    /// The log is halted, closing, has ended as far as this process knows, or has no place for one
    /// more entry now.
    pub fn check_open(&self) -> Result<(), AppendError> {
        if let Some(reason) = self.publisher.halted() {
            return Err(AppendError::Halted(reason.to_owned()));
        }
        // Before the next question: one that has ended is closed while its last head is made final.
        if self.has_ended() {
            return Err(AppendError::Ended);
        }
        if self.stop.is_cancelled() || self.pool.is_closed() {
            return Err(AppendError::Closing);
        }
        match self.pool.capacity() {
            0 => Err(AppendError::PoolFull),
            _ => Ok(()),
        }
    }

    /// Tells whether the log has ended, as far as this process knows.
    pub fn has_ended(&self) -> bool {
        // An entry is later than the newest head, whatever the clock says.
        let newest = self.publisher.newest();
        let earliest_ms = newest.map_or(0, |newest| newest.head.timestamp_ms + 1);
        self.end.is_at(earliest_ms.max(unix_ms(self.clock.now())))
    }

    /// Notes when the log ends, in milliseconds since the Unix epoch, so that
    /// [`Log::check_open`] refuses from then on. Each batch finds out by itself.
    pub fn note_end(&self, ends_ms: u64) {
        self.end.note(ends_ms);
    }

    /// Signs the SCT for a logged entry.
    pub async fn sign_sct(&self, sequenced: &Sequenced) -> Result<Sct, SctError> {
        let key = self.publisher.signer.sct_key().ok_or(SctError::NoKey)?;
        Sct::sign(sequenced, *self.log_id(), key).await
    }

    /// Notes what was handed out for an entry; it is recorded with the next batch. What comes after
    /// the log was closed is not recorded, and the operator is told.
    pub fn deliver(&self, delivery: Delivery) {
        let leaf_index = delivery.leaf_index;
        if !self.deliveries.push(delivery) {
            tracing::error!(
                log.name = self.name,
                log.leaf_index = leaf_index,
                "the log was closed before it was told what was handed out for this entry: `chancery \
                 log` knows the entry, and not the final certificate"
            );
        }
    }

    /// Takes no more entries, finishes what waits, records all deliveries, and returns.
    pub async fn close(&self) {
        self.stop.cancel();
        let mut sequencer = self.sequencer.lock().await;
        if let Some(running) = sequencer.as_mut() {
            if let Err(e) = running.await {
                tracing::error!(error = %e, "the sequencer did not end in order");
            }
            *sequencer = None;
        }
    }

    /// Returns how the log does.
    pub fn status(&self) -> LogStatus {
        let newest = self.publisher.newest();
        LogStatus {
            tree: newest.as_ref().map_or(TreeHead::EMPTY, |p| p.head.tree),
            timestamp_ms: newest.as_ref().map_or(0, |p| p.head.timestamp_ms),
            waiting: self.pool.max_capacity() - self.pool.capacity(),
            halted: self.publisher.halted().map(str::to_owned),
            witnesses: self.publisher.witness_standings(),
        }
    }

    /// Asks database and guard whether a batch could be sequenced and released now.
    pub async fn probe(&self) -> Result<(), ReadError> {
        if let Some(reason) = self.publisher.halted() {
            return Err(ReadError::Unpublished(reason.to_owned()));
        }
        if self.pool.is_closed() {
            return Err(ReadError::Unpublished("the log is closed".to_owned()));
        }
        let unpublished = |e: &dyn std::fmt::Display| ReadError::Unpublished(e.to_string());
        let stored = self.publisher.store.head().await?;
        let guarded = self.publisher.guard.read().await;
        guarded.map_err(|e| unpublished(&e))?;
        // What could not be released is tried again: who asks decides whether requests come here,
        // and without any nothing else would try.
        if self.publisher.newest().is_none_or(|n| n.head != stored) {
            let published = self.publisher.publish_for_reader(stored).await;
            published.map_err(|e| unpublished(&e))?;
        }
        Ok(())
    }

    /// Returns the head that the database has, of which nothing may be published yet: while witnesses
    /// are away, it is all that can be known.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn stored_head(&self) -> Result<Head, ReadError> {
        Ok(self.publisher.store.head().await?)
    }

    /// Returns the path segment that names the log in URLs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns from when the log takes entries, in milliseconds since the Unix epoch.
    pub fn begins_ms(&self) -> u64 {
        self.begins_ms
    }

    /// Returns the checkpoint's first line.
    pub fn origin(&self) -> &Origin {
        &self.publisher.signer.origin
    }

    /// Returns SHA-256 of the log's key (RFC 6962, section 3.2); of a plain log the
    /// [`plain_log_id`](crate::plain_log_id).
    pub fn log_id(&self) -> &LogId {
        &self.publisher.signer.log_id
    }

    /// Returns the log's key.
    pub fn public_key(&self) -> &PublicKey {
        self.publisher.signer.key().public_key()
    }
}

/// Reads the stored head with its right edge, which must hash to it.
async fn stored_tree(store: &dyn LogStore) -> Result<(Head, RightEdge), OpenLogError> {
    let head = store.head().await?;
    let damage = match stored_edge(store, &head.tree).await? {
        Ok(edge) if edge.tree_head() == head.tree => return Ok((head, edge)),
        Ok(edge) => format!("they give root {}", edge.tree_head().root_hash),
        Err(what) => what,
    };
    Err(OpenLogError::Damaged {
        stored: head.tree,
        damage,
    })
}

impl Drop for Log {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
