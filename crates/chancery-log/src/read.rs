//! Reads: checkpoint, tiles of every width, issuers, and the proofs that the log itself needs.

use bytes::{Bytes, BytesMut};
use chancery_tlog::{Hash, RightEdge, TileHashes, TileId, TilePath, TreeHead, tile_width_at};

use crate::log::Log;
use crate::publisher::PublishError;
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

impl Log {
    /// Returns the newest checkpoint, a signed note (c2sp.org/static-ct-api).
    ///
    /// It covers whatever any process on this database has answered before. While the database
    /// cannot be asked, it is the newest that this process knows.
    pub async fn checkpoint(&self) -> Result<Bytes, ReadError> {
        self.refresh().await?;
        match self.publisher.newest() {
            Some(published) => Ok(published.checkpoint.clone()),
            None => Err(ReadError::Unpublished("none is signed yet".to_owned())),
        }
    }

    /// Returns a tile, or `None` where the published tree has none of that width.
    pub async fn tile(&self, path: TilePath) -> Result<Option<Bytes>, ReadError> {
        if !self.covers(&path) {
            self.refresh().await?;
            if !self.covers(&path) {
                return Ok(None);
            }
        }
        match path {
            TilePath::Data { index, width } => self.data_tile(index, width).await.map(Some),
            TilePath::Hash {
                level,
                index,
                width,
            } => self
                .hash_tile(TileId { level, index }, width)
                .await
                .map(Some),
        }
    }

    /// Returns the DER of an issuer certificate by its SHA-256.
    pub async fn issuer(&self, fingerprint: [u8; 32]) -> Result<Option<Bytes>, ReadError> {
        Ok(self
            .publisher
            .store
            .issuer(&fingerprint)
            .await?
            .map(Bytes::from))
    }

    /// Publishes what other processes have committed meanwhile; finds out if the database went
    /// back instead.
    async fn refresh(&self) -> Result<(), ReadError> {
        let published = self.publisher.newest();
        let stored = match (self.publisher.store.head().await, &published) {
            (Ok(stored), _) => stored,
            (Err(_), Some(_)) => return Ok(()),
            (Err(e), None) => return Err(e.into()),
        };
        if published.is_some_and(|p| p.head == stored) {
            return Ok(());
        }
        match self.publisher.publish(stored, None).await {
            Ok(_) => Ok(()),
            Err(PublishError::Read(e)) => Err(e),
            Err(e) => Err(ReadError::Unpublished(e.to_string())),
        }
    }

    fn covers(&self, path: &TilePath) -> bool {
        let size = self.publisher.newest().map_or(0, |p| p.head.tree.tree_size);
        path.is_covered_by(size)
    }

    async fn hash_tile(&self, tile: TileId, width: u16) -> Result<Bytes, ReadError> {
        let stored = self
            .publisher
            .store
            .hash_tiles(&[tile])
            .await?
            .pop()
            .flatten();
        let mut bytes = Bytes::from(stored.unwrap_or_default());
        let wanted = usize::from(width) * 32;
        if bytes.len() < wanted {
            return Err(ReadError::Inconsistent(format!(
                "hash tile {}/{} is shorter than {width} hashes",
                tile.level, tile.index
            )));
        }
        bytes.truncate(wanted);
        Ok(bytes)
    }

    async fn data_tile(&self, index: u64, width: u16) -> Result<Bytes, ReadError> {
        let start = index * chancery_tlog::TILE_WIDTH;
        let entries = self
            .publisher
            .store
            .entries(start..start + u64::from(width))
            .await?;
        if entries.len() != usize::from(width) {
            return Err(ReadError::Inconsistent(format!(
                "data tile {index} has {} of {width} entries",
                entries.len()
            )));
        }
        let mut tile = BytesMut::with_capacity(entries.iter().map(Vec::len).sum());
        for entry in &entries {
            tile.extend_from_slice(entry);
        }
        Ok(tile.freeze())
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

/// Makes a consistency proof from stored tiles.
pub(crate) async fn consistency_proof(
    store: &dyn LogReader,
    smaller: u64,
    larger: u64,
) -> Result<Vec<Hash>, ReadError> {
    if smaller == 0 || smaller == larger {
        return Ok(Vec::new());
    }
    let wanted = chancery_tlog::consistency_tiles(smaller, larger);
    let stored = store.hash_tiles(&wanted).await?;
    let mut tiles = TileHashes::new(larger);
    for (tile, bytes) in wanted.into_iter().zip(stored) {
        let bytes = bytes.unwrap_or_default();
        tiles
            .insert(tile, &bytes)
            .map_err(|e| ReadError::Inconsistent(format!("{}/{}: {e}", tile.level, tile.index)))?;
    }
    chancery_tlog::consistency_proof(smaller, larger, &tiles)
        .map_err(|e| ReadError::Inconsistent(e.to_string()))
}
