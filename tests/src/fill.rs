//! A long log in little time: the first entry of a log again and again, each in its own place.
//!
//! The entries are what a log may hold, and are found by their leaf hashes; who searches for what
//! they say finds the first only. The log's guard is left behind, as a crash after a commit does.

use anyhow::{Context, bail};
use chancery_log::{Batch, Head, IndexTerm, LogStore, NewEntry, PlanRefused, Tip};
use chancery_store::{ConnectOptions, DatabaseUrl, Store};
use chancery_tlog::ct::{Entry, LeafIndex, PrecertEntry, TileLeaf};
use chancery_tlog::{RightEdge, leaf_hash};

/// The number of an instance's first log.
const LOG: i64 = 1;

/// How many entries one transaction takes.
const CHUNK: u64 = 4_096;

/// Appends to an instance's log until it has `upto` entries. Nobody else may have it open.
///
/// # Errors
///
/// Fails if the log has no precertificate to begin with, or the database cannot be written.
pub async fn fill(url: &str, upto: u64) -> anyhow::Result<()> {
    let options = ConnectOptions::default();
    let store = Store::connect(&DatabaseUrl::parse(url)?, options).await?;
    let log = store.log_store(LOG);
    let first = log.entries(0..1).await?.pop().context("the log is empty")?;
    let (first, _) = TileLeaf::parse(&first)?;
    let Entry::Precert(entry) = first.entry() else {
        bail!("the log's first entry is no precertificate");
    };
    while log.head().await?.tree.tree_size < upto {
        append(&*log, entry, upto).await?;
    }
    store.close().await;
    Ok(())
}

async fn append(log: &dyn LogStore, entry: &PrecertEntry, upto: u64) -> anyhow::Result<()> {
    let plan = |tip: Tip| {
        let size = tip.head.tree.tree_size;
        let tiles = tip.edge_tiles.unwrap_or_default();
        let edge = RightEdge::from_tiles(size, |wanted| {
            let mut tiles = tiles.iter();
            let found = tiles.find(|(tile, _)| *tile == wanted);
            found.map(|(_, hashes)| &hashes[..])
        });
        let edge = edge.map_err(|e| PlanRefused::DamagedEdge(e.to_string()))?;
        batch(entry, tip.head, edge, upto.min(size + CHUNK))
    };
    Ok(log.sequence(None, Box::new(plan)).await?)
}

fn batch(
    entry: &PrecertEntry,
    head: Head,
    mut edge: RightEdge,
    upto: u64,
) -> Result<Batch, PlanRefused> {
    let timestamp_ms = head.timestamp_ms + 1;
    let mut entries = Vec::new();
    let mut hashes = Vec::new();
    for index in head.tree.tree_size..upto {
        let place = LeafIndex::new(index).map_err(|_| PlanRefused::Full)?;
        let hash = leaf_hash(&entry.merkle_tree_leaf(place, timestamp_ms));
        hashes.push(hash);
        entries.push(NewEntry {
            leaf_index: index,
            tile_leaf: entry.tile_leaf(place, timestamp_ms),
            terms: vec![IndexTerm::leaf_hash(&hash)],
        });
    }
    Ok(Batch {
        tiles: edge.append(&hashes),
        head: Head {
            tree: edge.tree_head(),
            timestamp_ms,
        },
        entries,
        deliveries: Vec::new(),
        issuers: Vec::new(),
        only_once: Vec::new(),
    })
}
