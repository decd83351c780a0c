//! A log as of one published head: nothing beyond it is answered.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use chancery_tlog::ct::DigitallySigned;
use chancery_tlog::{TILE_WIDTH, TileId, TilePath};

use crate::read::ReadError;
use crate::store::{Head, LogReader};

/// A head that was published, with what the log's key signed for it.
#[derive(Clone, Debug)]
pub struct SignedHead {
    /// Size, root and time.
    pub head: Head,
    /// The log's signature over it: that of RFC 6962's signed tree head, section 3.5, which the
    /// checkpoint's first line holds, too. Plain logs have none.
    pub signature: Option<DigitallySigned>,
    /// The checkpoint as it is served: a signed note, with whatever other lines it has.
    pub checkpoint: Bytes,
}

/// A log as of one published head.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(crate) reader: Arc<dyn LogReader>,
    published: Arc<SignedHead>,
}

impl Snapshot {
    /// Takes a head, which must be published, and where the log's bytes are.
    pub(crate) fn new(reader: Arc<dyn LogReader>, published: Arc<SignedHead>) -> Self {
        Self { reader, published }
    }

    /// Returns size, root and time.
    pub fn head(&self) -> &Head {
        &self.published.head
    }

    /// Returns the head with its signatures.
    pub fn signed_head(&self) -> &SignedHead {
        &self.published
    }

    /// Returns the checkpoint, a signed note (c2sp.org/static-ct-api).
    pub fn checkpoint(&self) -> &Bytes {
        &self.published.checkpoint
    }

    /// Returns where the log's bytes are, which may be further than this head.
    pub fn reader(&self) -> &Arc<dyn LogReader> {
        &self.reader
    }

    /// Tells whether the tree has a tile of that width there.
    pub fn covers(&self, path: &TilePath) -> bool {
        path.is_covered_by(self.head().tree.tree_size)
    }

    /// Returns a tile, or `None` where the tree has none of that width.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or its contents contradict themselves.
    pub async fn tile(&self, path: TilePath) -> Result<Option<Bytes>, ReadError> {
        if !self.covers(&path) {
            return Ok(None);
        }
        let tile = match path {
            TilePath::Data { index, width } => self.data_tile(index, width).await,
            TilePath::Hash {
                level,
                index,
                width,
            } => self.hash_tile(TileId { level, index }, width).await,
        };
        tile.map(Some)
    }

    /// Returns the DER of an issuer certificate by its SHA-256.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn issuer(&self, fingerprint: &[u8; 32]) -> Result<Option<Bytes>, ReadError> {
        Ok(self.reader.issuer(fingerprint).await?.map(Bytes::from))
    }

    async fn hash_tile(&self, tile: TileId, width: u16) -> Result<Bytes, ReadError> {
        let stored = self.reader.hash_tiles(&[tile]).await?.pop().flatten();
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
        let start = index * TILE_WIDTH;
        let entries = self.reader.entries(start..start + u64::from(width)).await?;
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
