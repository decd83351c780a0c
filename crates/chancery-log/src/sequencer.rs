//! The sequencer: the one task that turns waiting entries into committed, published batches.
//!
//! Group commit without a timer: as soon as the last batch is done, the next takes all that wait,
//! so a lone request costs one commit and a crowd shares one.
//!
//! `edge` is owned by this task. It is forgotten at every failed commit, and read back under the
//! head lock by the next batch: recovery is the same path as a start, and it may fail any number of
//! times. What was committed and could not be released is released before more is committed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chancery_tlog::ct::LeafIndex;
use chancery_tlog::{Hash, RightEdge, TileHashes, TreeHead, inclusion_proof};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::batch::{Planned, Waiting, plan};
use crate::causes::causes;
use crate::clock::{Clock, unix_ms};
use crate::deliveries::Deliveries;
use crate::ending::KnownEnd;
use crate::leaf::{IndexTerm, Leaf};
use crate::log::AppendError;
use crate::publisher::{PublishError, Publisher};
use crate::snapshot::SignedHead;
use crate::store::{LogStore, PlanRefused, SequenceError, ServerRun, StoreError};

/// How long deliveries wait for a batch to ride with before they are recorded alone.
const IDLE: Duration = Duration::from_secs(1);

/// The most connections that are remembered. A store has a few, and forgets one that fails.
const MOST_MET: usize = 8;

/// What is said when the log was rebound.
const REBOUND: &str = "the log was retired or given another guard while this process ran; \
    nothing is signed any more. Start the process again with the present configuration";

/// How often a closing log tries to record them.
const CLOSING_TRIES: usize = 3;

/// An entry that is committed, guarded and covered by the published checkpoint.
///
/// Only the log makes one; it is what an [`crate::Sct`] is made from.
#[derive(Debug)]
pub struct Sequenced {
    leaf_index: LeafIndex,
    timestamp_ms: u64,
    merkle_leaf: Vec<u8>,
    tree: TreeHead,
    proving: Option<Proving>,
}

/// What the proof of an entry in the tree that it came with is made from.
#[derive(Clone, Debug)]
struct Proving {
    signed: Arc<SignedHead>,
    tiles: Arc<TileHashes>,
}

impl Sequenced {
    /// Says of an entry that was logged before what was said of it then. `tree` is published, and
    /// covers it.
    pub(crate) fn found(
        leaf_index: LeafIndex,
        timestamp_ms: u64,
        merkle_leaf: Vec<u8>,
        tree: TreeHead,
    ) -> Self {
        Self {
            leaf_index,
            timestamp_ms,
            merkle_leaf,
            tree,
            proving: None,
        }
    }

    /// Returns the entry's place.
    pub fn leaf_index(&self) -> LeafIndex {
        self.leaf_index
    }

    /// Returns the entry's time in milliseconds since the Unix epoch.
    pub fn timestamp_ms(&self) -> u64 {
        self.timestamp_ms
    }

    /// Returns what the tree hashed.
    pub fn merkle_leaf(&self) -> &[u8] {
        &self.merkle_leaf
    }

    /// Returns a published head that covers the entry.
    pub fn tree(&self) -> &TreeHead {
        &self.tree
    }

    /// Returns the head that was published for the entry, with the proof that the tree has it;
    /// `None` where a later head was published first: a [`Snapshot`](crate::Snapshot) proves it then.
    pub fn proof(&self) -> Option<(&SignedHead, Vec<Hash>)> {
        let Proving { signed, tiles } = self.proving.as_ref()?;
        let size = signed.head.tree.tree_size;
        let proof = inclusion_proof(self.leaf_index.get(), size, &**tiles);
        Some((signed, proof.ok()?))
    }
}

/// An entry in the pool, and who waits for it.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) leaf: Box<dyn Leaf>,
    pub(crate) terms: Vec<IndexTerm>,
    pub(crate) answer: oneshot::Sender<Result<Sequenced, AppendError>>,
}

impl Pending {
    /// Hands out the entry, with its terms or a copy of them.
    fn waiting(&mut self, again: bool) -> Waiting<'_> {
        let terms = match again {
            true => self.terms.clone(),
            false => std::mem::take(&mut self.terms),
        };
        Waiting {
            leaf: &*self.leaf,
            terms,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Sequencer {
    pub(crate) store: Arc<dyn LogStore>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) clock: Arc<dyn Clock>,
    /// From when the log takes entries, in milliseconds since the Unix epoch.
    pub(crate) begins_ms: u64,
    pub(crate) pool: mpsc::Receiver<Pending>,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) end: Arc<KnownEnd>,
    pub(crate) max_batch: usize,
    pub(crate) edge: Option<RightEdge>,
    /// Connections to the database's present server, held against the guard when they were new.
    pub(crate) met: Vec<ServerRun>,
    /// Whether something is committed that could not be released.
    pub(crate) behind: bool,
}

