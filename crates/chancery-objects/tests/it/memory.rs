//! A store in memory, which honours conditional writes, and one which does not.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chancery_log::Guard;
use chancery_log::guard::conformance::{TestBed, check};
use chancery_objects::{Bucket, ObjectGuard, ObjectGuardError};
use chancery_tlog::TreeHead;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::throttle::ThrottledStore;
use object_store::{ObjectStore, ObjectStoreExt};

const PREFIX: &str = "guards/test";

struct Memory(Arc<ThrottledStore<InMemory>>);

impl Memory {
    fn new() -> Self {
        Self(Arc::new(ThrottledStore::new(
            InMemory::new(),
            Default::default(),
        )))
    }

    fn bucket(&self) -> Bucket {
        Bucket::of(Arc::clone(&self.0) as Arc<dyn ObjectStore>, PREFIX)
    }

    fn answer_after(&self, wait: Duration) {
        self.0.config_mut(|config| {
            config.wait_put_per_call = wait;
            config.wait_get_per_call = wait;
        });
    }
}

#[async_trait]
impl TestBed for Memory {
    async fn create(&self) -> Arc<dyn Guard> {
        Arc::new(ObjectGuard::create(&self.bucket()).await.unwrap())
    }

    async fn create_at(&self, head: &TreeHead) -> Arc<dyn Guard> {
        let made = ObjectGuard::create_at(&self.bucket(), head).await;
        Arc::new(made.unwrap())
    }

    async fn open(&self, id: &str) -> Result<Arc<dyn Guard>, String> {
        match ObjectGuard::open(&self.bucket(), id).await {
            Ok(guard) => Ok(Arc::new(guard)),
            Err(e) => Err(e.to_string()),
        }
    }

    async fn damage(&self, id: &str) {
        let path = Path::from(format!("{PREFIX}/{id}"));
        let line = self.0.get(&path).await.unwrap().bytes().await.unwrap();
        let mut line = line.to_vec();
        line[60] ^= 1;
        self.0.put(&path, line.into()).await.unwrap();
    }

    async fn take_away(&self) {
        self.answer_after(Duration::from_secs(3600));
    }

    async fn bring_back(&self) {
        self.answer_after(Duration::ZERO);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_in_memory_is_a_guard() {
    check(&Memory::new()).await;
}

#[tokio::test]
async fn a_probe_leaves_nothing_behind() {
    let memory = Memory::new();
    let guard = ObjectGuard::create(&memory.bucket()).await.unwrap();
    ObjectGuard::open(&memory.bucket(), guard.id())
        .await
        .unwrap();
    let found = memory
        .0
        .list_with_delimiter(Some(&Path::from(PREFIX)))
        .await;
    let found: Vec<_> = found.unwrap().objects;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].location.filename(), Some(guard.id()));
}

/// Files cannot be replaced on a condition.
#[tokio::test]
async fn a_store_without_conditional_writes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    let bucket = Bucket::of(Arc::new(store), PREFIX);
    let refused = ObjectGuard::create(&bucket).await;
    assert!(
        matches!(refused, Err(ObjectGuardError::Unconditional(_))),
        "{refused:?}"
    );
    assert!(
        std::fs::read_dir(folder.path().join(PREFIX))
            .unwrap()
            .next()
            .is_none()
    );
}
