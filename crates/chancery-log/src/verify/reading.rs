//! Reading a log that may be damaged or away for a moment: errors that blame what is stored become
//! a part of what was read.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::time::Duration;

use chancery_tlog::TileId;

use crate::{Delivery, Head, LogReader, LogStore, StoreError, StoredTerm};

/// How long to wait before each further try.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// Something that was read, or what is wrong with it.
pub(super) type Read<T> = Result<T, String>;

/// A log to verify: published bytes, or a whole database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    reader: &'a dyn LogReader,
    pub(super) store: Option<&'a dyn LogStore>,
}

/// A stretch of entries and what belongs to them.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) first: u64,
    pub(super) entries: Vec<Read<Vec<u8>>>,
    /// From here on, nothing was there.
    pub(super) ends_at: Option<u64>,
    pub(super) deliveries: BTreeMap<u64, Read<Delivery>>,
    /// The level-0 tiles over the entries, `None` where one is missing.
    pub(super) tiles: Vec<Option<Vec<u8>>>,
}

impl<'a> Source<'a> {
    pub(super) fn published(reader: &'a dyn LogReader) -> Self {
        Self {
            reader,
            store: None,
        }
    }

    pub(super) fn database(store: &'a dyn LogStore) -> Self {
        Self {
            reader: store,
            store: Some(store),
        }
    }

    pub(super) async fn head(&self) -> Result<Read<Head>, StoreError> {
        blame(patiently(|| self.reader.head()).await)
    }

    pub(super) async fn chunk(&self, range: Range<u64>) -> Result<Chunk, StoreError> {
        let (entries, ends_at) = self.entries(range.clone()).await?;
        let tiles = range.start / 256..range.end.div_ceil(256);
        let tiles: Vec<_> = tiles.map(|index| TileId { level: 0, index }).collect();
        Ok(Chunk {
            first: range.start,
            entries,
            ends_at,
            deliveries: match self.store {
                Some(store) => deliveries(store, range).await?,
                None => BTreeMap::new(),
            },
            tiles: self.hash_tiles(&tiles).await?,
        })
    }

    /// Reads entries. What is wrong is told of each one by itself.
    async fn entries(
        &self,
        range: Range<u64>,
    ) -> Result<(Vec<Read<Vec<u8>>>, Option<u64>), StoreError> {
        let wanted = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        match blame(patiently(|| self.reader.entries(range.clone())).await)? {
            Ok(found) => {
                let ends_at = (found.len() < wanted).then(|| range.start + found.len() as u64);
                let mut entries: Vec<_> = found.into_iter().map(Ok).collect();
                entries.resize_with(wanted, || Err(MISSING.to_owned()));
                Ok((entries, ends_at))
            }
            Err(_) => {
                let mut entries = Vec::with_capacity(wanted);
                for index in range {
                    entries.push(self.entry(index).await?);
                }
                Ok((entries, None))
            }
        }
    }

    /// Reads one entry.
    pub(super) async fn entry(&self, index: u64) -> Result<Read<Vec<u8>>, StoreError> {
        let found = blame(patiently(|| self.reader.entries(index..index + 1)).await)?;
        Ok(found.and_then(|mut found| found.pop().ok_or_else(|| MISSING.to_owned())))
    }

    /// Reads hash tiles. One that cannot be read counts as missing.
    pub(super) async fn hash_tiles(
        &self,
        tiles: &[TileId],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        match blame(patiently(|| self.reader.hash_tiles(tiles)).await)? {
            Ok(found) if found.len() == tiles.len() => Ok(found),
            _ => {
                let mut found = Vec::with_capacity(tiles.len());
                for tile in tiles {
                    let tile = [*tile];
                    let read = blame(patiently(|| self.reader.hash_tiles(&tile)).await)?;
                    found.push(read.ok().and_then(|mut read| read.pop().flatten()));
                }
                Ok(found)
            }
        }
    }

    pub(super) async fn hash_tile(&self, tile: TileId) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.hash_tiles(&[tile]).await?.pop().flatten())
    }

    pub(super) async fn issuer(
        &self,
        fingerprint: &[u8; 32],
    ) -> Result<Read<Option<Vec<u8>>>, StoreError> {
        blame(patiently(|| self.reader.issuer(fingerprint)).await)
    }
}

/// Reads deliveries. What is wrong is told of each one by itself.
async fn deliveries(
    store: &dyn LogStore,
    range: Range<u64>,
) -> Result<BTreeMap<u64, Read<Delivery>>, StoreError> {
    let mut deliveries = BTreeMap::new();
    match blame(patiently(|| store.deliveries(range.clone())).await)? {
        Ok(found) => {
            deliveries.extend(found.into_iter().map(|found| (found.leaf_index, Ok(found))));
        }
        Err(_) => {
            for index in range {
                let found = blame(patiently(|| store.deliveries(index..index + 1)).await)?;
                if let Some(found) = found.map(|mut found| found.pop()).transpose() {
                    deliveries.insert(index, found);
                }
            }
        }
    }
    Ok(deliveries)
}

/// What is said of an entry that is not there.
const MISSING: &str = "it is missing";

pub(super) async fn terms(
    store: &dyn LogStore,
    after: Option<&StoredTerm>,
    limit: u32,
) -> Result<Read<Vec<StoredTerm>>, StoreError> {
    blame(patiently(|| store.terms(after, limit)).await)
}

/// Sorts an error: `Inconsistent` blames what is stored.
pub(super) fn blame<T>(read: Result<T, StoreError>) -> Result<Read<T>, StoreError> {
    match read {
        Ok(read) => Ok(Ok(read)),
        Err(StoreError::Inconsistent(wrong)) => Ok(Err(wrong)),
        Err(away) => Err(away),
    }
}

/// Tries again for a few seconds while the database is away: a verification may take hours.
pub(super) async fn patiently<T, F>(mut read: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for pause in PAUSES {
        match read().await {
            Err(StoreError::Unavailable(_)) => tokio::time::sleep(pause).await,
            other => return other,
        }
    }
    read().await
}
