//! The tree as RFC 6962 defines it, by recursion over its leaves: what the tests compare with.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use crate::hash::{Hash, leaf_hash, node_hash};
use crate::tile::TileId;

/// A tree with three levels of hash tiles.
pub(crate) static TREE: LazyLock<NaiveTree> = LazyLock::new(|| NaiveTree::new(70_000));

/// A tree over the leaves `0`, `1`, … as decimal numbers, and each tree over the first of them.
pub(crate) struct NaiveTree {
    // Only to be quick: the roots over each 1, 2, 4, … leaves.
    complete: Vec<Vec<Hash>>,
}

impl NaiveTree {
    fn new(size: usize) -> Self {
        let leaves = (0..size)
            .map(|leaf| leaf_hash(leaf.to_string().as_bytes()))
            .collect();
        let mut complete: Vec<Vec<Hash>> = vec![leaves];
        while let Some(below) = complete.last().filter(|below| below.len() > 1) {
            let (pairs, _) = below.as_chunks();
            complete.push(
                pairs
                    .iter()
                    .map(|[left, right]| node_hash(left, right))
                    .collect(),
            );
        }
        Self { complete }
    }

    pub(crate) fn leaf_hashes(&self, range: Range<usize>) -> &[Hash] {
        &self.complete[0][range]
    }

    /// MTH(D\[start:end\]) of section 2.1.
    pub(crate) fn root(&self, start: usize, end: usize) -> Hash {
        let n = end - start;
        if n.is_power_of_two() && start.is_multiple_of(n) {
            return self.complete[n.ilog2() as usize][start / n];
        }
        if n == 0 {
            return Hash::EMPTY_ROOT;
        }
        let k = largest_power_of_two_below(n);
        node_hash(&self.root(start, start + k), &self.root(start + k, end))
    }

    /// PATH(m, D\[start:end\]) of section 2.1.1.
    pub(crate) fn path(&self, m: usize, start: usize, end: usize) -> Vec<Hash> {
        let n = end - start;
        if n == 1 {
            return Vec::new();
        }
        let k = largest_power_of_two_below(n);
        let middle = start + k;
        let (mut path, sibling) = if m < k {
            (self.path(m, start, middle), self.root(middle, end))
        } else {
            (self.path(m - k, middle, end), self.root(start, middle))
        };
        path.push(sibling);
        path
    }

    /// PROOF(m, D\[0:n\]) of section 2.1.2.
    pub(crate) fn proof(&self, m: usize, n: usize) -> Vec<Hash> {
        self.subproof(m, 0, n, true)
    }

    /// SUBPROOF(m, D\[start:end\], b) of section 2.1.2.
    fn subproof(&self, m: usize, start: usize, end: usize, b: bool) -> Vec<Hash> {
        let n = end - start;
        if m == n {
            return if b {
                Vec::new()
            } else {
                vec![self.root(start, end)]
            };
        }
        let k = largest_power_of_two_below(n);
        let middle = start + k;
        let (mut proof, sibling) = if m <= k {
            (self.subproof(m, start, middle, b), self.root(middle, end))
        } else {
            (
                self.subproof(m - k, middle, end, false),
                self.root(start, middle),
            )
        };
        proof.push(sibling);
        proof
    }

    /// All hash tiles of the tree of the first `size` leaves, each hash computed for itself.
    pub(crate) fn tiles(&self, size: usize) -> HashMap<TileId, Vec<u8>> {
        let mut tiles = HashMap::<_, Vec<u8>>::new();
        for level in 0..4 {
            let span = 256_usize.pow(u32::from(level));
            for position in 0..size / span {
                let hash = self.root(position * span, (position + 1) * span);
                let id = TileId {
                    level,
                    index: position as u64 / 256,
                };
                tiles
                    .entry(id)
                    .or_default()
                    .extend_from_slice(hash.as_bytes());
            }
        }
        tiles
    }
}

fn largest_power_of_two_below(n: usize) -> usize {
    n.next_power_of_two() / 2
}
