//! Inclusion and consistency proofs: made from a reader of tree nodes, and verified.
//!
//! RFC 6962, sections 2.1.1 and 2.1.2:
//! <https://www.rfc-editor.org/rfc/rfc6962#section-2.1.1>. A proof is a list of hashes, each the
//! root over a range of leaves, from the lowest in the tree to the highest.

use std::ops::Range;

use crate::hash::{Hash, node_hash};
use crate::tile::TileId;
use crate::tile_hashes::tile_of;
use crate::tree::TreeHead;

/// Reads the nodes of a tree.
pub trait HashReader {
    /// Returns the root of the complete subtree over the 2^height leaves that begin with leaf
    /// index · 2^height, or nothing if the reader does not have it.
    fn read(&self, height: u8, index: u64) -> Option<Hash>;
}

impl<F: Fn(u8, u64) -> Option<Hash>> HashReader for F {
    fn read(&self, height: u8, index: u64) -> Option<Hash> {
        self(height, index)
    }
}

/// Makes the proof that the leaf `index` is in the tree of the first `size` leaves.
///
/// # Errors
///
/// When the tree has no such leaf, or the reader lacks a node.
pub fn inclusion_proof(
    index: u64,
    size: u64,
    reader: &impl HashReader,
) -> Result<Vec<Hash>, MakeProofError> {
    if index >= size {
        return Err(MakeProofError::NoSuchLeaf { index, size });
    }
    inclusion_ranges(index, size)
        .into_iter()
        .map(|range| range_root(range, reader))
        .collect()
}

/// Makes the proof that the tree of the first `new_size` leaves begins with that of the first
/// `old_size`.
///
/// # Errors
///
/// When the old tree is the larger one, or the reader lacks a node.
pub fn consistency_proof(
    old_size: u64,
    new_size: u64,
    reader: &impl HashReader,
) -> Result<Vec<Hash>, MakeProofError> {
    if old_size > new_size {
        return Err(MakeProofError::Shrunk { old_size, new_size });
    }
    let ranges = consistency_ranges(old_size, new_size);
    ranges
        .into_iter()
        .map(|range| range_root(range, reader))
        .collect()
}

/// Returns the hash tiles from which [`inclusion_proof`] can be made, in order and once each; none
/// if there is no such leaf.
pub fn inclusion_tiles(index: u64, size: u64) -> Vec<TileId> {
    tiles(inclusion_ranges(index, size))
}

/// Returns the hash tiles from which [`consistency_proof`] can be made, in order and once each;
/// none if the old tree is the larger one.
pub fn consistency_tiles(old_size: u64, new_size: u64) -> Vec<TileId> {
    tiles(consistency_ranges(old_size, new_size))
}

/// Verifies that the tree with `root_hash` and `size` leaves has the leaf hash at `index`.
///
/// # Errors
///
/// When the proof does not prove it.
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf_hash: &Hash,
    proof: &[Hash],
    root_hash: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::NoSuchLeaf { index, size });
    }
    let (inner, border) = path_length(index, size);
    check_length(inner + border, proof)?;
    let (siblings, lefts) = proof.split_at(inner);
    let mut subtree = *leaf_hash;
    for (height, sibling) in siblings.iter().enumerate() {
        subtree = if is_right_child(index, height) {
            node_hash(sibling, &subtree)
        } else {
            node_hash(&subtree, sibling)
        };
    }
    let root = join_lefts(subtree, lefts);
    if root == *root_hash {
        Ok(())
    } else {
        Err(ProofError::WrongRoot)
    }
}

/// Verifies that the tree with the head `new` begins with the tree with the head `old`.
///
/// # Errors
///
/// When the proof does not prove it; if both heads are signed by the same log, the log has forked.
pub fn verify_consistency(
    old: &TreeHead,
    new: &TreeHead,
    proof: &[Hash],
) -> Result<(), ProofError> {
    let (old_size, new_size) = (old.tree_size, new.tree_size);
    if old_size > new_size {
        return Err(ProofError::Shrunk { old_size, new_size });
    }
    if old_size == 0 || old_size == new_size {
        check_length(0, proof)?;
        return check_roots_without_path(old, new);
    }
    // The path begins at the largest complete subtree that ends with the old tree.
    let height = old_size.trailing_zeros();
    let (inner, border) = path_length(old_size - 1, new_size);
    let inner = inner.saturating_sub(height as usize);
    // If that subtree is the whole old tree, its root is known and left out of the proof.
    let seeds = usize::from(!old_size.is_power_of_two());
    check_length(seeds + inner + border, proof)?;
    let (seed, path) = proof.split_at(seeds);
    let seed = seed.first().copied().unwrap_or(old.root_hash);
    let (siblings, lefts) = path.split_at(inner);
    let index = (old_size - 1) >> height;
    let mut old_root = seed;
    let mut new_root = seed;
    for (height, sibling) in siblings.iter().enumerate() {
        if is_right_child(index, height) {
            old_root = node_hash(sibling, &old_root);
            new_root = node_hash(sibling, &new_root);
        } else {
            new_root = node_hash(&new_root, sibling);
        }
    }
    let roots_agree = join_lefts(old_root, lefts) == old.root_hash
        && join_lefts(new_root, lefts) == new.root_hash;
    if roots_agree {
        Ok(())
    } else {
        Err(ProofError::WrongRoot)
    }
}

/// Compares heads whose consistency needs no proof: the old tree is empty, or as large as the new.
fn check_roots_without_path(old: &TreeHead, new: &TreeHead) -> Result<(), ProofError> {
    let empty_root_is_right = old.tree_size > 0 || old.root_hash == Hash::EMPTY_ROOT;
    let roots_are_equal = old.tree_size < new.tree_size || old.root_hash == new.root_hash;
    if empty_root_is_right && roots_are_equal {
        Ok(())
    } else {
        Err(ProofError::WrongRoot)
    }
}

