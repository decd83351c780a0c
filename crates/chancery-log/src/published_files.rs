//! A log as files in a folder, laid out as it is published (c2sp.org/static-ct-api): a mirror, or
//! what somebody has downloaded.
//!
//! ```text
//! checkpoint    tile/<level>/<index>[.p/<width>]    tile/data/<index>[.p/<width>]    issuer/<sha256>
//! ```
//! Nothing in the folder is believed but what the log's key has signed. Files are read whole, up to
//! a bound, and only regular ones.

mod folder;
mod log_key;
mod opened;
mod place;

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use chancery_keys::PublicKey;
use chancery_tlog::ct::LogId;
use chancery_tlog::{
    Checkpoint, Hash, MAX_TREE_SIZE, Origin, ParseCheckpointError, ParseNoteError,
    Rfc6962NoteSignature, Rfc6962NoteSignatureError, SignedNote, TILE_WIDTH, TileId, TilePath,
    TreeHead, rfc6962_key_id, rfc6962_signature_input, tile_width_at,
};

use crate::export::hash_tile_name;
use crate::{Form, Head, LogReader, StoreError};

pub use folder::Folder;
pub use log_key::{LogKey, LogKeyError};
pub use place::{FilePlace, NewFile, PlaceError, media_type};

/// The longest checkpoint that is read, in bytes.
pub const MAX_CHECKPOINT: u64 = 64 * 1024;
/// A full hash tile, in bytes.
pub const MAX_HASH_TILE: u64 = 256 * Hash::LENGTH as u64;
/// The longest data tile that is read, in bytes. Entries have a few kilobytes; this is 128 KiB for
/// each.
pub const MAX_DATA_TILE: u64 = 256 * 128 * 1024;
/// The longest certificate that is read, in bytes.
pub const MAX_ISSUER: u64 = 1024 * 1024;

/// A log as files, as far as its checkpoint goes.
#[derive(Clone, Debug)]
pub struct PublishedFiles {
    place: Arc<dyn FilePlace>,
    form: Form,
    origin: Origin,
    head: Head,
}

/// Why the files of a log were not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenFilesError {
    /// The checkpoint is not the log's.
    #[error("{}", .0.display())]
    Checkpoint(PathBuf, #[source] CheckpointError),
    /// The checkpoint cannot be read.
    #[error("cannot read {}", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
}

