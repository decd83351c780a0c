//! What the oracle finds in checkpoints, and what it lets pass.

use chancery_tlog::ct::{LeafIndex, PrecertEntry, TileLeaf};
use chancery_tlog::{Hash, TreeHead};

use super::super::archive::Found;
use super::super::report::Row;
use super::super::tree::Tree;
use super::PublishedLog;
use crate::checkpoint::Seen;

/// When the entry at a place was logged.
fn time(index: u64) -> u64 {
    1_000 + index
}

fn log(size: u64) -> PublishedLog<TileLeaf> {
    let leaf = |index: u64| {
        let entry = PrecertEntry::new([1; 32], vec![2], vec![3], Vec::new()).unwrap();
        let place = LeafIndex::new(index).unwrap();
        TileLeaf::parse(&entry.tile_leaf(place, time(index)))
            .unwrap()
            .0
    };
    let leaves: Vec<TileLeaf> = (0..size).map(leaf).collect();
    let head = head(&leaves, size);
    PublishedLog { head, leaves }
}

/// Returns the honest head of the first `size` leaves.
fn head(leaves: &[TileLeaf], size: u64) -> Seen {
    let mut tree = Tree::default();
    for leaf in leaves.iter().take(size as usize) {
        tree.append(&leaf.merkle_tree_leaf());
    }
    Seen {
        head: TreeHead {
            tree_size: size,
            root_hash: Hash::from_bytes(tree.root()),
        },
        timestamp_ms: time(size),
    }
}

fn inconsistent(log: &PublishedLog<TileLeaf>, seen: &[Seen]) -> usize {
    let mut found = Found::default();
    for (number, seen) in seen.iter().enumerate() {
        found.checkpoints.insert(number.to_string(), *seen);
    }
    let mut row = Row::default();
    log.check_checkpoints(&mut row, &found);
    let found = row.issuance.inconsistent;
    assert_eq!(row.failures.is_empty(), found == 0);
    found
}

#[test]
fn every_prefix_passes_in_whatever_order_it_was_seen() {
    let log = log(300);
    let seen: Vec<Seen> = [300, 0, 7, 256, 7, 255]
        .map(|n| head(&log.leaves, n))
        .to_vec();
    assert_eq!(inconsistent(&log, &seen), 0);
}

#[test]
fn a_fork_and_a_head_beyond_the_log_are_found() {
    let log = log(10);
    let mut fork = head(&log.leaves, 5);
    fork.head.root_hash = head(&log.leaves, 4).head.root_hash;
    assert_eq!(inconsistent(&log, &[head(&log.leaves, 5), fork]), 1);
    let mut beyond = head(&log.leaves, 10);
    beyond.head.tree_size = 11;
    assert_eq!(inconsistent(&log, &[beyond]), 1);
}

#[test]
fn a_head_of_an_earlier_time_than_its_entries_or_a_smaller_head_is_found() {
    let log = log(10);
    let mut early = head(&log.leaves, 5);
    early.timestamp_ms = time(3);
    assert_eq!(inconsistent(&log, &[early]), 1);
    let mut late = head(&log.leaves, 5);
    late.timestamp_ms = time(8);
    assert_eq!(inconsistent(&log, &[late, head(&log.leaves, 6)]), 1);
}
