//! A log in memory and what it takes to witness it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use chancery_keys::{KeyType, LocalKey, Signer};
use chancery_log::clock::SystemClock;
use chancery_log::guard::FileGuard;
use chancery_log::memory::MemoryStore;
use chancery_log::{
    AppendError, Guard, Log, LogKeys, LogParts, LogReader, OpenLogError, PoolLimits,
    PublishedLog as _, Sequenced,
};
use chancery_tlog::ct::PrecertEntry;
use chancery_tlog::{
    Checkpoint, Cosignature, KeyName, NoteSignature, Origin, SignedNote, TreeHead, VerifierKey,
    WitnessPolicy,
};
use chancery_witness::{
    Cosigners, Insistence, Witness, WitnessGuard, WitnessState, WitnessedLog, verify_cosignature,
};
use tempfile::TempDir;

pub(crate) const ORIGIN: &str = "log.example/ct/2027";

/// A log's database, guard and keys: what outlives a process.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) memory: MemoryStore,
    pub(crate) origin: Origin,
    key: Arc<LocalKey>,
    pub(crate) witness_key: Arc<LocalKey>,
    next_leaf: AtomicU64,
}

/// A witness in this process, and its key file in memory.
#[derive(Clone, Debug)]
pub(crate) struct OneWitness {
    pub(crate) name: String,
    pub(crate) key: Arc<LocalKey>,
    pub(crate) folder: Arc<TempDir>,
    logs: Vec<VerifierKey>,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        FileGuard::create(&folder.path().join("guard")).unwrap();
        Self {
            folder,
            memory: MemoryStore::default(),
            origin: Origin::parse(ORIGIN).unwrap(),
            key: Arc::new(LocalKey::generate(KeyType::P256).unwrap()),
            witness_key: Arc::new(LocalKey::generate(KeyType::Ed25519).unwrap()),
            next_leaf: AtomicU64::new(0),
        }
    }

    /// Returns the keys that the log's lines are verified with.
    pub(crate) fn log_keys(&self) -> [VerifierKey; 2] {
        let name = self.origin.key_name().clone();
        let ed25519 = self.witness_key.public_key().subject_public_key();
        [
            VerifierKey::Ed25519 {
                name: name.clone(),
                public_key: ed25519.try_into().unwrap(),
            },
            VerifierKey::Rfc6962 {
                name,
                spki_der: self.key.public_key().spki_der().to_vec(),
            },
        ]
    }

    pub(crate) fn witness(&self, name: &str) -> OneWitness {
        OneWitness {
            name: name.to_owned(),
            key: Arc::new(LocalKey::generate(KeyType::Ed25519).unwrap()),
            folder: Arc::new(tempfile::tempdir().unwrap()),
            logs: self.log_keys().to_vec(),
        }
    }

    pub(crate) fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(self.memory.clone())
    }

    pub(crate) fn guard(&self, url: &str, witness: &VerifierKey) -> WitnessGuard {
        let signer = Arc::clone(&self.witness_key) as Arc<dyn Signer>;
        WitnessGuard::new(url, witness, self.origin.clone(), signer, self.reader()).unwrap()
    }

    /// Opens the log, with a guard in a file.
    pub(crate) async fn open(&self, witnesses: Option<Cosigners>) -> Result<Log, OpenLogError> {
        let guard = FileGuard::open(&self.folder.path().join("guard")).unwrap();
        self.open_with(Arc::new(guard), witnesses).await
    }

    pub(crate) async fn open_with(
        &self,
        guard: Arc<dyn Guard>,
        witnesses: Option<Cosigners>,
    ) -> Result<Log, OpenLogError> {
        Log::open(LogParts {
            name: "2027".to_owned(),
            origin: self.origin.clone(),
            store: Arc::new(self.memory.clone()),
            guard,
            keys: LogKeys::Issuance {
                signer: Arc::clone(&self.key) as Arc<dyn Signer>,
                witness_signer: Arc::clone(&self.witness_key) as Arc<dyn Signer>,
            },
            witnesses: witnesses.map(|w| Arc::new(w) as Arc<dyn chancery_log::Witnesses>),
            clock: Arc::new(SystemClock),
            begins_ms: 0,
            limits: PoolLimits::default(),
        })
        .await
    }

    pub(crate) async fn append(&self, log: &Log) -> Result<Sequenced, AppendError> {
        let number = self.next_leaf.fetch_add(1, SeqCst).to_be_bytes().to_vec();
        let leaf = PrecertEntry::new([7; 32], number.clone(), number, vec![[9; 32]]).unwrap();
        log.append(Box::new(leaf), Vec::new()).await
    }

    pub(crate) async fn append_many(&self, log: &Log, count: usize) {
        for _ in 0..count {
            self.append(log).await.unwrap();
        }
    }
}

