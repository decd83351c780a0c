//! Reads: what a log shows of itself, as of one published head, and the proofs that it needs.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chancery_keys::PublicKey;
use chancery_tlog::{Hash, Origin, RightEdge, TileId, TilePath, TreeHead, tile_width_at};

use crate::log::Log;
use crate::publisher::PublishError;
use crate::snapshot::Snapshot;
use crate::store::{LogReader, StoreError};

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// What is stored contradicts itself.
    #[error("the stored log contradicts itself: {0}")]
    Inconsistent(String),
    /// No checkpoint can be published now.
    #[error("no checkpoint can be published: {0}")]
    Unpublished(String),
    /// The database could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A log that anybody can read: one that takes entries, or one that took its last.
#[async_trait]
pub trait PublishedLog: std::fmt::Debug + Send + Sync {
    /// Returns the path segment that names the log in URLs.
    fn name(&self) -> &str;

    /// Returns the checkpoint's first line.
    fn origin(&self) -> &Origin;

    /// Returns the log's key.
    fn public_key(&self) -> &PublicKey;

    /// Returns the log as of the newest published head, which covers whatever any process on this
    /// database has answered before. While the database or the witnesses cannot be asked, it is the
    /// newest that this process knows.
    async fn newest(&self) -> Result<Snapshot, ReadError>;

    /// Returns the newest that this process knows, and asks nobody.
    fn known(&self) -> Option<Snapshot>;

    /// Returns how many of the first entries are in published files only.
    async fn pruned_below(&self) -> Result<u64, ReadError> {
        Ok(0)
    }

    /// Returns the newest checkpoint, a signed note (c2sp.org/static-ct-api).
    async fn checkpoint(&self) -> Result<Bytes, ReadError> {
        Ok(self.newest().await?.checkpoint().clone())
    }

    /// Returns a tile, or `None` where the published tree has none of that width.
    async fn tile(&self, path: TilePath) -> Result<Option<Bytes>, ReadError> {
        if let Some(known) = self.known()
            && known.covers(&path)
        {
            return known.tile(path).await;
        }
        self.newest().await?.tile(path).await
    }
}

#[async_trait]
impl PublishedLog for Log {
    fn name(&self) -> &str {
        self.name()
    }

    fn origin(&self) -> &Origin {
        self.origin()
    }

    fn public_key(&self) -> &PublicKey {
        self.public_key()
    }

    /// Publishes what other processes have committed meanwhile; finds out if the database went
    /// back instead.
    async fn newest(&self) -> Result<Snapshot, ReadError> {
        let known = self.known();
        let stored = match (self.publisher.store.head().await, &known) {
            (Ok(stored), Some(known)) if *known.head() == stored => return Ok(known.clone()),
            (Ok(stored), _) => stored,
            (Err(_), Some(known)) => return Ok(known.clone()),
            (Err(e), None) => return Err(e.into()),
        };
        match self.publisher.publish_for_reader(stored).await {
            Ok(published) => Ok(self.snapshot(published)),
            // The one known before may be older than what was released while this waited.
            Err(e) => match self.known() {
                Some(known) if e.may_pass() => Ok(known),
                _ => Err(unpublished(e)),
            },
        }
    }

    async fn pruned_below(&self) -> Result<u64, ReadError> {
        Ok(self.publisher.store.pruned_below().await?)
    }

    fn known(&self) -> Option<Snapshot> {
        let published = self.publisher.newest()?;
        Some(self.snapshot(published))
    }
}

impl Log {
    fn snapshot(&self, published: Arc<crate::snapshot::SignedHead>) -> Snapshot {
        Snapshot::new(
            Arc::clone(&self.publisher.store) as Arc<dyn LogReader>,
            published,
        )
    }
}

/// Several readers may share the error.
fn unpublished(error: Arc<PublishError>) -> ReadError {
    match &*error {
        PublishError::Read(ReadError::Inconsistent(what)) => ReadError::Inconsistent(what.clone()),
        PublishError::Read(ReadError::Store(StoreError::Inconsistent(what))) => {
            StoreError::Inconsistent(what.clone()).into()
        }
        PublishError::Read(ReadError::Store(StoreError::Unavailable(_))) => {
            StoreError::Unavailable(Box::new(error)).into()
        }
        PublishError::Read(ReadError::Unpublished(why)) => ReadError::Unpublished(why.clone()),
        other => ReadError::Unpublished(other.to_string()),
    }
}

/// Rebuilds the right edge of a tree from its stored tiles.
pub(crate) fn edge_from_tiles(
    tree: &TreeHead,
    tiles: &[(TileId, Vec<u8>)],
) -> Result<RightEdge, String> {
    let find = |id: TileId| {
        tiles
            .iter()
            .find(|(tile, _)| *tile == id)
            .map(|(_, b)| b.as_slice())
    };
    RightEdge::from_tiles(tree.tree_size, find).map_err(|e| e.to_string())
}

/// Reads the right edge of a tree of that size, which may have grown since. Whether it has that root is
/// for the caller to compare. Tiles that cannot be an edge are told by a text.
pub(crate) async fn stored_edge(
    store: &dyn LogReader,
    tree: &TreeHead,
) -> Result<Result<RightEdge, String>, StoreError> {
    let needed = RightEdge::tiles_needed(tree.tree_size);
    let stored = store.hash_tiles(&needed).await?;
    let tiles: Vec<_> = needed
        .into_iter()
        .zip(stored)
        .filter_map(|(id, hashes)| Some((id, cut(hashes?, id, tree.tree_size))))
        .collect();
    Ok(edge_from_tiles(tree, &tiles))
}

/// Takes the hashes that a tree of `size` entries has in a tile.
pub(crate) fn cut(mut hashes: Vec<u8>, id: TileId, size: u64) -> Vec<u8> {
    hashes.truncate(usize::from(tile_width_at(id.level, id.index, size)) * Hash::LENGTH);
    hashes
}
