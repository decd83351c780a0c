//! A ledger on a log in memory.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use chancery_keys::{PublicKey, SignError, Signer};
use chancery_ledger::{
    Accept, Acceptance, IssuanceRecords, Ledger, LedgerLimits, LedgerParts, NoRecords,
    append_genesis,
};
use chancery_log::clock::{FixedClock, SystemClock};
use chancery_log::guard::FileGuard;
use chancery_log::memory::MemoryStore;
use chancery_log::{Log, LogKeys, LogParts, PoolLimits};
use chancery_tlog::Origin;
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) clock: Arc<FixedClock>,
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
            keys: LogKeys::Plain {
                signer: Arc::new(VectorKey::new()),
            },
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

/// The key of the vectors' ledger.
#[derive(Debug)]
struct VectorKey {
    pair: Ed25519KeyPair,
    public_key: PublicKey,
}

impl VectorKey {
    fn new() -> Self {
        let seed = "5e8b2fc18c3c92ac26ca0562e7de091a9fcad0c2cf546e72cb70987df05ff96c";
        let pair = Ed25519KeyPair::from_seed_unchecked(&hex::decode(seed).unwrap()).unwrap();
        let public_key = pair.public_key().as_ref().try_into().unwrap();
        let public_key = PublicKey::from_ed25519(&public_key).unwrap();
        Self { pair, public_key }
    }
}

#[async_trait]
impl Signer for VectorKey {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(self.pair.sign(message).as_ref().to_vec())
    }
}