impl OneWitness {
    /// Opens the witness as a process of its own.
    pub(crate) fn open(&self) -> Arc<Witness> {
        Arc::new(self.try_open().unwrap())
    }

    pub(crate) fn try_open(&self) -> Result<Witness, chancery_witness::OpenStateError> {
        let state = WitnessState::open(self.folder.path())?;
        let logs = vec![WitnessedLog::new(&self.logs).unwrap()];
        let name = KeyName::parse(&self.name).unwrap();
        let signer = Arc::clone(&self.key) as Arc<dyn Signer>;
        Witness::open(name, signer, state, logs)
    }

    /// Returns its line under a text, whatever it is.
    pub(crate) fn sign(&self, text: &str, timestamp_s: u64) -> NoteSignature {
        let message = Cosignature::message(text, timestamp_s);
        let cosignature = Cosignature {
            timestamp_s,
            signature: self.key.sign_now(&message).unwrap().try_into().unwrap(),
        };
        let public_key = self.key.public_key().subject_public_key();
        let name = KeyName::parse(&self.name).unwrap();
        cosignature.to_note_signature(&name, &public_key.try_into().unwrap())
    }

    pub(crate) fn key(&self) -> VerifierKey {
        let public_key = self.key.public_key().subject_public_key();
        VerifierKey::Cosignature {
            name: KeyName::parse(&self.name).unwrap(),
            public_key: public_key.try_into().unwrap(),
        }
    }
}

/// Makes a policy of which `quorum` says what is enough, with these witnesses and their URLs.
pub(crate) fn cosigners(
    world: &World,
    witnesses: &[(&OneWitness, &str)],
    quorum: &str,
    insistence: Insistence,
) -> Cosigners {
    let timeout = Duration::from_millis(400);
    cosigners_within(world, witnesses, quorum, insistence, timeout)
}

/// Makes such a policy with a timeout that no test comes to.
pub(crate) fn patient_cosigners(
    world: &World,
    witnesses: &[(&OneWitness, &str)],
    quorum: &str,
    insistence: Insistence,
) -> Cosigners {
    let timeout = Duration::from_secs(60);
    cosigners_within(world, witnesses, quorum, insistence, timeout)
}

fn cosigners_within(
    world: &World,
    witnesses: &[(&OneWitness, &str)],
    quorum: &str,
    insistence: Insistence,
    timeout: Duration,
) -> Cosigners {
    let mut text = format!("log {}\n", world.log_keys()[0]);
    let mut names = String::new();
    for (witness, url) in witnesses {
        text.push_str(&format!(
            "witness {} {} {url}\n",
            witness.name,
            witness.key()
        ));
        names.push_str(&format!(" {}", witness.name));
    }
    text.push_str(&format!("group g {quorum}{names}\nquorum g\n"));
    let policy = WitnessPolicy::parse(text.as_bytes()).unwrap();
    Cosigners::new(policy, &world.log_keys(), insistence, timeout).unwrap()
}

/// Returns the head of the newest checkpoint and the names of those who have cosigned it.
pub(crate) async fn published(log: &Log, witnesses: &[&OneWitness]) -> (TreeHead, Vec<String>) {
    let note = SignedNote::parse(&log.checkpoint().await.unwrap()).unwrap();
    let lines = note.signatures().iter().skip(2);
    let names = lines.map(|line| {
        let by = witnesses
            .iter()
            .find(|w| w.name == line.name.as_str())
            .unwrap();
        verify_cosignature(note.text(), line, &by.key()).unwrap();
        by.name.clone()
    });
    let names = names.collect();
    (Checkpoint::parse(note.text()).unwrap().head, names)
}

/// Repeats an append until it succeeds: a witness that failed is not asked for a while.
pub(crate) async fn append_until_released(world: &World, log: &Log) -> Sequenced {
    for _ in 0..400 {
        match world.append(log).await {
            Ok(sequenced) => return sequenced,
            Err(AppendError::Unavailable(_)) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(e) => panic!("{e}"),
        }
    }
    panic!("nothing is released although the witness is back");
}
