//! What a log lives in, and the processes that open it.
//!
//! A [`World`] is what outlives a process: database, guard, key, clock, and the memory of all that
//! was ever released. A [`TestLog`] is one process on it.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chancery_keys::{KeyType, LocalKey, PublicKey, Signer};
use chancery_log::PublishedLog as _;
use chancery_log::clock::{Clock, FixedClock, from_unix_ms, unix_ms};
use chancery_log::guard::FileGuard;
use chancery_log::memory::{MemoryStore, State};
use chancery_log::{
    AppendError, EncodedLeaf, Guard, Leaf, Log, LogKeys, LogParts, LogStore, OpenLogError,
    PoolLimits, PublishError, Sequenced, Witnesses,
};
use chancery_tlog::ct::{LeafIndex, PrecertEntry};
use chancery_tlog::{Hash, Origin, TreeHead, leaf_hash};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::audit::{Audited, Released, audit, verified_checkpoint, verify_sct};
use crate::faulty::{MemoryGuard, TestGuard, TestSigner, TestStore, until};

pub(crate) const ORIGIN: &str = "log.example/ct/2027";

/// When the clock of every world is put to first: some time in 2027.
pub(crate) const START_MS: u64 = 1_800_000_000_000;

/// What kind of log a world has. Whatever fails, the same holds of both.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A log of issued certificates.
    Issuance,
    /// A plain log, such as a ledger's.
    Ledger,
}

impl Kind {
    fn key_type(self) -> KeyType {
        match self {
            Self::Issuance => KeyType::P256,
            Self::Ledger => KeyType::Ed25519,
        }
    }
}

/// An entry as the log's kind has them.
#[derive(Clone, Debug)]
pub(crate) enum TestLeaf {
    Issuance(PrecertEntry),
    Ledger(Vec<u8>),
}

impl Leaf for TestLeaf {
    fn encode(&self, leaf_index: LeafIndex, timestamp_ms: u64) -> EncodedLeaf {
        match self {
            Self::Issuance(entry) => entry.encode(leaf_index, timestamp_ms),
            Self::Ledger(body) => EncodedLeaf {
                merkle_leaf: body.clone(),
                tile_leaf: [&(body.len() as u16).to_be_bytes()[..], body].concat(),
            },
        }
    }

    fn only_once(&self) -> Option<Hash> {
        match self {
            Self::Issuance(_) => None,
            Self::Ledger(body) => Some(leaf_hash(body)),
        }
    }
}

/// What outlives a process. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct World {
    kind: Kind,
    pub(crate) memory: MemoryStore,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) released: Arc<Mutex<Released>>,
    pub(crate) begins_ms: u64,
    guard: GuardPlace,
    key: Arc<LocalKey>,
    witness_key: Arc<LocalKey>,
    pub(crate) witnesses: Option<Arc<dyn Witnesses>>,
    next_leaf: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
enum GuardPlace {
    Memory(MemoryGuard),
    File(Arc<TempDir>),
}

impl World {
    /// Makes a world with an empty log and a guard in memory.
    pub(crate) fn new() -> Self {
        Self::of(Kind::Issuance)
    }

    /// Makes a world with an empty log of a kind and a guard in memory.
    pub(crate) fn of(kind: Kind) -> Self {
        Self {
            kind,
            memory: MemoryStore::default(),
            clock: Arc::new(FixedClock::at(from_unix_ms(START_MS))),
            released: Arc::default(),
            begins_ms: 0,
            guard: GuardPlace::Memory(MemoryGuard::default()),
            key: Arc::new(LocalKey::generate(kind.key_type()).unwrap()),
            witness_key: Arc::new(LocalKey::generate(KeyType::Ed25519).unwrap()),
            witnesses: None,
            next_leaf: Arc::default(),
        }
    }

    /// Makes a world with an empty log and a guard in a file, which each process opens for itself.
    pub(crate) fn with_file_guard(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        FileGuard::create(&folder.path().join("guard")).unwrap();
        Self {
            guard: GuardPlace::File(Arc::new(folder)),
            ..Self::of(kind)
        }
    }

    /// Makes a world with an empty log whose key is of another type.
    pub(crate) fn with_key(key_type: KeyType) -> Self {
        Self {
            key: Arc::new(LocalKey::generate(key_type).unwrap()),
            ..Self::new()
        }
    }

