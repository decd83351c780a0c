//! Submissions to a running log.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chancery_ca::EntryIndex;
use chancery_keys::{KeyType, LocalKey};
use chancery_log::clock::SystemClock;
use chancery_log::guard::{Advance, FileGuard};
use chancery_log::memory::{Fault, MemoryStore};
use chancery_log::{Guard, GuardError, Log, LogKeys, LogParts, PoolLimits};
use chancery_submissions::{
    Submissions, SubmissionsLimits, SubmitError, SubmittedChain, SubmittedKind,
};
use chancery_tlog::{Origin, TreeHead};
use rcgen::PKCS_ECDSA_P256_SHA256;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::pki::{Ca, Leaf, roots};

struct World {
    store: MemoryStore,
    signer: Arc<LocalKey>,
    folder: TempDir,
    root: Ca,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        FileGuard::create(&folder.path().join("guard")).unwrap();
        Self {
            store: MemoryStore::default(),
            signer: Arc::new(LocalKey::generate(KeyType::P256).unwrap()),
            folder,
            root: Ca::root("root", &PKCS_ECDSA_P256_SHA256),
        }
    }

    async fn open(&self) -> Arc<Log> {
        let guard = FileGuard::open(&self.folder.path().join("guard")).unwrap();
        self.open_with(Arc::new(guard)).await
    }

    async fn open_with(&self, guard: Arc<dyn Guard>) -> Arc<Log> {
        let log = Log::open(LogParts {
            name: "main".to_owned(),
            origin: Origin::parse("localhost/ct/main").unwrap(),
            begins_ms: 0,
            store: Arc::new(self.store.clone()),
            guard,
            keys: LogKeys::Issuance {
                signer: Arc::clone(&self.signer) as Arc<_>,
                witness_signer: Arc::new(LocalKey::generate(KeyType::Ed25519).unwrap()),
            },
            witnesses: None,
            clock: Arc::new(SystemClock),
            limits: PoolLimits::default(),
        });
        Arc::new(log.await.unwrap())
    }

    fn submissions(&self, limits: SubmissionsLimits) -> Arc<Submissions> {
        Submissions::new(roots(&[&self.root]), EntryIndex::default(), limits)
    }
}

/// A guard that hangs while the semaphore has no permit.
#[derive(Debug)]
struct Hanging(FileGuard, Arc<Semaphore>);

#[async_trait]
impl Guard for Hanging {
    fn id(&self) -> &str {
        self.0.id()
    }

    async fn read(&self) -> Result<TreeHead, GuardError> {
        self.0.read().await
    }

    async fn advance(&self, from: &TreeHead, to: &TreeHead) -> Result<Advance, GuardError> {
        let _open = self.1.acquire().await;
        self.0.advance(from, to).await
    }
}

fn chain(ders: &[&Vec<u8>]) -> SubmittedChain {
    SubmittedChain::new(ders.iter().map(|der| (*der).clone()).collect()).unwrap()
}

#[tokio::test]
async fn the_same_leaf_is_logged_once_also_at_once_and_after_a_restart() {
    let world = World::new();
    let leaf = world.root.issue(Leaf::Certificate);
    let log = world.open().await;
    let submissions = world.submissions(SubmissionsLimits::default());
    let add = || submissions.add(&log, SubmittedKind::Certificate, chain(&[&leaf]));
    let (one, two, three) = tokio::join!(add(), add(), add());
    let first = one.unwrap();
    for again in [two.unwrap(), three.unwrap(), add().await.unwrap()] {
        assert_eq!(again.leaf_index(), first.leaf_index());
        assert_eq!(again.timestamp_ms(), first.timestamp_ms());
        assert_eq!(again.merkle_leaf(), first.merkle_leaf());
    }
    log.close().await;

    let log = world.open().await;
    let submissions = world.submissions(SubmissionsLimits::default());
    let add = submissions.add(&log, SubmittedKind::Certificate, chain(&[&leaf]));
    assert_eq!(add.await.unwrap().merkle_leaf(), first.merkle_leaf());
    assert_eq!(world.store.state().entries.len(), 1);
    let issuers = world.store.state().issuers.clone();
    let issuers: Vec<_> = issuers.into_values().collect();
    assert_eq!(issuers, std::slice::from_ref(&world.root.der));
}

#[tokio::test]
async fn many_at_once_are_each_logged_once() {
    let world = World::new();
    let log = world.open().await;
    let submissions = world.submissions(SubmissionsLimits::default());
    let leaves: Vec<_> = (0..40)
        .map(|_| world.root.issue(Leaf::Precertificate))
        .collect();
    let mut tasks = tokio::task::JoinSet::new();
    for leaf in leaves.iter().chain(&leaves) {
        let leaf = leaf.clone();
        let (submissions, log) = (Arc::clone(&submissions), Arc::clone(&log));
        tasks.spawn(async move {
            let add = submissions.add(&log, SubmittedKind::Precertificate, chain(&[&leaf]));
            add.await.unwrap().leaf_index()
        });
    }
    let mut places = tasks.join_all().await;
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 40);
    assert_eq!(world.store.state().entries.len(), 40);
}

