//! The sequencer: the one task that turns waiting entries into committed, published batches.
//!
//! Group commit without a timer: as soon as the last batch is done, the next takes all that wait,
//! so a lone request costs one commit and a crowd shares one.
//!
//! `edge` is owned by this task. It is forgotten at every error, and read back under the head lock
//! by the next batch: recovery is the same path as a start, and it may fail any number of times.

use std::sync::Arc;
use std::time::Duration;

use chancery_tlog::ct::LeafIndex;
use chancery_tlog::{RightEdge, TreeHead};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::batch::{Placed, Planned, Waiting, plan};
use crate::clock::{Clock, unix_ms};
use crate::leaf::{Delivery, IndexTerm, Leaf};
use crate::log::{AppendError, Deliveries};
use crate::publisher::Publisher;
use crate::store::{LogStore, SequenceError};

/// How long deliveries wait for a batch to ride with before they are recorded alone.
const IDLE: Duration = Duration::from_secs(1);

/// An entry that is committed, guarded and covered by the published checkpoint.
///
/// Only the log makes one; it is what an [`crate::Sct`] is made from.
#[derive(Debug)]
pub struct Sequenced {
    leaf_index: LeafIndex,
    timestamp_ms: u64,
    merkle_leaf: Vec<u8>,
    tree: TreeHead,
}

impl Sequenced {
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
}

/// An entry in the pool, and who waits for it.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) leaf: Box<dyn Leaf>,
    pub(crate) terms: Vec<IndexTerm>,
    pub(crate) answer: oneshot::Sender<Result<Sequenced, AppendError>>,
}

#[derive(Debug)]
pub(crate) struct Sequencer {
    pub(crate) store: Arc<dyn LogStore>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pool: mpsc::Receiver<Pending>,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) max_batch: usize,
    pub(crate) edge: Option<RightEdge>,
}

impl Sequencer {
    /// Runs until `stop`, then until the pool is empty and all deliveries are recorded.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut batch = Vec::with_capacity(self.max_batch);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled(), if !self.pool.is_closed() => self.pool.close(),
                count = self.pool.recv_many(&mut batch, self.max_batch) => match count {
                    0 => break,
                    _ => self.sequence(std::mem::take(&mut batch)).await,
                },
                () = tokio::time::sleep(IDLE), if !self.deliveries.is_empty() => {
                    self.record_deliveries().await;
                }
            }
        }
        self.record_deliveries().await;
    }

    async fn sequence(&mut self, mut pending: Vec<Pending>) {
        let outcome = match self.commit(&mut pending).await {
            Ok(planned) => self.publish(planned).await,
            Err(e) => Err(e),
        };
        match outcome {
            Ok((placed, timestamp_ms, tree)) => {
                for (
                    pending,
                    Placed {
                        leaf_index,
                        merkle_leaf,
                    },
                ) in pending.into_iter().zip(placed)
                {
                    let sequenced = Sequenced {
                        leaf_index,
                        timestamp_ms,
                        merkle_leaf,
                        tree,
                    };
                    // Nobody waits any more where the caller's task was aborted; the entry stays.
                    let _ = pending.answer.send(Ok(sequenced));
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

    /// Commits one batch, or forgets what this task believed about the log.
    async fn commit(&mut self, pending: &mut [Pending]) -> Result<Planned, AppendError> {
        if let Some(reason) = self.publisher.halted() {
            return Err(AppendError::Halted(reason.to_owned()));
        }
        let waiting = pending
            .iter_mut()
            .map(|p| Waiting {
                leaf: &*p.leaf,
                terms: std::mem::take(&mut p.terms),
            })
            .collect();
        let deliveries = self.deliveries.take();
        let edge = self.edge.take();
        let known = edge.as_ref().map(RightEdge::tree_head);
        let clock = Arc::clone(&self.clock);
        let mut kept = None;
        let unrecorded = deliveries.clone();
        let committed = self
            .store
            .sequence(
                known,
                Box::new(|tip| {
                    let now_ms = unix_ms(clock.now());
                    let (batch, planned) = plan(edge, tip, now_ms, waiting, deliveries)?;
                    kept = Some(planned);
                    Ok(batch)
                }),
            )
            .await;
        match (committed, kept) {
            (Ok(()), Some(planned)) => {
                self.edge = Some(planned.edge.clone());
                Ok(planned)
            }
            (Ok(()), None) => Err(AppendError::Unavailable(
                "the store made no plan".to_owned(),
            )),
            (Err(e), _) => {
                self.deliveries.put_back(unrecorded);
                Err(refusal(e))
            }
        }
    }

    async fn publish(&self, planned: Planned) -> Result<(Vec<Placed>, u64, TreeHead), AppendError> {
        let published = self
            .publisher
            .publish(planned.head, Some(&planned.parent))
            .await
            .map_err(|e| match e {
                crate::PublishError::Halted(reason) => AppendError::Halted(reason),
                other => AppendError::Unavailable(chain(&other)),
            })?;
        Ok((
            planned.placed,
            planned.head.timestamp_ms,
            published.head.tree,
        ))
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

fn refusal(e: SequenceError) -> AppendError {
    AppendError::Unavailable(chain(&e))
}

/// Writes an error with its causes on one line, for the operator's log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        text.push_str(": ");
        text.push_str(&e.to_string());
        cause = e.source();
    }
    text
}

impl Deliveries {
    fn take(&self) -> Vec<Delivery> {
        std::mem::take(&mut *self.lock())
    }

    fn put_back(&self, mut earlier: Vec<Delivery>) {
        let mut waiting = self.lock();
        earlier.append(&mut waiting);
        *waiting = earlier;
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}