    /// Opens the log as a process of its own.
    pub(crate) async fn open(&self) -> Result<TestLog, OpenLogError> {
        self.open_with(PoolLimits::default()).await
    }

    pub(crate) async fn open_with(&self, limits: PoolLimits) -> Result<TestLog, OpenLogError> {
        self.open_prepared(limits, |_, _| ()).await
    }

    /// Opens the log after `prepare` has had its hands on guard and key.
    pub(crate) async fn open_prepared(
        &self,
        limits: PoolLimits,
        prepare: impl FnOnce(&TestGuard, &TestSigner),
    ) -> Result<TestLog, OpenLogError> {
        let store = Arc::new(TestStore::over(self.memory.clone()));
        let guard = Arc::new(TestGuard::over(self.guard()));
        let signer = Arc::new(TestSigner {
            key: Arc::clone(&self.key),
            guard: self.guard(),
            released: Arc::clone(&self.released),
            failing: AtomicUsize::new(0),
        });
        prepare(&guard, &signer);
        let log = Log::open(LogParts {
            name: "2027".to_owned(),
            origin: Origin::parse(ORIGIN).unwrap(),
            store: Arc::clone(&store) as Arc<dyn LogStore>,
            guard: Arc::clone(&guard) as Arc<dyn Guard>,
            keys: match self.kind {
                Kind::Issuance => LogKeys::Issuance {
                    signer: Arc::clone(&signer) as Arc<dyn Signer>,
                    witness_signer: Arc::clone(&self.witness_key) as Arc<dyn Signer>,
                },
                Kind::Ledger => LogKeys::Plain {
                    signer: Arc::clone(&signer) as Arc<dyn Signer>,
                },
            },
            witnesses: self.witnesses.clone(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            begins_ms: self.begins_ms,
            limits,
        })
        .await?;
        Ok(TestLog {
            world: self.clone(),
            log: Arc::new(log),
            store,
            guard,
            signer,
        })
    }

    /// Opens the log, which must be refused for good, and returns the reason.
    pub(crate) async fn refusal_to_open(&self) -> String {
        match self.open().await {
            Err(OpenLogError::Publish(PublishError::Halted(reason))) => reason,
            other => panic!("{other:?}"),
        }
    }

    /// Returns the guard as a new process sees it.
    pub(crate) fn guard(&self) -> Arc<dyn Guard> {
        match &self.guard {
            GuardPlace::Memory(guard) => Arc::new(guard.clone()),
            GuardPlace::File(folder) => {
                Arc::new(FileGuard::open(&folder.path().join("guard")).unwrap())
            }
        }
    }

    /// Returns the guard of a world that has it in memory.
    pub(crate) fn memory_guard(&self) -> &MemoryGuard {
        match &self.guard {
            GuardPlace::Memory(guard) => guard,
            GuardPlace::File(..) => panic!("the guard is in a file"),
        }
    }

    /// Gives this world the guard, the key and the memory of `other`, but not its database.
    pub(crate) fn in_place_of(&self, other: &Self) -> Self {
        Self {
            memory: self.memory.clone(),
            ..other.clone()
        }
    }

    /// Copies this world with its database as it is now. What the copy releases is remembered
    /// apart, and its guard moves apart.
    pub(crate) async fn fork(&self) -> Self {
        let memory = MemoryStore::default();
        *memory.state() = self.backup();
        let guard = MemoryGuard::default();
        *guard.0.lock().unwrap() = self.guard().read().await.unwrap();
        Self {
            memory,
            guard: GuardPlace::Memory(guard),
            released: Arc::default(),
            ..self.clone()
        }
    }

    /// Copies all that is stored.
    pub(crate) fn backup(&self) -> State {
        self.memory.state().clone()
    }

    /// Puts an earlier copy in place of all that is stored.
    pub(crate) fn restore(&self, backup: &State) {
        *self.memory.state() = backup.clone();
    }

    /// Moves the clock.
    pub(crate) fn tick(&self, forwards: Duration) {
        self.clock.set(self.clock.now() + forwards);
    }

    /// Moves the clock back.
    pub(crate) fn tick_back(&self, backwards: Duration) {
        self.clock.set(self.clock.now() - backwards);
    }

    pub(crate) fn now_ms(&self) -> u64 {
        unix_ms(self.clock.now())
    }

    pub(crate) fn stored_entries(&self) -> usize {
        self.memory.state().entries.len()
    }

    /// Makes an entry of the log's kind that no other is equal to.
    pub(crate) fn any_leaf(&self) -> TestLeaf {
        match self.kind {
            Kind::Issuance => TestLeaf::Issuance(self.leaf()),
            Kind::Ledger => {
                let number = self.next_leaf.fetch_add(1, SeqCst);
                TestLeaf::Ledger(number.to_be_bytes().to_vec())
            }
        }
    }

    /// Makes a precertificate's entry that no other is equal to.
    pub(crate) fn leaf(&self) -> PrecertEntry {
        let number = self.next_leaf.fetch_add(1, SeqCst).to_be_bytes().to_vec();
        PrecertEntry::new([7; 32], number.clone(), number, vec![[9; 32]]).unwrap()
    }
}

/// One process that has the log open. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct TestLog {
    pub(crate) world: World,
    pub(crate) log: Arc<Log>,
    pub(crate) store: Arc<TestStore>,
    pub(crate) guard: Arc<TestGuard>,
    pub(crate) signer: Arc<TestSigner>,
}

