//! Reading one tile of entries, and hashing it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use chancery_tlog::{Hash, TILE_WIDTH, TileId, tile_width_at};

use super::ExportError;
use crate::form::Form;
use crate::read::cut;
use crate::{LogReader, StoreError};

/// The most different issuers that the entries of one tile may name. Chains have a few certificates,
/// and most are of the same authorities.
const MAX_ISSUERS: usize = 4096;

/// Reads tiles of a log of `size` entries.
#[derive(Debug)]
pub(super) struct TileReader {
    pub(super) source: Arc<dyn LogReader>,
    pub(super) form: Form,
    /// Whether entries are read, or only their hashes.
    pub(super) entries: bool,
    pub(super) size: u64,
}

/// A tile of entries.
#[derive(Debug)]
pub(super) struct ReadTile {
    pub(super) index: u64,
    /// What is to be published, unless entries are not.
    pub(super) data: Option<Vec<u8>>,
    /// The hash of each entry.
    pub(super) hashes: Vec<Hash>,
    /// The certificates that its entries name in their chains.
    pub(super) issuers: BTreeSet<[u8; 32]>,
}

impl TileReader {
    /// Reads a tile beside others; `None` if it is too large for that.
    pub(super) async fn read_ahead(&self, index: u64) -> Result<Option<ReadTile>, ExportError> {
        if !self.entries {
            let stored = self.hashes(index).await.map_err(ExportError::of_source)?;
            return self.of_hashes(index, &stored).map(Some);
        }
        let entries = self.source.entries_ahead(self.range(index));
        match tokio::try_join!(entries, self.hashes(index)).map_err(ExportError::of_source)? {
            (Some(entries), stored) => self.of_entries(index, entries, stored).await.map(Some),
            (None, _) => Ok(None),
        }
    }

    /// Reads a tile however large it is, while no other is read.
    pub(super) async fn read_alone(&self, index: u64) -> Result<ReadTile, ExportError> {
        let entries = self.source.entries(self.range(index));
        let read = tokio::try_join!(entries, self.hashes(index));
        let (entries, stored) = read.map_err(ExportError::of_source)?;
        self.of_entries(index, entries, stored).await
    }

    fn range(&self, index: u64) -> Range<u64> {
        let first = index * TILE_WIDTH;
        first..first + u64::from(tile_width_at(0, index, self.size))
    }

    /// Reads the log's own hash tile over entries.
    async fn hashes(&self, index: u64) -> Result<Vec<u8>, StoreError> {
        let id = TileId { level: 0, index };
        let mut found = self.source.hash_tiles(&[id]).await?;
        Ok(cut(
            found.pop().flatten().unwrap_or_default(),
            id,
            self.size,
        ))
    }

    async fn of_entries(
        &self,
        index: u64,
        entries: Vec<Vec<u8>>,
        stored: Vec<u8>,
    ) -> Result<ReadTile, ExportError> {
        let Range { start, end } = self.range(index);
        let found = entries.len() as u64;
        if found < end - start {
            return Err(missing(start + found));
        }
        let form = self.form;
        let hashing = tokio::task::spawn_blocking(move || hash(form, index, entries, &stored));
        hashing.await.map_err(ExportError::panicked)?
    }

    /// Takes hashes for entries that are not read.
    fn of_hashes(&self, index: u64, stored: &[u8]) -> Result<ReadTile, ExportError> {
        let (hashes, _) = stored.as_chunks::<{ Hash::LENGTH }>();
        let Range { start, end } = self.range(index);
        let found = hashes.len() as u64;
        if found != end - start {
            return Err(missing(start + found));
        }
        Ok(ReadTile {
            index,
            data: None,
            hashes: hashes.iter().map(|hash| Hash::from_bytes(*hash)).collect(),
            issuers: BTreeSet::new(),
        })
    }
}

fn missing(leaf_index: u64) -> ExportError {
    ExportError::Entry {
        leaf_index,
        wrong: "is missing".to_owned(),
    }
}

/// Hashes the entries of a tile, which must be what the log's own hash tile says.
fn hash(
    form: Form,
    index: u64,
    entries: Vec<Vec<u8>>,
    stored: &[u8],
) -> Result<ReadTile, ExportError> {
    let (stored, _) = stored.as_chunks::<{ Hash::LENGTH }>();
    let mut tile = ReadTile {
        index,
        data: None,
        hashes: Vec::with_capacity(entries.len()),
        issuers: BTreeSet::new(),
    };
    let mut data = Vec::with_capacity(entries.iter().map(Vec::len).sum());
    for (place, (leaf_index, entry)) in (index * TILE_WIDTH..).zip(entries).enumerate() {
        let wrong = |wrong: String| ExportError::Entry { leaf_index, wrong };
        let leaf = form.parse(leaf_index, &entry).map_err(wrong)?;
        tile.issuers.extend(leaf.chain_fingerprints());
        if tile.issuers.len() > MAX_ISSUERS {
            let words = format!("and those before it name over {MAX_ISSUERS} issuers");
            return Err(wrong(words));
        }
        let hash = leaf.leaf_hash();
        if stored.get(place) != Some(hash.as_bytes()) {
            return Err(wrong("does not hash to what its hash tile says".to_owned()));
        }
        data.extend_from_slice(&entry);
        tile.hashes.push(hash);
    }
    tile.data = Some(data);
    Ok(tile)
}
