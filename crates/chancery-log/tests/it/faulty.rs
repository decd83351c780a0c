//! A store, a guard and a signer that do what the real ones do, until they are told to fail or to
//! wait.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chancery_keys::{LocalKey, PublicKey, SignError, Signer};
use chancery_log::guard::Advance;
use chancery_log::memory::MemoryStore;
use chancery_log::{
    Batch, Beyond, Delivery, Guard, GuardError, Head, LogReader, LogStore, Plan, SequenceError,
    ServerRun, StoreError, StoredTerm, Tip,
};
use chancery_tlog::{Checkpoint, Hash, TileId, TreeHead};
use tokio::sync::watch;

use crate::audit::Released;

/// Lets other tasks run until `holds`, which must be soon.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "no {what}");
        tokio::task::yield_now().await;
    }
}

/// Lets callers through while it is open.
#[derive(Debug)]
pub(crate) struct Gate {
    open: watch::Sender<bool>,
    waiting: AtomicUsize,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            open: watch::Sender::new(true),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl Gate {
    pub(crate) fn close(&self) {
        self.open.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    /// Returns once somebody waits before the closed gate.
    pub(crate) async fn reached(&self) {
        until("somebody at the gate", || self.waiting.load(SeqCst) > 0).await;
    }

    async fn pass(&self) {
        self.waiting.fetch_add(1, SeqCst);
        let _ = self.open.subscribe().wait_for(|open| *open).await;
        self.waiting.fetch_sub(1, SeqCst);
    }
}

/// One process's way to the shared store.
#[derive(Debug, Default)]
pub(crate) struct TestStore {
    memory: MemoryStore,
    /// Before anything of `sequence` happens.
    pub(crate) gate: Gate,
    /// Calls of `sequence` so far.
    pub(crate) commits: AtomicUsize,
    /// Calls of `record` so far.
    pub(crate) records: AtomicUsize,
    /// How many of the next calls of `record` fail.
    pub(crate) failing_records: AtomicUsize,
    /// Whether reads fail.
    pub(crate) away: AtomicBool,
    /// The database's own clock.
    pub(crate) database_time_ms: Mutex<Option<u64>>,
    /// Which run of the database server this is.
    pub(crate) server_run: Mutex<Option<ServerRun>>,
    /// How many entries each batch had, as planned.
    pub(crate) batches: Mutex<Vec<usize>>,
}

impl TestStore {
    pub(crate) fn over(memory: MemoryStore) -> Self {
        Self {
            memory,
            ..Self::default()
        }
    }

    fn reachable(&self) -> Result<(), StoreError> {
        match self.away.load(SeqCst) {
            true => Err(unavailable()),
            false => Ok(()),
        }
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("injected by a test".into())
}

#[async_trait]
impl LogReader for TestStore {
    async fn head(&self) -> Result<Head, StoreError> {
        self.reachable()?;
        self.memory.head().await
    }

    async fn hash_tiles(&self, tiles: &[TileId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.reachable()?;
        self.memory.hash_tiles(tiles).await
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        self.reachable()?;
        self.memory.entries(range).await
    }

    async fn issuer(&self, fingerprint: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        self.reachable()?;
        self.memory.issuer(fingerprint).await
    }

    async fn find(&self, name: &str, value: &str, limit: u32) -> Result<Vec<u64>, StoreError> {
        self.reachable()?;
        self.memory.find(name, value, limit).await
    }
}

#[async_trait]
impl LogStore for TestStore {
    async fn sequence(&self, known: Option<TreeHead>, plan: Plan<'_>) -> Result<(), SequenceError> {
        self.commits.fetch_add(1, SeqCst);
        self.gate.pass().await;
        self.reachable().map_err(SequenceError::NotCommitted)?;
        let observed = |tip: Tip| {
            let database_time_ms = *self.database_time_ms.lock().unwrap();
            let batch: Batch = plan(Tip {
                database_time_ms,
                server_run: *self.server_run.lock().unwrap(),
                ..tip
            })?;
            self.batches.lock().unwrap().push(batch.entries.len());
            Ok(batch)
        };
        self.memory.sequence(known, Box::new(observed)).await
    }

    async fn record(&self, deliveries: &[Delivery]) -> Result<(), StoreError> {
        self.records.fetch_add(1, SeqCst);
        let take_one = |left: usize| left.checked_sub(1);
        if self
            .failing_records
            .fetch_update(SeqCst, SeqCst, take_one)
            .is_ok()
        {
            return Err(unavailable());
        }
        self.memory.record(deliveries).await
    }

    async fn deliveries(&self, range: Range<u64>) -> Result<Vec<Delivery>, StoreError> {
        self.reachable()?;
        self.memory.deliveries(range).await
    }

    async fn terms(
        &self,
        after: Option<&StoredTerm>,
        limit: u32,
    ) -> Result<Vec<StoredTerm>, StoreError> {
        self.reachable()?;
        self.memory.terms(after, limit).await
    }

    async fn beyond(&self, tree_size: u64) -> Result<Beyond, StoreError> {
        self.reachable()?;
        self.memory.beyond(tree_size).await
    }

    async fn issuers(&self) -> Result<Vec<([u8; 32], Vec<u8>)>, StoreError> {
        self.reachable()?;
        self.memory.issuers().await
    }
}

/// A guard in memory. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct MemoryGuard(pub(crate) Arc<Mutex<TreeHead>>);

impl Default for MemoryGuard {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(TreeHead::EMPTY)))
    }
}

#[async_trait]
impl Guard for MemoryGuard {
    fn id(&self) -> &'static str {
        "memory"
    }