impl Deref for TestLog {
    type Target = Log;

    fn deref(&self) -> &Log {
        &self.log
    }
}

impl TestLog {
    /// Opens an empty log in a world of its own.
    pub(crate) async fn new() -> Self {
        World::new().open().await.unwrap()
    }

    /// Opens a log of `size` entries in a world of its own.
    pub(crate) async fn of_size(size: usize) -> Self {
        Self::of(Kind::Issuance, size).await
    }

    /// Opens a log of a kind and of `size` entries in a world of its own.
    pub(crate) async fn of(kind: Kind, size: usize) -> Self {
        let log = World::of(kind).open().await.unwrap();
        log.append_many(size).await;
        log
    }

    /// Appends a new entry, and checks and remembers the answer.
    pub(crate) async fn append_one(&self) -> Result<Sequenced, AppendError> {
        let leaf = self.world.any_leaf();
        let sequenced = self.append(Box::new(leaf.clone()), Vec::new()).await?;
        self.world.released.lock().unwrap().answered(&sequenced);
        let expected = leaf.encode(sequenced.leaf_index(), sequenced.timestamp_ms());
        assert_eq!(sequenced.merkle_leaf(), expected.merkle_leaf);
        if self.world.kind == Kind::Issuance {
            let sct = self.sign_sct(&sequenced).await.unwrap();
            verify_sct(&sct, &sequenced, self.key());
        }
        Ok(sequenced)
    }

    /// Appends a new entry in a task of its own.
    pub(crate) fn spawn_append(&self) -> tokio::task::JoinHandle<Result<Sequenced, AppendError>> {
        let log = self.clone();
        tokio::spawn(async move { log.append_one().await })
    }

    /// Appends new entries all at once, checks the answers, and returns their places.
    pub(crate) async fn append_many(&self, count: usize) -> HashSet<u64> {
        let mut appends = JoinSet::new();
        for _ in 0..count {
            let log = Arc::clone(&self.log);
            let leaf = Box::new(self.world.any_leaf());
            appends.spawn(async move { log.append(leaf, Vec::new()).await.unwrap() });
        }
        let mut places = HashSet::with_capacity(count);
        for sequenced in appends.join_all().await {
            self.world.released.lock().unwrap().answered(&sequenced);
            places.insert(sequenced.leaf_index().get());
        }
        places
    }

    /// Verifies the whole log from its published bytes, against all that was ever released.
    pub(crate) async fn check_log(&self) -> Audited {
        audit(&self.log, self.key(), &self.world.released).await
    }

    /// Fetches the checkpoint and returns its verified head.
    pub(crate) async fn published(&self) -> TreeHead {
        let checkpoint = self.checkpoint().await.unwrap();
        verified_checkpoint(&checkpoint, self.key()).1
    }

    /// Ends this process and opens the log again.
    pub(crate) async fn reopen(self) -> Self {
        self.close().await;
        self.world.open().await.unwrap()
    }

    /// Returns once `count` entries wait in the pool.
    pub(crate) async fn waiting(&self, count: usize) {
        until("so many entries in the pool", || {
            self.status().waiting == count
        })
        .await;
    }

    pub(crate) fn key(&self) -> &PublicKey {
        self.world.key.public_key()
    }
}

/// Appends an entry, which must not be answered, and returns why.
pub(crate) async fn refused(log: &TestLog) -> AppendError {
    log.append_one().await.expect_err("nothing to be released")
}