/// Why bytes are not a checkpoint of a log.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// They are not a signed note.
    #[error("the checkpoint is no signed note")]
    Note(#[from] ParseNoteError),
    /// The note says something else.
    #[error(transparent)]
    Body(#[from] ParseCheckpointError),
    /// It is another log's.
    #[error("the checkpoint is that of {found}, not of {wanted}")]
    Origin {
        /// What its first line says.
        found: Origin,
        /// What it should say.
        wanted: Origin,
    },
    /// The log's key has not signed it, or its signature is bad.
    #[error("the checkpoint is not signed by the log's key")]
    Signature,
    /// No tiles are of so large a tree.
    #[error("the checkpoint states {0} entries, and no log of tiles has more than {max}", max = MAX_TREE_SIZE)]
    Size(u64),
    /// The signature's contents do not parse.
    #[error(transparent)]
    Malformed(#[from] Rfc6962NoteSignatureError),
}

/// Requires that a tree has a size that its leaves can be counted with.
fn require_possible(tree: &TreeHead) -> Result<(), CheckpointError> {
    match tree.tree_size > MAX_TREE_SIZE {
        true => Err(CheckpointError::Size(tree.tree_size)),
        false => Ok(()),
    }
}

/// Verifies a checkpoint with the log's key and returns its origin and head.
///
/// # Errors
///
/// When it is not that log's: see [`CheckpointError`].
pub fn verify_checkpoint(
    checkpoint: &[u8],
    key: &PublicKey,
    origin: Option<&Origin>,
) -> Result<(Origin, Head), CheckpointError> {
    let note = SignedNote::parse(checkpoint)?;
    let Checkpoint {
        origin: found,
        head: tree,
    } = Checkpoint::parse(note.text())?;
    if let Some(wanted) = origin
        && *wanted != found
    {
        let wanted = wanted.clone();
        return Err(CheckpointError::Origin { found, wanted });
    }
    require_possible(&tree)?;
    let key_id = rfc6962_key_id(&found, &LogId::of_spki(key.spki_der()));
    let line = note
        .signature_by(found.key_name(), key_id)
        .ok_or(CheckpointError::Signature)?;
    let signature = Rfc6962NoteSignature::parse(&line.signature)?;
    let timestamp_ms = signature.timestamp_ms;
    key.verify(
        &rfc6962_signature_input(&tree, timestamp_ms),
        signature.signature.signature_der(),
    )
    .map_err(|_| CheckpointError::Signature)?;
    Ok((found, Head { tree, timestamp_ms }))
}

impl PublishedFiles {
    /// Reads the folder's checkpoint, which the log's key must have signed.
    ///
    /// # Errors
    ///
    /// When the checkpoint cannot be read, or is not that log's.
    pub fn open(folder: &Path, key: &LogKey) -> Result<Self, OpenFilesError> {
        let path = folder.join("checkpoint");
        let folder = Folder::new(folder);
        let checkpoint = match folder.read_now("checkpoint", MAX_CHECKPOINT) {
            Ok(Some(checkpoint)) => checkpoint,
            Ok(None) => {
                return Err(OpenFilesError::Unreadable(
                    path,
                    io::ErrorKind::NotFound.into(),
                ));
            }
            Err(e) => return Err(OpenFilesError::Unreadable(path, e)),
        };
        match key.verify(&checkpoint) {
            Ok((origin, head)) => Ok(Self {
                place: Arc::new(folder),
                form: key.form(),
                origin,
                head,
            }),
            Err(e) => Err(OpenFilesError::Checkpoint(path, e)),
        }
    }

    /// Takes the files of a place as far as `head` goes, which its checkpoint must have been
    /// verified to say.
    pub fn at(place: Arc<dyn FilePlace>, form: Form, origin: Origin, head: Head) -> Self {
        Self {
            place,
            form,
            origin,
            head,
        }
    }

    /// Returns the checkpoint's first line.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Reads a tile as wide as it is at the checkpoint, or the full one that has come since. `at` is
    /// its name with a width.
    async fn tile(
        &self,
        TileId { level, index }: TileId,
        at: impl Fn(u16) -> String + Send,
        bound: u64,
    ) -> Result<TileFile, StoreError> {
        let width = tile_width_at(level, index, self.head.tree.tree_size);
        for width in [width, TilePath::FULL_WIDTH] {
            let name = at(width);
            if width > 0
                && let Some(bytes) = self.place.read(&name, bound).await?
            {
                let full = width == TilePath::FULL_WIDTH;
                return Ok(TileFile {
                    name,
                    full,
                    bytes: Some(bytes),
                });
            }
        }
        Ok(TileFile {
            name: at(width.max(1)),
            full: false,
            bytes: None,
        })
    }

    async fn hash_tile(&self, id: TileId) -> Result<Option<Vec<u8>>, StoreError> {
        let at = |width| hash_tile_name(id, width);
        let tile = self.tile(id, at, MAX_HASH_TILE).await?;
        let width = tile_width_at(id.level, id.index, self.head.tree.tree_size);
        Ok(tile.bytes.map(|mut bytes| {
            // Of a tile that was filled later, what the checkpoint covers.
            if tile.full && bytes.len() as u64 == MAX_HASH_TILE {
                bytes.truncate(usize::from(width) * Hash::LENGTH);
            }
            bytes
        }))
    }

    async fn entries_of_tile(
        &self,
        index: u64,
        wanted: Range<u64>,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let form = self.form;
        let name = |width| form.data_tile_name(index, width);
        let id = TileId { level: 0, index };
        let tile = self.tile(id, name, MAX_DATA_TILE).await?;
        let size = self.head.tree.tree_size;
        let split = move || tile.entries(form, index, wanted, size);
        let split = tokio::task::spawn_blocking(split).await;
        split.map_err(|e| StoreError::Unavailable(Box::new(e)))?
    }
}

/// A tile's file, and whether it is the full one.
struct TileFile {
    name: String,
    full: bool,
    bytes: Option<Vec<u8>>,
}

impl TileFile {
    /// Takes the wanted entries of data tile `index` of a log of `size` entries.
    fn entries(
        self,
        form: Form,
        index: u64,
        wanted: Range<u64>,
        size: u64,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let inconsistent =
            |wrong: String| StoreError::Inconsistent(format!("{} {wrong}", self.name));
        let bytes = self
            .bytes
            .as_deref()
            .ok_or_else(|| inconsistent("is missing".to_owned()))?;
        let mut entries = Vec::new();
        let mut rest = bytes;
        let first = index * TILE_WIDTH;
        for leaf_index in first..wanted.end {
            let (leaf, after) = form.split_first(rest).map_err(|wrong| {
                inconsistent(format!(
                    "is damaged from entry {leaf_index} on, which {wrong}"
                ))
            })?;
            rest = after;
            if wanted.contains(&leaf_index) {
                entries.push(leaf.to_vec());
            }
        }
        let last = first + u64::from(tile_width_at(0, index, size));
        let widest = !self.full || last == first + TILE_WIDTH;
        if wanted.end == last && widest && !rest.is_empty() {
            return Err(inconsistent(format!("has {} bytes too many", rest.len())));
        }
        Ok(entries)
    }
}

#[async_trait]
impl LogReader for PublishedFiles {
    async fn head(&self) -> Result<Head, StoreError> {
        Ok(self.head)
    }

    async fn hash_tiles(&self, tiles: &[TileId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let mut found = Vec::with_capacity(tiles.len());
        for tile in tiles {
            found.push(self.hash_tile(*tile).await?);
        }
        Ok(found)
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        let end = range.end.min(self.head.tree.tree_size);
        let mut entries = Vec::new();
        let mut next = range.start;
        while next < end {
            let index = next / TILE_WIDTH;
            let wanted = next..((index + 1) * TILE_WIDTH).min(end);
            next = wanted.end;
            entries.extend(self.entries_of_tile(index, wanted).await?);
        }
        Ok(entries)
    }

    async fn issuer(&self, fingerprint: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        let name = format!("issuer/{}", hex::encode(fingerprint));
        Ok(self.place.read(&name, MAX_ISSUER).await?)
    }
}
