//! A log on a web server, read as any other log.

use std::ops::Range;

use async_trait::async_trait;
use chancery_log::published_files::{MAX_CHECKPOINT, MAX_DATA_TILE, MAX_HASH_TILE, MAX_ISSUER};
use chancery_log::{Form, Head, LogReader, StoreError};
use chancery_tlog::{Hash, TILE_WIDTH, TileId, TilePath, tile_width_at};

use crate::fetch::{FetchError, Fetcher};

/// The longest data tile that is read while others are, in bytes. Those of logs of certificates have
/// half of that.
const AHEAD: u64 = 2 * 1024 * 1024;

/// A log on a web server, as of one of its checkpoints.
#[derive(Clone, Debug)]
pub struct RemoteLog {
    fetcher: Fetcher,
    form: Form,
    head: Head,
}

impl RemoteLog {
    /// Takes a log as far as `head` goes, which it has signed.
    pub fn new(fetcher: Fetcher, form: Form, head: Head) -> Self {
        Self {
            fetcher,
            form,
            head,
        }
    }

    /// Fetches a log's newest checkpoint, unverified.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn checkpoint(fetcher: &Fetcher) -> Result<Vec<u8>, FetchError> {
        let found = fetcher.get("checkpoint", MAX_CHECKPOINT).await?;
        found.ok_or_else(|| FetchError::Answer {
            url: fetcher.base().clone(),
            wrong: "has no checkpoint".to_owned(),
        })
    }

    /// Fetches a tile as wide as it is at the head, or the full one that has come since.
    async fn tile(
        &self,
        tile: TileId,
        name: impl Fn(u16) -> String + Send,
        bound: u64,
    ) -> Result<Option<Vec<u8>>, FetchError> {
        let width = tile_width_at(tile.level, tile.index, self.head.tree.tree_size);
        if width == 0 {
            return Ok(None);
        }
        let found = self.fetcher.get(&name(width), bound).await?;
        if found.is_some() || width == TilePath::FULL_WIDTH {
            return Ok(found);
        }
        self.fetcher.get(&name(TilePath::FULL_WIDTH), bound).await
    }

    /// Reads entries; `None` if one of their tiles has more bytes than `bound`, and may have.
    async fn bounded(
        &self,
        range: Range<u64>,
        bound: u64,
    ) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        let end = range.end.min(self.head.tree.tree_size);
        let mut entries = Vec::new();
        let mut next = range.start;
        while next < end {
            let index = next / TILE_WIDTH;
            let first = index * TILE_WIDTH;
            let until = (first + TILE_WIDTH).min(end);
            let Some(tile) = self.entries_of_tile(index, bound).await? else {
                return Ok(None);
            };
            let wanted = (first..until).zip(tile).filter(|(place, _)| *place >= next);
            let before = entries.len() as u64;
            entries.extend(wanted.map(|(_, entry)| entry));
            if entries.len() as u64 - before < until - next {
                break;
            }
            next = until;
        }
        Ok(Some(entries))
    }

    /// Reads the entries of a tile; `None` if it has more bytes than `bound`, and may have.
    async fn entries_of_tile(
        &self,
        index: u64,
        bound: u64,
    ) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        let name = |width| self.form.data_tile_name(index, width);
        let id = TileId { level: 0, index };
        let bytes = match self.tile(id, name, bound).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Some(Vec::new())),
            Err(FetchError::Long { .. }) if bound < MAX_DATA_TILE => return Ok(None),
            Err(e) => return Err(of_fetch(e)),
        };
        let form = self.form;
        let count = usize::from(tile_width_at(0, index, self.head.tree.tree_size));
        // Here, and not on another thread: what threads free for each other is given back late, and a
        // tile may have 32 MiB.
        split(form, &bytes, count).map(Some).map_err(|wrong| {
            StoreError::Inconsistent(format!(
                "the entries from {} on {wrong}",
                index * TILE_WIDTH
            ))
        })
    }
}

fn of_fetch(error: FetchError) -> StoreError {
    match error {
        FetchError::Answer { .. } | FetchError::Long { .. } => {
            StoreError::Inconsistent(error.to_string())
        }
        other => StoreError::Unavailable(Box::new(other)),
    }
}

/// Takes the first entries of a tile. What follows them is of a later, larger tile.
fn split(form: Form, mut bytes: &[u8], count: usize) -> Result<Vec<Vec<u8>>, String> {
    let mut entries = Vec::with_capacity(count);
    for number in 0..count {
        let (entry, rest) = form
            .split_first(bytes)
            .map_err(|wrong| format!("are damaged: the one numbered {number} {wrong}"))?;
        entries.push(entry.to_vec());
        bytes = rest;
    }
    Ok(entries)
}

#[async_trait]
impl LogReader for RemoteLog {
    async fn head(&self) -> Result<Head, StoreError> {
        Ok(self.head)
    }

    async fn hash_tiles(&self, tiles: &[TileId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let mut found = Vec::with_capacity(tiles.len());
        for tile in tiles {
            let TileId { level, index } = *tile;
            let path = |width| TilePath::Hash {
                level,
                index,
                width,
            };
            let name = |width| format!("tile/{}", path(width));
            let hashes = self.tile(*tile, name, MAX_HASH_TILE).await;
            let mut hashes = hashes.map_err(of_fetch)?;
            if let Some(hashes) = &mut hashes {
                let width = tile_width_at(level, index, self.head.tree.tree_size);
                hashes.truncate(usize::from(width) * Hash::LENGTH);
            }
            found.push(hashes);
        }
        Ok(found)
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        let read = self.bounded(range, MAX_DATA_TILE).await?;
        Ok(read.unwrap_or_default())
    }

    async fn entries_ahead(&self, range: Range<u64>) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        self.bounded(range, AHEAD).await
    }

    async fn issuer(&self, fingerprint: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        let name = format!("issuer/{}", hex::encode(fingerprint));
        let found = self.fetcher.get(&name, MAX_ISSUER).await;
        found.map_err(of_fetch)
    }

    async fn find(&self, _: &str, _: &str, _: u32) -> Result<Vec<u64>, StoreError> {
        Err(StoreError::Unavailable(
            "a log on a web server has no index".into(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_are_split_by_their_lengths() {
        let bundle = b"\0\x03abc\0\0\0\x01x\0\x09rest";
        let entries = split(Form::TlogTiles, bundle, 3).unwrap();
        assert_eq!(entries, [&b"\0\x03abc"[..], b"\0\0", b"\0\x01x"]);
        assert!(split(Form::TlogTiles, bundle, 4).is_err());
        assert!(split(Form::TlogTiles, b"\0", 1).is_err());
        assert!(split(Form::StaticCt, bundle, 1).is_err());
    }
}