#[tokio::test]
async fn an_entry_that_was_not_written_brings_its_issuers_along_again() {
    let world = World::new();
    let log = world.open().await;
    let submissions = world.submissions(SubmissionsLimits::default());
    let leaf = world.root.issue(Leaf::Certificate);
    world.store.fail_next(&[Fault::NotCommitted]);
    let add = || submissions.add(&log, SubmittedKind::Certificate, chain(&[&leaf]));
    assert!(matches!(add().await, Err(SubmitError::Append(_))));
    assert!(world.store.state().issuers.is_empty());
    add().await.unwrap();
    assert_eq!(world.store.state().issuers.len(), 1);
    // Written, and the answer lost: found, once it is published.
    let leaf = world.root.issue(Leaf::Certificate);
    world.store.fail_next(&[Fault::CommittedUnknown]);
    let add = || submissions.add(&log, SubmittedKind::Certificate, chain(&[&leaf]));
    assert!(matches!(add().await, Err(SubmitError::Append(_))));
    assert_eq!(add().await.unwrap().leaf_index().get(), 1);
    assert_eq!(world.store.state().entries.len(), 2);
}

#[tokio::test]
async fn more_than_the_budget_is_refused_with_a_time_to_come_again() {
    let world = World::new();
    let log = world.open().await;
    let submissions = world.submissions(SubmissionsLimits {
        per_second: 1,
        burst: Duration::from_secs(2),
        ..SubmissionsLimits::default()
    });
    let add = || async {
        let leaf = world.root.issue(Leaf::Certificate);
        let add = submissions.add(&log, SubmittedKind::Certificate, chain(&[&leaf]));
        add.await.map(drop)
    };
    add().await.unwrap();
    add().await.unwrap();
    let refused = add().await.unwrap_err();
    let SubmitError::Limited { retry_after } = refused else {
        panic!("{refused}");
    };
    assert!(retry_after <= Duration::from_secs(1), "{retry_after:?}");
}

#[tokio::test]
async fn neither_what_is_refused_nor_what_is_logged_already_uses_up_the_budget() {
    let world = World::new();
    let log = world.open().await;
    let submissions = world.submissions(SubmissionsLimits {
        per_second: 1,
        burst: Duration::from_secs(2),
        ..SubmissionsLimits::default()
    });
    let stranger = Ca::root("root", &PKCS_ECDSA_P256_SHA256);
    let add = |leaf: Vec<u8>| {
        let (submissions, log) = (Arc::clone(&submissions), Arc::clone(&log));
        async move {
            let add = submissions.add(&log, SubmittedKind::Certificate, chain(&[&leaf]));
            add.await.map(|sct| sct.leaf_index().get())
        }
    };
    for _ in 0..20 {
        let refused = add(stranger.issue(Leaf::Certificate)).await;
        assert!(matches!(refused, Err(SubmitError::Chain(_))), "{refused:?}");
    }
    let leaf = world.root.issue(Leaf::Certificate);
    assert_eq!(add(leaf.clone()).await.unwrap(), 0);
    assert_eq!(add(leaf.clone()).await.unwrap(), 0);
    assert_eq!(add(world.root.issue(Leaf::Certificate)).await.unwrap(), 1);
    // Repeats have their own.
    assert_eq!(add(leaf.clone()).await.unwrap(), 0);
    let refused = add(leaf).await;
    assert!(
        matches!(refused, Err(SubmitError::Limited { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn more_than_can_be_verified_are_told_to_come_again() {
    let world = World::new();
    let log = world.open().await;
    let submissions = world.submissions(SubmissionsLimits {
        verifying: 0,
        ..SubmissionsLimits::default()
    });
    let leaf = world.root.issue(Leaf::Certificate);
    let add = submissions.add(&log, SubmittedKind::Certificate, chain(&[&leaf]));
    let refused = add.await.unwrap_err();
    let SubmitError::Limited { retry_after } = refused else {
        panic!("{refused}");
    };
    assert_eq!(retry_after, Duration::from_secs(1));
}

#[tokio::test]
async fn submitters_who_hang_up_on_a_log_that_hangs_leave_no_more_than_256_behind() {
    let world = World::new();
    let gate = Arc::new(Semaphore::new(1));
    let guard = FileGuard::open(&world.folder.path().join("guard")).unwrap();
    let log = world
        .open_with(Arc::new(Hanging(guard, Arc::clone(&gate))))
        .await;
    let submissions = world.submissions(SubmissionsLimits {
        verifying: 16,
        ..SubmissionsLimits::default()
    });
    let leaf = world.root.issue(Leaf::Certificate);
    let add = || submissions.add(&log, SubmittedKind::Certificate, chain(&[&leaf]));

    let closed = gate.acquire().await.unwrap();
    for number in 0..400 {
        match timeout(Duration::ZERO, add()).await {
            Err(_) => assert!(number < 256, "submission {number} waits"),
            Ok(Err(SubmitError::Limited { .. })) => assert!(number >= 256, "{number} is refused"),
            Ok(other) => panic!("{number}: {other:?}"),
        }
    }

    drop(closed);
    let taken = async {
        while let Err(e) = add().await {
            assert!(matches!(e, SubmitError::Limited { .. }), "{e:?}");
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), taken).await.unwrap();
    assert_eq!(world.store.state().entries.len(), 1);
}
