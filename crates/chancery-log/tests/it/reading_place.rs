//! Reads of published files that hang, which cost those who read the database nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use chancery_log::prune::prune;
use chancery_log::published_files::{FilePlace, Folder, NewFile, PlaceError};
use chancery_log::{LogReader as _, StoreError, Tiered, with_reading_place};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;

use crate::export::{exported, exporter};

/// Files whose data tiles are not read before the gate is closed.
#[derive(Debug)]
struct Hanging {
    folder: Folder,
    gate: Semaphore,
    reading: AtomicUsize,
}

#[async_trait]
impl FilePlace for Hanging {
    fn name(&self) -> String {
        self.folder.name()
    }

    async fn read(&self, name: &str, bound: u64) -> Result<Option<Vec<u8>>, PlaceError> {
        if name.starts_with("tile/data") {
            self.reading.fetch_add(1, SeqCst);
            assert!(self.gate.acquire().await.is_err());
            self.reading.fetch_sub(1, SeqCst);
        }
        self.folder.read(name, bound).await
    }

    async fn write(&self, files: Vec<NewFile>) -> Result<(), PlaceError> {
        self.folder.write(files).await
    }

    async fn replace(&self, expected: Option<&[u8]>, file: NewFile) -> Result<bool, PlaceError> {
        self.folder.replace(expected, file).await
    }

    async fn remove_folder(&self, folder: &str) -> Result<(), PlaceError> {
        self.folder.remove_folder(folder).await
    }

    async fn remove(&self, name: &str) -> Result<(), PlaceError> {
        self.folder.remove(name).await
    }
}

#[tokio::test]
async fn who_reads_files_that_hang_keeps_nobody_from_the_database() {
    let (folder, log, exports) = exported(600).await;
    let memory = log.world.memory.clone();
    let all = memory.entries(0..600).await.unwrap();
    assert_eq!(prune(&memory, &exports, 512, &|_| ()).await.unwrap(), 512);
    let hanging = Arc::new(Hanging {
        folder: Folder::new(folder.path()),
        gate: Semaphore::new(0),
        reading: AtomicUsize::new(0),
    });
    let files = exporter(&log, Arc::clone(&hanging) as Arc<_>);
    let tiered = Arc::new(Tiered::new(Arc::new(memory), files));

    let places = Arc::new(Semaphore::new(1));
    let asked = Arc::new(AtomicUsize::new(0));
    let read = |range| {
        let (tiered, places) = (Arc::clone(&tiered), Arc::clone(&places));
        let asked = Arc::clone(&asked);
        async move {
            asked.fetch_add(1, SeqCst);
            let place = places.acquire_owned().await.unwrap();
            with_reading_place(place, tiered.entries(range)).await
        }
    };
    let mut hang = JoinSet::new();
    for _ in 0..8 + 64 {
        hang.spawn(read(0..1));
    }
    // Places are given in the order in which they were asked for.
    while asked.load(SeqCst) < 8 + 64 {
        yield_now().await;
    }
    let stored = timeout(Duration::from_secs(10), read(520..530)).await;
    assert_eq!(stored.unwrap().unwrap(), &all[520..530]);
    let refused = timeout(Duration::from_secs(10), read(0..1)).await.unwrap();
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    // All eight may be on their way to the file still; there is never a ninth.
    let all_read = async {
        while hanging.reading.load(SeqCst) < 8 {
            yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), all_read).await.unwrap();
    assert_eq!(hanging.reading.load(SeqCst), 8);
    // A backup, say: it came without a place, and is not refused for the others' sake.
    let own = Arc::clone(&tiered);
    hang.spawn(async move { own.entries(0..1).await });

    hanging.gate.close();
    for read in hang.join_all().await {
        assert_eq!(read.unwrap(), &all[..1]);
    }
    assert_eq!(places.available_permits(), 1);
}
