//! Tree heads, and the right edge of a tree: what it takes to append to it.
//!
//! A tree of n leaves has n >> 8l hashes at tile level l. Those in full tiles are summed up by one
//! hash of the next level, so the partial tiles alone (at most one a level, at most 255 hashes
//! each) determine the root and everything that will be appended.

use crate::hash::{Hash, node_hash};
use crate::tile::{MAX_TREE_SIZE, TILE_WIDTH, TileId, hashes_at, tile_width_at};

/// The size and the root hash of a tree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TreeHead {
    /// How many leaves the tree has.
    pub tree_size: u64,
    /// The root of all of them.
    pub root_hash: Hash,
}

impl TreeHead {
    /// The head of a tree without leaves.
    pub const EMPTY: Self = Self {
        tree_size: 0,
        root_hash: Hash::EMPTY_ROOT,
    };
}

/// The right edge of a tree: the rightmost hash tile of each level as far as it is not full.
///
/// Appending n leaf hashes costs about n further hashes, the head a few dozen at most, whatever
/// the size of the tree.
#[derive(Clone, Debug, Default)]
pub struct RightEdge {
    tree_size: u64,
    // One for each level; a level without partial tile has an empty one.
    levels: Vec<PartialTile>,
}

impl RightEdge {
    /// Returns the edge of a tree without leaves.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Returns the hash tiles that [`RightEdge::from_tiles`] asks for: the partial tiles of a tree
    /// of `tree_size` leaves, at most one a level, lowest level first.
    pub fn tiles_needed(tree_size: u64) -> Vec<TileId> {
        (0..level_count(tree_size))
            .filter_map(|level| partial_tile(level, tree_size))
            .collect()
    }

    /// Builds the edge of a tree of `tree_size` leaves from its partial hash tiles.
    ///
    /// The bytes are trusted to be the tree's: compare [`RightEdge::tree_head`] with the head that
    /// was stored or signed.
    ///
    /// # Errors
    ///
    /// When a tile is missing or is not as wide as the tree says; then the store is damaged, or
    /// head and tiles are of different times.
    pub fn from_tiles<'a>(
        tree_size: u64,
        mut tile: impl FnMut(TileId) -> Option<&'a [u8]>,
    ) -> Result<Self, EdgeError> {
        if tree_size > MAX_TREE_SIZE {
            return Err(EdgeError::TooLarge { tree_size });
        }
        let mut levels = Vec::new();
        for level in 0..level_count(tree_size) {
            let Some(id) = partial_tile(level, tree_size) else {
                levels.push(PartialTile::default());
                continue;
            };
            let bytes = tile(id).ok_or(EdgeError::Missing { tile: id })?;
            let expected = usize::from(tile_width_at(level, id.index, tree_size)) * Hash::LENGTH;
            let found = bytes.len();
            if found != expected {
                return Err(EdgeError::WrongLength {
                    tile: id,
                    tree_size,
                    expected,
                    found,
                });
            }
            levels.push(PartialTile::parse(bytes));
        }
        Ok(Self { tree_size, levels })
    }

    /// Returns how many leaves the tree has.
    pub fn tree_size(&self) -> u64 {
        self.tree_size
    }

    /// Returns the partial hash tiles: at most one a level, lowest level first.
    pub fn tiles(&self) -> impl Iterator<Item = (TileId, &[u8])> {
        let levels = (0..).zip(&self.levels);
        levels.filter_map(|(level, tile)| {
            let id = partial_tile(level, self.tree_size)?;
            Some((id, &tile.hashes[..]))
        })
    }

    /// Returns the size and the root hash of the tree.
    pub fn tree_head(&self) -> TreeHead {
        // From the smallest complete subtree at the right to the largest at the left.
        let mut peaks = self.levels.iter().flat_map(|tile| tile.peaks.iter().rev());
        let root_hash = match peaks.next() {
            None => Hash::EMPTY_ROOT,
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        };
        TreeHead {
            tree_size: self.tree_size,
            root_hash,
        }
    }

    /// Appends leaves and returns every hash tile that changed, whole and once each, lowest level
    /// first and from left to right.
    ///
    /// A log whose leaves carry their index stops at [`MAX_TREE_SIZE`], because
    /// [`LeafIndex`](crate::ct::LeafIndex) does.
    pub fn append(&mut self, leaf_hashes: &[Hash]) -> Vec<TileWrite> {
        let mut writes = Vec::new();
        let mut rising = leaf_hashes.to_vec();
        for level in 0.. {
            if rising.is_empty() {
                break;
            }
            if self.levels.len() == usize::from(level) {
                self.levels.push(PartialTile::default());
            }
            let Some(tile) = self.levels.get_mut(usize::from(level)) else {
                break;
            };
            let id = TileId {
                level,
                index: hashes_at(level, self.tree_size) / TILE_WIDTH,
            };
            rising = tile.append(id, &rising, &mut writes);
        }
        // A slice's length always fits: usize has at most 64 bits.
        self.tree_size += leaf_hashes.len() as u64;
        writes
    }
}

