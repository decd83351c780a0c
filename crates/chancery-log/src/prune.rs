//! Deleting from a database the entries that are in published files.
//!
//! Before a tile of entries is deleted it is read back from the files, whole, and must be the same
//! bytes as in the database; their hashes must be those of the stored hash tile; and that tile must
//! be a part of the tree that the log has signed in the files' own checkpoint.

use std::ops::Range;

use chancery_tlog::{
    Hash, TILE_WIDTH, TileHashes, TileId, TreeHead, inclusion_proof, inclusion_tiles,
    verify_inclusion,
};

use crate::export::{ExportError, Exporter};
use crate::{Form, LogReader, LogStore, PublishedFiles, StoreError};

/// How many entries are deleted in one transaction.
const STEP: u64 = 4 * TILE_WIDTH;

/// Why entries were not deleted, or not all. What is deleted is in the files.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// What is in the files is not what is in the database.
    #[error("entry {leaf_index} {wrong}; it and what follows it is kept")]
    Differs {
        /// The entry.
        leaf_index: u64,
        /// How it differs.
        wrong: String,
    },
    /// The files cannot be used.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Nothing is exported yet.
    #[error("{0} holds no log yet; export it first")]
    NotExported(String),
    /// The database or the files cannot be read, or the database not written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Deletes the entries below `below`, as far as they are in full tiles that the files' checkpoint
/// covers. `progress` is told how many are deleted. Returns how many of the first entries are in the
/// files only. Where there is nothing to delete, no files are needed.
///
/// # Errors
///
/// See [`PruneError`]. The same call goes on from there.
pub async fn prune(
    store: &dyn LogStore,
    exporter: &Exporter,
    below: u64,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<u64, PruneError> {
    let stored = store.head().await?.tree;
    let whole = |size: u64| below.min(stored.tree_size).min(size) / TILE_WIDTH * TILE_WIDTH;
    let mut begin = store.pruned_below().await?;
    if whole(u64::MAX) <= begin {
        // A log that has not begun has no files yet, and needs none.
        return Ok(begin);
    }
    let files = exporter.files().await?;
    let files = files.ok_or_else(|| PruneError::NotExported(exporter.place().name()))?;
    let tree = files.head().await?.tree;
    let end = whole(tree.tree_size);
    while begin < end {
        let step = begin..end.min(begin + STEP);
        verify(store, &files, exporter.form(), &tree, step.clone()).await?;
        store.prune(step.end).await?;
        progress(step.end);
        begin = step.end;
    }
    Ok(begin)
}

/// Requires that whole tiles of entries are in the files as they are in the database and in the tree.
async fn verify(
    store: &dyn LogStore,
    files: &PublishedFiles,
    form: Form,
    tree: &TreeHead,
    range: Range<u64>,
) -> Result<(), PruneError> {
    let (published, stored) =
        tokio::try_join!(files.entries(range.clone()), store.entries(range.clone()))?;
    let differs = |leaf_index, wrong: &str| PruneError::Differs {
        leaf_index,
        wrong: wrong.to_owned(),
    };
    let wanted = range.end - range.start;
    if published.len() as u64 != wanted {
        let missing = range.start + published.len() as u64;
        return Err(differs(missing, "is missing in the files"));
    }
    if stored.len() as u64 != wanted {
        let missing = range.start + stored.len() as u64;
        return Err(differs(missing, "is missing in the database"));
    }
    let other = published.iter().zip(&stored).position(|(a, b)| a != b);
    if let Some(place) = other {
        let wrong = "is another one in the files than in the database";
        return Err(differs(range.start + place as u64, wrong));
    }
    let width = usize::try_from(TILE_WIDTH).unwrap_or(usize::MAX);
    for (index, entries) in (range.start / TILE_WIDTH..).zip(published.chunks(width)) {
        verify_tile(store, form, tree, index, entries).await?;
    }
    Ok(())
}

/// Requires that entries are those of a tile of the tree.
async fn verify_tile(
    store: &dyn LogStore,
    form: Form,
    tree: &TreeHead,
    index: u64,
    entries: &[Vec<u8>],
) -> Result<(), PruneError> {
    let first = index * TILE_WIDTH;
    let wanted = inclusion_tiles(first, tree.tree_size);
    let found = store.hash_tiles(&wanted).await?;
    let mut tiles = TileHashes::new(tree.tree_size);
    let mut leaves = Vec::new();
    for (tile, hashes) in wanted.into_iter().zip(found) {
        let hashes = hashes.unwrap_or_default();
        let inserted = tiles.insert(tile, &hashes);
        inserted.map_err(|e| StoreError::Inconsistent(e.to_string()))?;
        if tile == (TileId { level: 0, index }) {
            leaves = hashes;
        }
    }
    let (leaves, _) = leaves.as_chunks::<{ Hash::LENGTH }>();
    for (place, (leaf_index, entry)) in (first..).zip(entries).enumerate() {
        let differs = |wrong: &str| PruneError::Differs {
            leaf_index,
            wrong: wrong.to_owned(),
        };
        let leaf = form.parse(leaf_index, entry);
        let leaf = leaf.map_err(|wrong| differs(&wrong))?;
        if leaves.get(place) != Some(leaf.leaf_hash().as_bytes()) {
            return Err(differs("does not hash to what its hash tile says"));
        }
    }
    // The proof of one leaf goes over all others of its tile.
    let not_there = |what: String| PruneError::Differs {
        leaf_index: first,
        wrong: format!("is not in the tree of the files' checkpoint: {what}"),
    };
    let proof = inclusion_proof(first, tree.tree_size, &tiles);
    let proof = proof.map_err(|e| not_there(e.to_string()))?;
    let leaf = leaves.first().copied().unwrap_or_default();
    let leaf = Hash::from_bytes(leaf);
    verify_inclusion(first, tree.tree_size, &leaf, &proof, &tree.root_hash)
        .map_err(|e| not_there(e.to_string()))
}