impl Sequencer {
    /// Runs until `stop`, then until the pool is empty and all deliveries are recorded.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled(), if !self.pool.is_closed() => self.pool.close(),
                count = self.pool.recv_many(&mut batch, self.max_batch) => match count {
                    0 => break,
                    _ => self.sequence(std::mem::take(&mut batch)).await,
                },
                () = self.deliveries.waited(IDLE) => self.record_deliveries().await,
            }
        }
        self.record_last_deliveries().await;
    }

    async fn sequence(&mut self, mut pending: Vec<Pending>) {
        refuse_repeated(&mut pending);
        let outcome = match self.commit(&mut pending).await {
            Ok(planned) => self.publish(planned).await,
            Err(e) => Err(e),
        };
        match outcome {
            Ok((planned, published)) => answer(pending, planned, published),
            Err(e @ (AppendError::Ended | AppendError::AlreadyLogged)) => {
                for pending in pending {
                    let _ = pending.answer.send(Err(e.clone()));
                }
            }
            Err(e) => {
                tracing::warn!(
                    entries = pending.len(),
                    error = &e as &dyn std::error::Error,
                    "a batch was not released"
                );
                for pending in pending {
                    let _ = pending.answer.send(Err(e.clone()));
                }
            }
        }
    }

    /// Commits one batch, or forgets what this task believed about the log. Entries that the log has
    /// already are answered and taken out.
    async fn commit(&mut self, pending: &mut Vec<Pending>) -> Result<Planned, AppendError> {
        if let Some(reason) = self.publisher.halted() {
            return Err(AppendError::Halted(reason.to_owned()));
        }
        if self.behind {
            self.catch_up().await?;
        }
        let mut outcome = self.try_commit(pending).await;
        if let Err(SequenceError::Refused(PlanRefused::AnotherServerRun(run))) = outcome {
            self.meet(run).await?;
            outcome = self.try_commit(pending).await;
        }
        if let Err(SequenceError::Refused(PlanRefused::AlreadyLogged { terms })) = &outcome {
            refuse_logged(pending, terms);
            if pending.is_empty() {
                return Err(AppendError::AlreadyLogged);
            }
            outcome = self.try_commit(pending).await;
        }
        if let Err(SequenceError::Refused(PlanRefused::Ended)) = outcome {
            return Err(AppendError::Ended);
        }
        if let Err(SequenceError::Refused(PlanRefused::Rebound)) = outcome {
            let reason = self.publisher.halt_for(REBOUND);
            return Err(AppendError::Halted(reason));
        }
        if let Err(SequenceError::Refused(PlanRefused::Behind { .. })) = outcome {
            // Says both heads, and halts the log, if the database really went back.
            self.catch_up().await?;
        }
        outcome.map_err(|e| AppendError::Unavailable(causes(&e)))
    }

    /// Asks the store once. The terms are taken, unless a leaf may be found to be logged already or
    /// the server has to be met first: the batch is planned again then.
    async fn try_commit(&mut self, pending: &mut [Pending]) -> Result<Planned, SequenceError> {
        let deliveries = self.deliveries.take();
        let unrecorded = deliveries.clone();
        let edge = self.edge.take();
        let known = edge.as_ref().map(RightEdge::tree_head);
        let published = self.publisher.newest().map(|newest| newest.head);
        let (clock, met, begins_ms) = (Arc::clone(&self.clock), &self.met, self.begins_ms);
        let end = &self.end;
        let again = pending.iter().any(|one| one.leaf.only_once().is_some());
        let mut kept = None;
        let committed = self
            .store
            .sequence(
                known,
                Box::new(|tip| {
                    if let Some(ends_ms) = tip.ends_ms {
                        end.note(ends_ms);
                    }
                    if let Some(run) = tip.server_run
                        && !met.contains(&run)
                    {
                        return Err(PlanRefused::AnotherServerRun(run));
                    }
                    let now_ms = unix_ms(clock.now());
                    let waiting = pending.iter_mut().map(|one| one.waiting(again)).collect();
                    let (batch, planned) =
                        plan(edge, published, tip, now_ms, begins_ms, waiting, deliveries)?;
                    kept = Some(planned);
                    Ok(batch)
                }),
            )
            .await;
        let planned = committed.and_then(|()| kept.ok_or_else(no_plan));
        match &planned {
            Ok(planned) => self.edge = Some(planned.edge.clone()),
            Err(_) => self.deliveries.put_back(unrecorded),
        }
        planned
    }

    /// Holds database and guard against each other anew: what was proven of another run of the
    /// server need not hold of this one, and nothing may be written to a database that went back.
    async fn meet(&mut self, run: ServerRun) -> Result<(), AppendError> {
        self.publisher.look_again().await.map_err(unreleased)?;
        self.catch_up().await?;
        self.met.retain(|met| met.started_us == run.started_us);
        if self.met.len() == MOST_MET {
            self.met.remove(0);
        }
        self.met.push(run);
        Ok(())
    }

    /// Releases what is committed and was not released, by whichever process.
    async fn catch_up(&mut self) -> Result<(), AppendError> {
        let stored = self.store.head().await;
        let stored = stored.map_err(|e| AppendError::Unavailable(causes(&e)))?;
        let released = self.publisher.publish(stored, None).await;
        released.map_err(unreleased)?;
        self.behind = false;
        Ok(())
    }

    async fn publish(
        &mut self,
        planned: Planned,
    ) -> Result<(Planned, Arc<SignedHead>), AppendError> {
        let published = self
            .publisher
            .publish(planned.head, Some(&planned.parent))
            .await;
        self.behind = published.is_err();
        Ok((planned, published.map_err(unreleased)?))
    }

    async fn record_last_deliveries(&self) {
        for tries_left in (0..CLOSING_TRIES).rev() {
            self.record_deliveries().await;
            let unrecorded = self.deliveries.close(tries_left == 0);
            if unrecorded == 0 {
                return;
            }
            if tries_left == 0 {
                tracing::error!(deliveries = unrecorded, "deliveries stay unknown");
                return;
            }
            tokio::time::sleep(IDLE).await;
        }
    }

    async fn record_deliveries(&self) {
        let deliveries = self.deliveries.take();
        if deliveries.is_empty() {
            return;
        }
        if let Err(e) = self.store.record(&deliveries).await {
            tracing::warn!(
                deliveries = deliveries.len(),
                error = &e as &dyn std::error::Error,
                "deliveries are not recorded yet"
            );
            self.deliveries.put_back(deliveries);
        }
    }
}

