//! A log that comes to its end, step by step, and processes that break off in between.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use chancery_keys::{KeyType, LocalKey, Passphrase, Signer as _};
use chancery_log::PublishedLog as _;
use chancery_log::clock::from_unix_ms;
use chancery_store::{ConnectOptions, DatabaseUrl, NewLog, NextLog, Purpose};
use chancery_tlog::ct::PrecertEntry;
use chancery_tlog::{KeyName, VerifierKey};
use tempfile::TempDir;

use super::*;
use crate::config::GuardPlace;
use crate::founding::{Founding, empty_database};
use crate::layout::Layout;

/// How long from an instance's founding its log ends.
const ENDS_IN_MS: u64 = 60_000;

/// A clock that stands where it was put.
#[derive(Debug)]
struct SetClock(Mutex<SystemTime>);

impl SetClock {
    fn set(&self, now: SystemTime) {
        *self.0.lock().unwrap() = now;
    }
}

impl Clock for SetClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

/// An instance whose log ends soon. The log that follows it has no files here.
struct Ending {
    folder: TempDir,
    store: Store,
    clock: Arc<SetClock>,
    ends_ms: u64,
}

fn passphrase() -> Passphrase {
    Passphrase::from_bytes(b"of a test").unwrap()
}

impl Ending {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        for name in ["ca", "log", "offline"] {
            let made = DirBuilder::new()
                .mode(0o700)
                .create(folder.path().join(name));
            made.unwrap();
        }
        let url = format!("sqlite:{}", folder.path().join("chancery.db").display());
        let url = DatabaseUrl::parse(&url).unwrap();
        let founding = Founding {
            layout: &layout,
            purpose: Purpose::Production,
            url: "http://localhost",
            organization: "test",
            log_name: "old",
            origin: &Origin::parse("localhost/ct/old").unwrap(),
            readers: Readers::Open,
            guard: &GuardPlace::File(folder.path().join("guard")),
            passphrase: &passphrase(),
            root_passphrase: &passphrase(),
            timestamps: false,
        };
        let found = founding.found(empty_database(&url).await.unwrap()).await;
        found.unwrap();
        let config = "url: http://localhost\nidentity-config: identity.yaml\norganization: test\n\
             database: sqlite:chancery.db\nca: {chain: ca/chain.pem, key: ca/issuing.key.pem}\n\
             log: {name: old, origin: localhost/ct/old, key: log/log.key.pem, \
             witness-key: log/witness.key.pem, read: open}\nguard: {file: guard}\n";
        std::fs::write(layout.config(), config).unwrap();
        let store = Store::connect(&url, ConnectOptions::default())
            .await
            .unwrap();
        let recorded = store.instance().await.unwrap().unwrap();
        let begun_ms = recorded.created_ms;
        let ends_ms = begun_ms + ENDS_IN_MS;
        let next = NextLog {
            log: NewLog {
                name: "next".to_owned(),
                origin: "localhost/ct/next".to_owned(),
                log_id: [7; 32],
                public_key: recorded.logs[0].public_key.clone(),
                witness_key: Vec::new(),
                readers: Readers::Open,
            },
            after: recorded.logs[0].log,
            begins_ms: ends_ms,
            guard_id: "elsewhere".to_owned(),
            now_ms: begun_ms,
        };
        store.add_log(next).await.unwrap();
        let clock = Arc::new(SetClock(Mutex::new(from_unix_ms(begun_ms + 1))));
        Self {
            folder,
            store,
            clock,
            ends_ms,
        }
    }

    /// Begins a process, which retires a log so long after its end.
    async fn process(&self, retire_after: Duration) -> Shards {
        let config = Config::load(&self.folder.path().join("chancery.yaml")).unwrap();
        let clock = Arc::<SetClock>::clone(&self.clock);
        let store = self.store.clone();
        let instance = store.instance().await.unwrap().unwrap();
        let opened = Shards::open(&config, passphrase(), store, instance, clock).await;
        let mut shards = opened.unwrap();
        shards.freezing.retire_after = retire_after;
        shards
    }

    async fn old(&self) -> RecordedLog {
        let instance = self.store.instance().await.unwrap().unwrap();
        instance.logs[0].clone()
    }

    /// Appends two entries, in a process that ends.
    async fn append_two(&self) {
        let shards = self.process(Duration::ZERO).await;
        let log = Arc::clone(&shards.issuance().all()[0]);
        for number in [1, 2] {
            let entry = PrecertEntry::new([7; 32], vec![number], vec![number], vec![[9; 32]]);
            log.append(Box::new(entry.unwrap()), Vec::new())
                .await
                .unwrap();
        }
        log.close().await;
    }
}