/// A hash tile as it is after an append: to be stored in place of the one with the same id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TileWrite {
    /// The level of tiles.
    pub level: u8,
    /// The number of the tile in its level.
    pub index: u64,
    /// All hashes of the tile, 32 bytes each: 1 to 256 of them.
    pub hashes: Vec<u8>,
}

impl TileWrite {
    /// Returns the place of the tile.
    pub fn id(&self) -> TileId {
        TileId {
            level: self.level,
            index: self.index,
        }
    }
}

/// Fewer than 256 hashes of one level, and the roots of the complete subtrees over them.
#[derive(Clone, Debug, Default)]
struct PartialTile {
    hashes: Vec<u8>,
    // One for each bit that is set in the width, the largest subtree first: with them, a hash is
    // appended, and the root found, without hashing the tile anew.
    peaks: Vec<Hash>,
}

impl PartialTile {
    fn parse(bytes: &[u8]) -> Self {
        let (hashes, _) = bytes.as_chunks::<{ Hash::LENGTH }>();
        let mut tile = Self::default();
        hashes
            .iter()
            .for_each(|hash| tile.push(Hash::from_bytes(*hash)));
        tile
    }

    /// Appends hashes to the tile `id` and those after it, and returns the roots of the tiles that
    /// became full: what the next level gets.
    fn append(
        &mut self,
        mut id: TileId,
        hashes: &[Hash],
        writes: &mut Vec<TileWrite>,
    ) -> Vec<Hash> {
        let mut full = Vec::new();
        for hash in hashes {
            self.push(*hash);
            if self.width() == TILE_WIDTH as usize {
                let Self { hashes, peaks } = std::mem::take(self);
                writes.push(TileWrite {
                    level: id.level,
                    index: id.index,
                    hashes,
                });
                full.extend(peaks); // one: 256 hashes make a complete subtree
                id.index += 1;
            }
        }
        if self.width() > 0 {
            let hashes = self.hashes.clone();
            writes.push(TileWrite {
                level: id.level,
                index: id.index,
                hashes,
            });
        }
        full
    }

    fn push(&mut self, hash: Hash) {
        // As in binary counting: each trailing one of the width is a subtree that becomes the left
        // half of the next larger one.
        let mut peak = hash;
        for _ in 0..self.width().trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                peak = node_hash(&left, &peak);
            }
        }
        self.peaks.push(peak);
        self.hashes.extend_from_slice(hash.as_bytes());
    }

    fn width(&self) -> usize {
        self.hashes.len() / Hash::LENGTH
    }
}

fn level_count(tree_size: u64) -> u8 {
    // Eight levels of tiles hold any tree that a u64 can count.
    (0..8)
        .find(|level| hashes_at(*level, tree_size) == 0)
        .unwrap_or(8)
}

fn partial_tile(level: u8, tree_size: u64) -> Option<TileId> {
    let hashes = hashes_at(level, tree_size);
    let index = hashes / TILE_WIDTH;
    (!hashes.is_multiple_of(TILE_WIDTH)).then_some(TileId { level, index })
}

/// Why the right edge of a tree cannot be built; each variant is a fault of the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EdgeError {
    /// A tile that the tree must have is not there.
    #[error("hash tile {tile} is missing")]
    Missing {
        /// The tile that was asked for.
        tile: TileId,
    },
    /// No log can have as many leaves.
    #[error("a tree of {tree_size} leaves is larger than a log can be (2^40)")]
    TooLarge {
        /// The size that was asked for.
        tree_size: u64,
    },
    /// A tile has more or fewer hashes than the tree says.
    #[error(
        "hash tile {tile} has {found} bytes, but in a tree of {tree_size} leaves it has {expected}"
    )]
    WrongLength {
        /// The tile that was asked for.
        tile: TileId,
        /// The size of the tree.
        tree_size: u64,
        /// How many bytes it must have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
}

#[cfg(test)]
mod tests;