/// Answers those whose entries are published.
fn answer(pending: Vec<Pending>, planned: Planned, published: Arc<SignedHead>) {
    let timestamp_ms = planned.head.timestamp_ms;
    let tree = published.head.tree;
    let proving = (published.head == planned.head).then(|| Proving {
        signed: published,
        tiles: Arc::new(planned.tiles),
    });
    for (pending, placed) in pending.into_iter().zip(planned.placed) {
        let sequenced = Sequenced {
            leaf_index: placed.leaf_index,
            timestamp_ms,
            merkle_leaf: placed.merkle_leaf,
            tree,
            proving: proving.clone(),
        };
        // Nobody waits any more where the caller's task was aborted; the entry stays.
        let _ = pending.answer.send(Ok(sequenced));
    }
}

/// Answers those that the log has, by the value of their leaf hash's term, and takes them out.
fn refuse_logged(pending: &mut Vec<Pending>, terms: &[String]) {
    let logged = |pending: &mut Pending| {
        let hash = pending.leaf.only_once();
        hash.is_some_and(|hash| terms.contains(&IndexTerm::leaf_hash(&hash).value))
    };
    for pending in pending.extract_if(.., logged) {
        let _ = pending.answer.send(Err(AppendError::AlreadyLogged));
    }
}

/// Answers leaves that are to be logged once and stand in the batch already, and takes them out.
fn refuse_repeated(pending: &mut Vec<Pending>) {
    let mut seen = HashSet::new();
    let repeated = |pending: &mut Pending| {
        let hash = pending.leaf.only_once();
        hash.is_some_and(|hash| !seen.insert(hash))
    };
    for pending in pending.extract_if(.., repeated) {
        let _ = pending.answer.send(Err(AppendError::AlreadyLogged));
    }
}

fn no_plan() -> SequenceError {
    SequenceError::NotCommitted(StoreError::Inconsistent(
        "the store committed without a plan".to_owned(),
    ))
}

fn unreleased(e: PublishError) -> AppendError {
    match e {
        PublishError::Halted(reason) => AppendError::Halted(reason),
        other => AppendError::Unavailable(causes(&other)),
    }
}
