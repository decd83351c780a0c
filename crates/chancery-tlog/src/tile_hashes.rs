//! A reader of tree nodes over hash tiles that were fetched beforehand.

use std::collections::HashMap;

use crate::hash::{Hash, node_hash};
use crate::proof::HashReader;
use crate::tile::{TILE_HEIGHT, TileId, tile_width_at};

/// Hash tiles of one tree, from which proofs are made.
///
/// Fetch what [`inclusion_tiles`](crate::inclusion_tiles) or
/// [`consistency_tiles`](crate::consistency_tiles) names, insert it, and pass it to
/// [`inclusion_proof`](crate::inclusion_proof) or
/// [`consistency_proof`](crate::consistency_proof).
#[derive(Clone, Debug)]
pub struct TileHashes {
    tree_size: u64,
    tiles: HashMap<TileId, Vec<Hash>>,
}

impl TileHashes {
    /// Begins without tiles, for a tree of `tree_size` leaves.
    pub fn new(tree_size: u64) -> Self {
        Self {
            tree_size,
            tiles: HashMap::new(),
        }
    }

    /// Adds a hash tile: 32 bytes for each hash.
    ///
    /// The tile may be wider than the tree needs, as it is when the log has grown since: hashes
    /// beyond the tree are left out.
    ///
    /// # Errors
    ///
    /// When the tree has no such tile, or the bytes are fewer than the tree has in it, more than a
    /// full tile, or no whole number of hashes.
    pub fn insert(&mut self, id: TileId, bytes: &[u8]) -> Result<(), InsertTileError> {
        let width = usize::from(tile_width_at(id.level, id.index, self.tree_size));
        if width == 0 {
            return Err(InsertTileError::NoSuchTile {
                tile: id,
                tree_size: self.tree_size,
            });
        }
        let (hashes, rest) = bytes.as_chunks::<{ Hash::LENGTH }>();
        if !rest.is_empty() || !(width..=256).contains(&hashes.len()) {
            return Err(InsertTileError::WrongLength {
                tile: id,
                expected: width * Hash::LENGTH,
                found: bytes.len(),
            });
        }
        let hashes = hashes
            .iter()
            .take(width)
            .map(|hash| Hash::from_bytes(*hash))
            .collect();
        self.tiles.insert(id, hashes);
        Ok(())
    }
}

impl HashReader for TileHashes {
    fn read(&self, height: u8, index: u64) -> Option<Hash> {
        let id = tile_of(height, index);
        let below = height % TILE_HEIGHT;
        let first = usize::try_from((index << below) % 256).ok()?;
        let leaves = self.tiles.get(&id)?.get(first..first + (1 << below))?;
        Some(complete_root(leaves))
    }
}

/// Returns the hash tile from which the node at `height` (0 is the leaves) and `index` is found.
pub(crate) fn tile_of(height: u8, index: u64) -> TileId {
    TileId {
        level: height / TILE_HEIGHT,
        index: index >> (TILE_HEIGHT - height % TILE_HEIGHT),
    }
}

/// Returns the root over a power of two of hashes.
fn complete_root(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => Hash::EMPTY_ROOT,
        [hash] => *hash,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(&complete_root(left), &complete_root(right))
        }
    }
}

/// Why bytes are not the hash tile that they were fetched as: a fault of the store or the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InsertTileError {
    /// The tree ends before this tile.
    #[error("a tree of {tree_size} leaves has no hash tile {tile}")]
    NoSuchTile {
        /// The tile.
        tile: TileId,
        /// The size of the tree.
        tree_size: u64,
    },
    /// The tile has too few or too many bytes.
    #[error("hash tile {tile} has {found} bytes; the tree needs the first {expected} of it")]
    WrongLength {
        /// The tile.
        tile: TileId,
        /// How many bytes the tree has in it.
        expected: usize,
        /// How many it has.
        found: usize,
    },
}

#[cfg(test)]
mod tests;
