//! Proofs from stored hash tiles, and what they are asked with: entries and leaf hashes.

use std::ops::Range;

use chancery_tlog::ct::TileLeaf;
use chancery_tlog::{Hash, MakeProofError, TILE_WIDTH, TileHashes, TileId};

use crate::leaf::IndexTerm;
use crate::read::ReadError;
use crate::snapshot::Snapshot;
use crate::store::LogReader;

/// How many entries are looked at that share the half of a leaf hash which the index has. Two that
/// do are a collision of 128 bits.
const CANDIDATES: u32 = 16;

impl Snapshot {
    /// Returns the proof that entry `index` is in the tree of the first `size` entries; `None` if it
    /// is not, or this tree has fewer.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or its contents contradict themselves.
    pub async fn inclusion_proof(
        &self,
        index: u64,
        size: u64,
    ) -> Result<Option<Vec<Hash>>, ReadError> {
        if index >= size || size > self.size() {
            return Ok(None);
        }
        inclusion_proof(&*self.reader, index, size).await.map(Some)
    }

    /// Returns the proof that the tree of the first `second` entries begins with that of the first
    /// `first`; `None` if `first` is the larger, or this tree has fewer than `second`.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::inclusion_proof`].
    pub async fn consistency_proof(
        &self,
        first: u64,
        second: u64,
    ) -> Result<Option<Vec<Hash>>, ReadError> {
        if first > second || second > self.size() {
            return Ok(None);
        }
        consistency_proof(&*self.reader, first, second)
            .await
            .map(Some)
    }

    /// Returns the entries in `range` as far as this tree has them, in order.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::inclusion_proof`].
    pub async fn entries(&self, range: Range<u64>) -> Result<Vec<TileLeaf>, ReadError> {
        let range = range.start..range.end.min(self.size());
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let stored = self.reader.entries(range.clone()).await?;
        if stored.len() as u64 != range.end - range.start {
            let missing = range.start + stored.len() as u64;
            let what = format!("entry {missing} is missing");
            return Err(ReadError::Inconsistent(what));
        }
        let parsed = range.zip(stored).map(|(index, bytes)| parse(index, &bytes));
        parsed.collect()
    }

    /// Returns the place of the entry with that leaf hash among the first `size` entries; `None` if
    /// there is none, or this tree has fewer.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::inclusion_proof`].
    pub async fn find_leaf(&self, hash: &Hash, size: u64) -> Result<Option<u64>, ReadError> {
        if size > self.size() {
            return Ok(None);
        }
        let IndexTerm { name, value } = IndexTerm::leaf_hash(hash);
        let found = self.reader.find(name, &value, CANDIDATES).await?;
        for index in found.into_iter().filter(|index| *index < size) {
            if stored_leaf_hash(&*self.reader, index).await? == *hash {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn size(&self) -> u64 {
        self.head().tree.tree_size
    }
}

fn parse(index: u64, bytes: &[u8]) -> Result<TileLeaf, ReadError> {
    let wrong = |what: String| ReadError::Inconsistent(format!("entry {index}: {what}"));
    match TileLeaf::parse(bytes) {
        Ok((leaf, [])) if leaf.leaf_index().get() == index => Ok(leaf),
        Ok((leaf, [])) => Err(wrong(format!("it says {}", leaf.leaf_index().get()))),
        Ok((_, rest)) => Err(wrong(format!("{} bytes follow it", rest.len()))),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// Reads a leaf's hash from its tile: the index only says where to look.
async fn stored_leaf_hash(store: &dyn LogReader, index: u64) -> Result<Hash, ReadError> {
    let tile = TileId {
        level: 0,
        index: index / TILE_WIDTH,
    };
    let stored = store.hash_tiles(&[tile]).await?.pop().flatten();
    let stored = stored.unwrap_or_default();
    let (hashes, _) = stored.as_chunks::<{ Hash::LENGTH }>();
    let place = usize::try_from(index % TILE_WIDTH).ok();
    place
        .and_then(|place| hashes.get(place))
        .map(|hash| Hash::from_bytes(*hash))
        .ok_or_else(|| ReadError::Inconsistent(format!("the hash of entry {index} is missing")))
}

/// Makes the proof that entry `index` is in the tree of the first `size` entries, from the log's hash
/// tiles.
///
/// # Errors
///
/// When the log does not answer, or has not all tiles of such a tree.
pub async fn inclusion_proof(
    store: &dyn LogReader,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, ReadError> {
    let wanted = chancery_tlog::inclusion_tiles(index, size);
    let tiles = stored_tiles(store, wanted, size).await?;
    chancery_tlog::inclusion_proof(index, size, &tiles).map_err(contradicts)
}

/// Makes a consistency proof from stored tiles: none where one tree is empty, or both are the same.
pub async fn consistency_proof(
    store: &dyn LogReader,
    smaller: u64,
    larger: u64,
) -> Result<Vec<Hash>, ReadError> {
    if smaller == 0 || smaller == larger {
        return Ok(Vec::new());
    }
    let wanted = chancery_tlog::consistency_tiles(smaller, larger);
    let tiles = stored_tiles(store, wanted, larger).await?;
    chancery_tlog::consistency_proof(smaller, larger, &tiles).map_err(contradicts)
}

async fn stored_tiles(
    store: &dyn LogReader,
    wanted: Vec<TileId>,
    size: u64,
) -> Result<TileHashes, ReadError> {
    let mut tiles = TileHashes::new(size);
    if wanted.is_empty() {
        return Ok(tiles);
    }
    let stored = store.hash_tiles(&wanted).await?;
    for (tile, bytes) in wanted.into_iter().zip(stored) {
        let bytes = bytes.unwrap_or_default();
        tiles
            .insert(tile, &bytes)
            .map_err(|e| ReadError::Inconsistent(format!("{}/{}: {e}", tile.level, tile.index)))?;
    }
    Ok(tiles)
}

fn contradicts(error: MakeProofError) -> ReadError {
    ReadError::Inconsistent(error.to_string())
}