    async fn read(&self) -> Result<TreeHead, GuardError> {
        Ok(*self.0.lock().unwrap())
    }

    async fn advance(&self, from: &TreeHead, to: &TreeHead) -> Result<Advance, GuardError> {
        let mut stands = self.0.lock().unwrap();
        if *stands != *from {
            return Ok(Advance::StandsAt(*stands));
        }
        *stands = *to;
        Ok(Advance::Moved)
    }
}

/// What the next call of a [`TestGuard`] does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum GuardFault {
    /// Fails, and nothing has moved.
    Unreachable,
    /// Does what it is asked, and loses the answer.
    AnswerLost,
}

/// One process's way to the shared guard.
#[derive(Debug)]
pub(crate) struct TestGuard {
    inner: Arc<dyn Guard>,
    /// Before anything of `advance` happens.
    pub(crate) gate: Gate,
    faults: Mutex<VecDeque<GuardFault>>,
    /// What was asked: from where to where, by size.
    pub(crate) asked: Mutex<Vec<(u64, u64)>>,
}

impl TestGuard {
    pub(crate) fn over(inner: Arc<dyn Guard>) -> Self {
        Self {
            inner,
            gate: Gate::default(),
            faults: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    /// Makes the next calls fail so, in this order.
    pub(crate) fn fail_next(&self, faults: &[GuardFault]) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// Forgets the faults that have not happened yet.
    pub(crate) fn heal(&self) {
        self.faults.lock().unwrap().clear();
    }

    fn next_fault(&self) -> Option<GuardFault> {
        self.faults.lock().unwrap().pop_front()
    }
}

fn unreachable() -> GuardError {
    GuardError::Unavailable(io::Error::other("injected by a test"))
}

#[async_trait]
impl Guard for TestGuard {
    fn id(&self) -> &str {
        self.inner.id()
    }

    async fn read(&self) -> Result<TreeHead, GuardError> {
        match self.next_fault() {
            Some(_) => Err(unreachable()),
            None => self.inner.read().await,
        }
    }

    async fn advance(&self, from: &TreeHead, to: &TreeHead) -> Result<Advance, GuardError> {
        self.gate.pass().await;
        self.asked
            .lock()
            .unwrap()
            .push((from.tree_size, to.tree_size));
        match self.next_fault() {
            Some(GuardFault::Unreachable) => Err(unreachable()),
            Some(GuardFault::AnswerLost) => {
                self.inner.advance(from, to).await?;
                Err(unreachable())
            }
            None => self.inner.advance(from, to).await,
        }
    }
}

/// One process's use of the log's key. It notes every tree head that it signs, whether or not
/// anybody ever fetches it, and looks where the guard stands meanwhile.
#[derive(Debug)]
pub(crate) struct TestSigner {
    pub(crate) key: Arc<LocalKey>,
    pub(crate) guard: Arc<dyn Guard>,
    pub(crate) released: Arc<Mutex<Released>>,
    /// How many of the next signatures fail.
    pub(crate) failing: AtomicUsize,
}

#[async_trait]
impl Signer for TestSigner {
    fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let take_one = |left: usize| left.checked_sub(1);
        if self.failing.fetch_update(SeqCst, SeqCst, take_one).is_ok() {
            return Err(SignError::Unavailable {
                reason: "injected by a test".to_owned(),
            });
        }
        if let Some((timestamp_ms, head)) =
            tree_head_signature(message).or_else(|| plain_head(message))
        {
            let stands = self.guard.read().await.unwrap();
            let mut released = self.released.lock().unwrap();
            released.head_signed(timestamp_ms, head, &stands);
        }
        self.key.sign(message).await
    }
}

/// Reads RFC 6962's `TreeHeadSignature`: version 0, type 1, time, size, root.
fn tree_head_signature(message: &[u8]) -> Option<(u64, TreeHead)> {
    let (timestamp_ms, rest) = message.strip_prefix(&[0, 1])?.split_first_chunk()?;
    let (tree_size, root) = rest.split_first_chunk()?;
    let head = TreeHead {
        tree_size: u64::from_be_bytes(*tree_size),
        root_hash: Hash::try_from(root).ok()?,
    };
    Some((u64::from_be_bytes(*timestamp_ms), head))
}

/// Reads the checkpoint that a plain log signs. It says no time; its size stands for that.
fn plain_head(message: &[u8]) -> Option<(u64, TreeHead)> {
    let Checkpoint { head, .. } = Checkpoint::parse(str::from_utf8(message).ok()?).ok()?;
    Some((head.tree_size, head))
}
