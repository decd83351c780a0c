//! A sequencer without signatures, and a check of the whole log.

use std::collections::HashMap;

use bytes::Bytes;
use chancery_log::{
    Batch, Delivery, Head, IndexTerm, LogStore, NewEntry, PlanRefused, SequenceError, Tip,
};
use chancery_tlog::{RightEdge, leaf_hash};
use sha2::{Digest, Sha256};

/// The bytes of entry `index`, which are its data-tile leaf and its Merkle leaf at once.
pub(crate) fn leaf(index: u64) -> Vec<u8> {
    let mut leaf = vec![b'.'; 2700];
    leaf.extend(index.to_be_bytes());
    leaf
}

/// The terms of entry `index`.
pub(crate) fn terms(index: u64) -> Vec<IndexTerm> {
    vec![
        IndexTerm {
            name: "serial",
            value: hex::encode(Sha256::digest(leaf(index))),
        },
        IndexTerm {
            name: "san",
            value: format!("user{}@example.com", index % 5),
        },
        IndexTerm {
            name: "issuer",
            value: "https://issuer.example.com".into(),
        },
    ]
}

/// What was delivered for entry `index`.
pub(crate) fn delivery(index: u64) -> Delivery {
    let body = Bytes::from(format!("certificate {index}"));
    Delivery {
        leaf_index: index,
        sha256: Sha256::digest(&body).into(),
        body,
    }
}

/// Builds on a tip: `count` entries, and deliveries of the `count` entries before them.
pub(crate) fn batch(tip: Tip, known: Option<RightEdge>, count: u64) -> (Batch, RightEdge) {
    let size = tip.head.tree.tree_size;
    let mut edge = match (&tip.edge_tiles, known) {
        (Some(tiles), _) => RightEdge::from_tiles(size, |wanted| {
            tiles
                .iter()
                .find(|(tile, _)| *tile == wanted)
                .map(|(_, hashes)| &hashes[..])
        })
        .unwrap(),
        (None, Some(known)) => known,
        (None, None) => panic!("no edge tiles for one who knows no edge"),
    };
    assert_eq!(edge.tree_head(), tip.head.tree);

    let entry = |leaf_index| NewEntry {
        leaf_index,
        tile_leaf: leaf(leaf_index),
        terms: terms(leaf_index),
    };
    let places = size..size + count;
    let hashes: Vec<_> = places
        .clone()
        .map(|index| leaf_hash(&leaf(index)))
        .collect();
    let batch = Batch {
        entries: places.map(entry).collect(),
        tiles: edge.append(&hashes),
        deliveries: (size.saturating_sub(count)..size).map(delivery).collect(),
        issuers: Vec::new(),
        only_once: Vec::new(),
        head: Head {
            tree: edge.tree_head(),
            timestamp_ms: tip.head.timestamp_ms + 1,
        },
    };
    (batch, edge)
}

/// Appends `count` entries and returns the edge after them.
pub(crate) async fn append(
    log: &dyn LogStore,
    known: Option<RightEdge>,
    count: u64,
) -> Result<RightEdge, SequenceError> {
    let mut after = None;
    let head = known.as_ref().map(RightEdge::tree_head);
    let plan = |tip: Tip| {
        let (batch, edge) = batch(tip, known, count);
        after = Some(edge);
        Ok::<_, PlanRefused>(batch)
    };
    log.sequence(head, Box::new(plan)).await?;
    Ok(after.unwrap())
}

/// Reads the whole log and proves that it is what [`append`] wrote: every entry, every tile, the
/// head.
pub(crate) async fn check_log(log: &dyn LogStore, size: u64) {
    let entries = log.entries(0..size + 1).await.unwrap();
    assert_eq!(entries.len() as u64, size);
    let mut edge = RightEdge::empty();
    let mut tiles = HashMap::new();
    for (index, entry) in (0..).zip(&entries) {
        assert_eq!(*entry, leaf(index));
        for tile in edge.append(&[leaf_hash(entry)]) {
            tiles.insert(tile.id(), tile.hashes);
        }
    }
    assert_eq!(log.head().await.unwrap().tree, edge.tree_head());

    let (ids, hashes): (Vec<_>, Vec<_>) = tiles
        .into_iter()
        .map(|(id, hashes)| (id, Some(hashes)))
        .unzip();
    assert!(
        log.hash_tiles(&ids).await.unwrap() == hashes,
        "hash tiles differ"
    );
}
