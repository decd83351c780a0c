//! Proofs of every entry and between every two heads, over several levels of tiles; and entries
//! found by their leaf hashes.

use chancery_log::{IndexTerm, PublishedLog as _, Snapshot};
use chancery_tlog::{Hash, RightEdge, TreeHead, verify_consistency, verify_inclusion};

use crate::verify::numbered::state_of;
use crate::world::{TestLog, World};

/// The heads of a log's trees, and its leaf hashes.
struct Trees {
    heads: Vec<TreeHead>,
    leaves: Vec<Hash>,
}

impl Trees {
    fn of(leaves: Vec<Hash>) -> Self {
        let mut edge = RightEdge::empty();
        let mut heads = vec![TreeHead::EMPTY];
        for leaf in &leaves {
            edge.append(&[*leaf]);
            heads.push(edge.tree_head());
        }
        Self { heads, leaves }
    }

    fn head(&self, size: u64) -> &TreeHead {
        &self.heads[usize::try_from(size).unwrap()]
    }

    async fn check_inclusion(&self, log: &Snapshot, index: u64, size: u64) {
        let proof = log.inclusion_proof(index, size).await.unwrap().unwrap();
        let leaf = &self.leaves[usize::try_from(index).unwrap()];
        let root = &self.head(size).root_hash;
        let verified = verify_inclusion(index, size, leaf, &proof, root);
        assert_eq!(verified, Ok(()), "{index} in {size}");
    }

    async fn check_consistency(&self, log: &Snapshot, first: u64, second: u64) {
        let proof = log.consistency_proof(first, second).await.unwrap().unwrap();
        let verified = verify_consistency(self.head(first), self.head(second), &proof);
        assert_eq!(verified, Ok(()), "{first} to {second}");
    }
}

/// Opens a log of `size` entries.
async fn log_of(size: u64) -> (Snapshot, Trees) {
    let world = World::new();
    let state = state_of(size);
    let leaves = (0..).take_while(|index| state.tiles.contains_key(&(0, *index)));
    let leaves = leaves.flat_map(|index| {
        let (hashes, _) = state.tiles[&(0, index)].as_chunks::<32>();
        hashes.iter().map(|hash| Hash::from_bytes(*hash))
    });
    let trees = Trees::of(leaves.collect());
    world.memory.state().clone_from(&state);
    let log = world.open().await.unwrap();
    (log.newest().await.unwrap(), trees)
}

#[tokio::test]
async fn every_proof_around_the_end_of_a_tile_verifies() {
    let (log, trees) = log_of(258).await;
    for size in (0..=17).chain(255..=258) {
        for index in 0..size {
            trees.check_inclusion(&log, index, size).await;
        }
        for first in 0..=size {
            trees.check_consistency(&log, first, size).await;
        }
    }
}

#[tokio::test]
async fn proofs_over_three_levels_of_tiles_verify_at_every_boundary() {
    const SIZE: u64 = 256 * 256 + 256 + 70;
    let (log, trees) = log_of(SIZE).await;
    let mut edges = vec![1, 2, 255, 256, 257, 511, 512, 32_768, 32_769];
    edges.extend([
        65_279,
        65_280,
        65_535,
        65_536,
        65_537,
        65_792,
        65_793,
        SIZE - 1,
        SIZE,
    ]);
    edges.extend((0..40).map(|_| rand::random_range(1..=SIZE)));
    for &size in &edges {
        for &other in edges.iter().filter(|other| **other <= size) {
            trees.check_inclusion(&log, other - 1, size).await;
            trees.check_consistency(&log, other, size).await;
        }
    }
}

#[tokio::test]
async fn what_the_tree_does_not_have_has_no_proof_and_is_not_found() {
    let (log, trees) = log_of(300).await;
    let inclusion = async |index, size| log.inclusion_proof(index, size).await.unwrap();
    for (index, size) in [(0, 0), (5, 5), (6, 5), (0, 301), (300, 301), (0, u64::MAX)] {
        assert_eq!(inclusion(index, size).await, None, "{index} in {size}");
    }
    let consistency = async |first, second| log.consistency_proof(first, second).await.unwrap();
    for (first, second) in [(6, 5), (0, 301), (301, 301), (u64::MAX, 0), (5, u64::MAX)] {
        assert_eq!(
            consistency(first, second).await,
            None,
            "{first} to {second}"
        );
    }
    assert_eq!(consistency(0, 300).await, Some(vec![]));

    let leaf = trees.leaves[270];
    assert_eq!(log.find_leaf(&leaf, 300).await.unwrap(), Some(270));
    assert_eq!(log.find_leaf(&leaf, 271).await.unwrap(), Some(270));
    assert_eq!(log.find_leaf(&leaf, 270).await.unwrap(), None);
    assert_eq!(log.find_leaf(&leaf, 301).await.unwrap(), None);
    let mut other_half = *leaf.as_bytes();
    other_half[31] ^= 1;
    let other = Hash::from_bytes(other_half);
    assert_eq!(log.find_leaf(&other, 300).await.unwrap(), None);
}

#[tokio::test]
async fn entries_are_read_as_far_as_the_snapshot_goes() {
    let log = TestLog::of_size(10).await;
    let before = log.newest().await.unwrap();
    log.append_many(5).await;
    let places = async |snapshot: &Snapshot, range| {
        let entries = snapshot.entries(range).await.unwrap();
        let places = entries.iter().map(|leaf| leaf.leaf_index().get());
        places.collect::<Vec<_>>()
    };
    assert_eq!(places(&before, 8..u64::MAX).await, [8, 9]);
    assert_eq!(places(&before, 10..12).await, []);
    let after = log.newest().await.unwrap();
    assert_eq!(places(&after, 9..12).await, [9, 10, 11]);
    for leaf in after.entries(0..15).await.unwrap() {
        let (hash, index) = (leaf.leaf_hash(), leaf.leaf_index().get());
        assert_eq!(after.find_leaf(&hash, 15).await.unwrap(), Some(index));
        let in_before = before.find_leaf(&hash, 10).await.unwrap();
        assert_eq!(in_before, (index < 10).then_some(index));
    }
}

#[tokio::test]
async fn an_index_that_lies_finds_nothing() {
    let log = TestLog::of_size(10).await;
    let snapshot = log.newest().await.unwrap();
    let leaf = snapshot.entries(3..4).await.unwrap().remove(0).leaf_hash();
    for (term, index) in &mut log.world.memory.state().terms {
        if term.name == IndexTerm::LEAF_HASH {
            *index = (*index + 1) % 10;
        }
    }
    assert_eq!(snapshot.find_leaf(&leaf, 10).await.unwrap(), None);
}
