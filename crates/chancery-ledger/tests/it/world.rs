//! A ledger on a log in memory.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chancery_keys::{KeyType, LocalKey};
use chancery_ledger::{
    Accept, Acceptance, IssuanceRecords, Ledger, LedgerLimits, LedgerParts, NoRecords,
    append_genesis,
};
use chancery_log::clock::{FixedClock, SystemClock};
use chancery_log::guard::FileGuard;
use chancery_log::memory::MemoryStore;
use chancery_log::{Log, LogParts, PoolLimits};
use chancery_tlog::Origin;
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) clock: Arc<FixedClock>,
    signer: Arc<LocalKey>,
    folder: TempDir,
}

/// The time of the vectors, 2026-11-01T12:00:00Z, and some seconds.
pub(crate) fn vector_time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_534_400 + seconds)
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        FileGuard::create(&folder.path().join("guard")).unwrap();
        Self {
            store: MemoryStore::default(),
            clock: Arc::new(FixedClock::at(vector_time(5))),
            signer: Arc::new(LocalKey::generate(KeyType::P256).unwrap()),
            folder,
        }
    }

    pub(crate) async fn log(&self) -> Arc<Log> {
        let log = Log::open(LogParts {
            name: "ledger".to_owned(),
            origin: Origin::parse("rekor.chancery.test").unwrap(),
            begins_ms: 0,
            store: Arc::new(self.store.clone()),
            guard: Arc::new(FileGuard::open(&self.folder.path().join("guard")).unwrap()),
            signer: Arc::clone(&self.signer) as Arc<_>,
            witness_signer: Arc::new(LocalKey::generate(KeyType::Ed25519).unwrap()),
            witnesses: None,
            clock: Arc::new(SystemClock),
            limits: PoolLimits::default(),
        });
        Arc::new(log.await.unwrap())
    }

    /// Opens the ledger, which begins if it is empty.
    pub(crate) async fn ledger(
        &self,
        accept: Accept,
        records: Arc<dyn IssuanceRecords>,
        limits: LedgerLimits,
    ) -> Arc<Ledger> {
        let log = self.log().await;
        append_genesis(&log).await.unwrap();
        Ledger::new(LedgerParts {
            log,
            log_id: [7; 32],
            acceptance: Acceptance::new(accept, records),
            clock: Arc::clone(&self.clock) as Arc<_>,
            limits,
        })
    }

    /// Opens a ledger that takes what anybody signs.
    pub(crate) async fn open_to_all(&self) -> Arc<Ledger> {
        let limits = LedgerLimits::default();
        self.ledger(Accept::AnyKey, Arc::new(NoRecords), limits)
            .await
    }
}