/// Returns how many hashes of a leaf's proof lie below the point where its path meets that of the
/// last leaf, and how many above it.
fn path_length(index: u64, size: u64) -> (usize, usize) {
    let inner = u64::BITS - (index ^ (size - 1)).leading_zeros();
    let border = index.checked_shr(inner).unwrap_or(0).count_ones();
    (inner as usize, border as usize)
}

fn check_length(expected: usize, proof: &[Hash]) -> Result<(), ProofError> {
    let found = proof.len();
    if found == expected {
        Ok(())
    } else {
        Err(ProofError::WrongLength { expected, found })
    }
}

fn is_right_child(index: u64, height: usize) -> bool {
    (index >> height) & 1 == 1
}

fn join_lefts(hash: Hash, lefts: &[Hash]) -> Hash {
    lefts
        .iter()
        .fold(hash, |right, left| node_hash(left, &right))
}

/// RFC 6962's PATH(m, D\[n\]) as ranges of leaves, the lowest in the tree first.
fn inclusion_ranges(index: u64, size: u64) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    let mut tree = 0..size;
    if !tree.contains(&index) {
        return ranges;
    }
    while tree.end - tree.start > 1 {
        let middle = split(&tree);
        let sibling;
        (tree, sibling) = if index < middle {
            (tree.start..middle, middle..tree.end)
        } else {
            (middle..tree.end, tree.start..middle)
        };
        ranges.push(sibling);
    }
    ranges.reverse();
    ranges
}

/// RFC 6962's PROOF(m, D\[n\]) as ranges of leaves, the lowest in the tree first.
fn consistency_ranges(old_size: u64, new_size: u64) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    if old_size == 0 || old_size > new_size {
        return ranges;
    }
    let mut tree = 0..new_size;
    while tree.end != old_size {
        let middle = split(&tree);
        let sibling;
        (tree, sibling) = if old_size <= middle {
            (tree.start..middle, middle..tree.end)
        } else {
            (middle..tree.end, tree.start..middle)
        };
        ranges.push(sibling);
    }
    // A subtree that begins with the first leaf is the old tree itself, whose root is known.
    if tree.start > 0 {
        ranges.push(tree);
    }
    ranges.reverse();
    ranges
}

/// Returns where the right half of a tree of two or more leaves begins.
fn split(tree: &Range<u64>) -> u64 {
    // The largest power of two below the number of leaves.
    tree.start + (1 << (tree.end - tree.start - 1).ilog2())
}

/// Returns the root over a range of leaves that is a subtree of the RFC's recursion.
fn range_root(range: Range<u64>, reader: &impl HashReader) -> Result<Hash, MakeProofError> {
    let mut root = None;
    for (height, index) in complete_subtrees(range).into_iter().rev() {
        let missing = MakeProofError::MissingNode { height, index };
        let left = reader.read(height, index).ok_or(missing)?;
        root = Some(root.map_or(left, |right| node_hash(&left, &right)));
    }
    Ok(root.unwrap_or(Hash::EMPTY_ROOT))
}

/// Returns (height, index) of the complete subtrees that a range of leaves consists of, from left
/// to right.
fn complete_subtrees(range: Range<u64>) -> Vec<(u8, u64)> {
    let mut subtrees = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let height = (range.end - start).ilog2();
        subtrees.push((height as u8, start >> height));
        start += 1 << height;
    }
    subtrees
}

fn tiles(ranges: Vec<Range<u64>>) -> Vec<TileId> {
    let subtrees = ranges.into_iter().flat_map(complete_subtrees);
    let mut tiles: Vec<_> = subtrees
        .map(|(height, index)| tile_of(height, index))
        .collect();
    tiles.sort_unstable();
    tiles.dedup();
    tiles
}

/// Why a proof cannot be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MakeProofError {
    /// The reader, not the caller, is at fault: it lacks a node that the tree has.
    #[error("the hash at height {height}, position {index} of the tree is missing")]
    MissingNode {
        /// The height of the node: 0 is the leaves.
        height: u8,
        /// The number of the node at its height.
        index: u64,
    },
    /// The caller asked for a leaf beyond the tree.
    #[error("a tree of {size} leaves has no leaf {index}")]
    NoSuchLeaf {
        /// The leaf that was asked for.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The caller asked for consistency of a tree with a smaller one.
    #[error("the older tree, of {old_size} leaves, is larger than the newer, of {new_size}")]
    Shrunk {
        /// The size of the older tree.
        old_size: u64,
        /// The size of the newer tree.
        new_size: u64,
    },
}

/// Why a proof does not prove what it should.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProofError {
    /// There is nothing to prove: the leaf lies beyond the tree.
    #[error("a tree of {size} leaves has no leaf {index}")]
    NoSuchLeaf {
        /// The leaf.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// A tree cannot shrink.
    #[error("the older tree, of {old_size} leaves, is larger than the newer, of {new_size}")]
    Shrunk {
        /// The size of the older tree.
        old_size: u64,
        /// The size of the newer tree.
        new_size: u64,
    },
    /// The sizes alone say how many hashes a proof has.
    #[error("the proof has {found} hashes instead of {expected}")]
    WrongLength {
        /// How many hashes it must have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// The hashes do not lead to the root, or roots.
    #[error("the proof does not lead to the root hash of the tree")]
    WrongRoot,
}

#[cfg(test)]
mod tests;
