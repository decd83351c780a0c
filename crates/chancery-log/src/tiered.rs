//! A log whose first entries are in published files only.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chancery_tlog::{Origin, TILE_WIDTH, TileId, TreeHead};
use tokio::sync::OnceCell;

use crate::export::{ExportError, Exporter};
use crate::reading_place::FileReads;
use crate::store::{
    Beyond, Head, LogReader, LogStore, Plan, SequenceError, StoreError, StoredTerm,
};
use crate::{Delivery, PublishedFiles};

/// A database, and the place that its pruned entries are read from. All else is the database's.
#[derive(Debug)]
pub struct Tiered {
    store: Arc<dyn LogStore>,
    /// Where they are; `None` if this process was not told.
    files: Option<Exporter>,
    file_reads: FileReads,
    /// The first line of the files' checkpoint, once it was seen to be this log's.
    origin: OnceCell<Origin>,
    /// What was found last, to save a read: it only grows.
    pruned_below: AtomicU64,
}

impl Tiered {
    /// Takes a database, and where what is pruned from it was published.
    pub fn new(store: Arc<dyn LogStore>, files: Exporter) -> Self {
        Self::with(store, Some(files))
    }

    /// Takes a database from which nothing was pruned yet that this process would have to read.
    /// Another process may prune it: entries are unavailable here then, and not missing.
    pub fn without_files(store: Arc<dyn LogStore>) -> Self {
        Self::with(store, None)
    }

    fn with(store: Arc<dyn LogStore>, files: Option<Exporter>) -> Self {
        Self {
            store,
            files,
            file_reads: FileReads::new(),
            origin: OnceCell::new(),
            pruned_below: AtomicU64::new(0),
        }
    }

    async fn look(&self) -> Result<u64, StoreError> {
        let found = self.store.pruned_below().await?;
        self.pruned_below.fetch_max(found, Ordering::Relaxed);
        Ok(found)
    }

    /// Reads entries of which the first `pruned` are in files only.
    async fn read(&self, range: Range<u64>, pruned: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let old = range.start..range.end.min(pruned);
        let mut entries = match old.is_empty() {
            true => Vec::new(),
            false => self.file_reads.bound(self.published(pruned, old)).await?,
        };
        let new = range.start.max(pruned)..range.end;
        if !new.is_empty() {
            entries.extend(self.store.entries(new).await?);
        }
        Ok(entries)
    }

    /// Reads entries from the files that hold the first `pruned`. Their tiles are full, so no head
    /// has to be known to read them.
    async fn published(&self, pruned: u64, old: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        let Some(files) = &self.files else {
            let wrong = format!(
                "the first {pruned} entries were pruned from the database by another process, and \
                 this one is not told where they are published"
            );
            return Err(StoreError::Unavailable(wrong.into()));
        };
        let head = Head {
            tree: TreeHead {
                tree_size: pruned.next_multiple_of(TILE_WIDTH),
                ..TreeHead::EMPTY
            },
            timestamp_ms: 0,
        };
        let place = files.place();
        let origin = self.origin.get_or_try_init(|| async {
            let standing = files.standing().await.map_err(of_files)?;
            let standing = standing.ok_or_else(|| {
                let name = place.name();
                StoreError::Inconsistent(format!("{name} has no checkpoint: nothing was exported"))
            })?;
            Ok::<_, StoreError>(standing.origin)
        });
        let origin = origin.await?.clone();
        let files = PublishedFiles::at(Arc::clone(place), files.form(), origin, head);
        let entries = files.entries(old.clone()).await?;
        if (entries.len() as u64) < old.end - old.start {
            return Err(StoreError::Inconsistent(format!(
                "{} lacks entries between {} and {} that were pruned from the database",
                place.name(),
                old.start,
                old.end
            )));
        }
        Ok(entries)
    }
}

fn of_files(error: ExportError) -> StoreError {
    match error {
        ExportError::Place(error) => error.into(),
        other => StoreError::Inconsistent(other.to_string()),
    }
}

#[async_trait]
impl LogReader for Tiered {
    async fn head(&self) -> Result<Head, StoreError> {
        self.store.head().await
    }

    async fn hash_tiles(&self, tiles: &[TileId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.store.hash_tiles(tiles).await
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        let known = self.pruned_below.load(Ordering::Relaxed);
        let found = self.read(range.clone(), known).await;
        let wanted = range.end.saturating_sub(range.start);
        let short = match &found {
            Ok(entries) => (entries.len() as u64) < wanted,
            Err(StoreError::Inconsistent(_)) => true,
            Err(StoreError::Unavailable(_)) => false,
        };
        // Another process may have pruned meanwhile.
        if short {
            let now = self.look().await?;
            if now > known {
                return self.read(range, now).await;
            }
        }
        found
    }

    fn known_in_files(&self) -> u64 {
        self.pruned_below.load(Ordering::Relaxed)
    }

    async fn issuer(&self, fingerprint: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.issuer(fingerprint).await
    }

    async fn find(&self, name: &str, value: &str, limit: u32) -> Result<Vec<u64>, StoreError> {
        self.store.find(name, value, limit).await
    }
}

#[async_trait]
impl LogStore for Tiered {
    async fn sequence(&self, known: Option<TreeHead>, plan: Plan<'_>) -> Result<(), SequenceError> {
        self.store.sequence(known, plan).await
    }

    async fn record(&self, deliveries: &[Delivery]) -> Result<(), StoreError> {
        self.store.record(deliveries).await
    }

    async fn deliveries(&self, range: Range<u64>) -> Result<Vec<Delivery>, StoreError> {
        self.store.deliveries(range).await
    }

    async fn terms(
        &self,
        after: Option<&StoredTerm>,
        limit: u32,
    ) -> Result<Vec<StoredTerm>, StoreError> {
        self.store.terms(after, limit).await
    }

    async fn beyond(&self, tree_size: u64) -> Result<Beyond, StoreError> {
        self.store.beyond(tree_size).await
    }

    async fn issuers(&self) -> Result<Vec<([u8; 32], Vec<u8>)>, StoreError> {
        self.store.issuers().await
    }

    async fn pruned_below(&self) -> Result<u64, StoreError> {
        self.look().await
    }

    async fn prune(&self, below: u64) -> Result<(), StoreError> {
        self.store.prune(below).await
    }
}