fn is_frozen(shards: &Shards) -> bool {
    matches!(shards.shown.get("old"), Some(Shown::Frozen(_)))
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_retires_nothing_until_as_much_time_has_passed() {
    let ending = Ending::new().await;
    let mut shards = ending.process(Duration::from_secs(60)).await;
    ending.clock.set(from_unix_ms(ending.ends_ms + 3_600_000));
    for _ in 0..3 {
        shards.step().await.unwrap();
    }
    assert_eq!(ending.old().await.retired_ms, None);
    // It is put right: the log goes on, and takes entries.
    ending.clock.set(from_unix_ms(ending.ends_ms - 5_000));
    shards.step().await.unwrap();
    let log = Arc::clone(&shards.issuance().all()[0]);
    log.check_open().unwrap();
    let entry = PrecertEntry::new([7; 32], vec![1], vec![1], vec![[9; 32]]);
    log.append(Box::new(entry.unwrap()), Vec::new())
        .await
        .unwrap();
}

#[tokio::test]
async fn each_step_to_a_frozen_log_is_finished_by_the_next_process_where_one_broke_off() {
    let ending = Ending::new().await;
    ending.append_two().await;

    // One process retires the log, by a clock that is ahead of the others', and ends.
    let retired = ending.store.retire_ended_log(1, 0, ending.ends_ms).await;
    assert!(retired.unwrap());
    assert_eq!(ending.old().await.final_checkpoint, None);

    // The next keeps its checkpoint, and ends before it shows the log frozen.
    let mut shards = ending.process(Duration::from_secs(60)).await;
    assert!(!is_frozen(&shards));
    assert!(
        shards.issuance().all().is_empty(),
        "a retired log takes nothing"
    );
    shards.step().await.unwrap();
    let kept = ending.old().await.final_checkpoint.unwrap();
    assert!(kept.starts_with(b"localhost/ct/old\n2\n"));
    assert!(!is_frozen(&shards));
    drop(shards);

    // The one after that needs no key, and what was kept stays.
    for name in ["log/log.key.pem", "log/witness.key.pem", "guard"] {
        std::fs::remove_file(ending.folder.path().join(name)).unwrap();
    }
    let mut shards = ending.process(Duration::from_secs(60)).await;
    assert!(is_frozen(&shards));
    shards.step().await.unwrap();
    let Some(Shown::Frozen(log)) = shards.shown.get("old") else {
        panic!("not frozen");
    };
    assert_eq!(log.checkpoint().await.unwrap(), kept);
    assert_eq!(ending.old().await.final_checkpoint.unwrap(), kept);
}

#[tokio::test]
async fn a_log_takes_entries_where_the_one_that_was_to_follow_it_is_given_up() {
    let ending = Ending::new().await;
    assert!(ending.store.retire_log(2, 1).await.unwrap());
    let shards = ending.process(Duration::from_secs(60)).await;
    assert_eq!(shards.issuance().all().len(), 1);
}

#[tokio::test]
async fn a_final_checkpoint_without_a_quorum_is_kept_only_after_the_witnesses_had_their_time() {
    let ending = Ending::new().await;
    let witness = LocalKey::generate(KeyType::Ed25519).unwrap();
    let name = KeyName::parse("one.example").unwrap();
    let public_key = witness.public_key().subject_public_key();
    let public_key = public_key.try_into().unwrap();
    let key = VerifierKey::Cosignature { name, public_key };
    // Nobody listens there.
    let policy = format!("witness one {key} http://127.0.0.1:1\nquorum one\n");
    std::fs::write(ending.folder.path().join("policy"), policy).unwrap();
    let path = ending.folder.path().join("chancery.yaml");
    let config = std::fs::read_to_string(&path).unwrap();
    let asked = "read: open, witnesses: {policy: policy, required: false}}";
    std::fs::write(&path, config.replace("read: open}", asked)).unwrap();
    let mut shards = ending.process(Duration::ZERO).await;
    ending.clock.set(from_unix_ms(ending.ends_ms));
    for _ in 0..2 {
        shards.step().await.unwrap();
    }
    let old = ending.old().await;
    assert!(old.retired_ms.is_some() && old.final_checkpoint.is_none());
    assert!(shards.complaints["old"].contains("too few witnesses"));
    shards.freezing.quorum_within = Duration::ZERO;
    shards.step().await.unwrap();
    assert!(ending.old().await.final_checkpoint.is_some());
}

#[tokio::test]
async fn one_process_takes_every_step_by_itself() {
    let ending = Ending::new().await;
    let mut shards = ending.process(Duration::ZERO).await;
    shards.step().await.unwrap();
    assert_eq!(ending.old().await.retired_ms, None);
    ending.clock.set(from_unix_ms(ending.ends_ms));
    shards.step().await.unwrap();
    let old = ending.old().await;
    assert!(old.retired_ms.is_some() && old.final_checkpoint.is_some());
    assert!(shards.step().await.unwrap());
    assert!(is_frozen(&shards));
    assert!(shards.issuance().all().is_empty());
}
