//! Bringing a place of published files to a newer head of the log: what export and mirrors are made
//! of.
//!
//! The source is not believed. Every entry is hashed, and appended to the tree that the place holds
//! already; hash tiles are the ones computed so. The checkpoint comes last, once all that it covers
//! is durable and hashes to its root. So wherever this breaks off, the place is what its checkpoint
//! says, and a later run goes on, from the last record of its progress if there is one.
//!
//! Memory does not grow with the log: a few tiles are read at once, and written in small batches. Tiles
//! that are too large for that are read and written one by one.

mod error;
mod partials;
mod progress;
mod tile;
mod writing;

use std::collections::VecDeque;
use std::sync::Arc;

use chancery_tlog::{Origin, RightEdge, SignedNote, TILE_WIDTH, TileId, TreeHead};
use tokio_util::task::AbortOnDropHandle;

use crate::copy::{CopyError, Side, require_prefix};
use crate::published_files::{FilePlace, LogKey, MAX_CHECKPOINT, NewFile, PublishedFiles};
use crate::read::cut;
use crate::{Form, Head, LogReader};

pub use error::ExportError;

use progress::Progress;
use tile::{ReadTile, TileReader};
use writing::Writing;

/// How many tiles are read at once.
const IN_FLIGHT: usize = 8;

/// A tile that is being read before its turn.
type ReadingAhead = AbortOnDropHandle<Result<Option<ReadTile>, ExportError>>;

/// A place of published files, and the log that it belongs to.
#[derive(Clone, Debug)]
pub struct Exporter {
    place: Arc<dyn FilePlace>,
    key: LogKey,
    form: Form,
    entries: bool,
}

/// The checkpoint that a place has.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The checkpoint's first line.
    pub origin: Origin,
    /// The checkpoint, a signed note.
    pub checkpoint: Vec<u8>,
    /// What it says.
    pub head: Head,
}

/// What became of a place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exported {
    /// It has that many more entries, or a newer checkpoint of as many.
    Moved(u64),
    /// It has them all already.
    Unchanged,
    /// Another writer has brought it further.
    Ahead,
}

impl Exporter {
    /// Takes a place, which may be empty, and the key of the log that is to be in it.
    pub fn new(place: Arc<dyn FilePlace>, key: LogKey) -> Self {
        let form = key.form();
        Self {
            place,
            key,
            form,
            entries: true,
        }
    }

    /// Leaves entries and issuers out: only checkpoint and hash tiles are published then.
    #[must_use]
    pub fn without_entries(mut self) -> Self {
        self.entries = false;
        self
    }

    /// Returns the place.
    pub fn place(&self) -> &Arc<dyn FilePlace> {
        &self.place
    }

    /// Returns the key.
    pub fn key(&self) -> &LogKey {
        &self.key
    }

    /// Returns how the log lays out its entries.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Reads the place's checkpoint; `None` if it has none yet.
    ///
    /// # Errors
    ///
    /// When it is not this log's, or the place cannot be read.
    pub async fn standing(&self) -> Result<Option<Standing>, ExportError> {
        let Some(checkpoint) = self.place.read("checkpoint", MAX_CHECKPOINT).await? else {
            return Ok(None);
        };
        let verified = self.key.verify(&checkpoint);
        let (origin, head) = verified.map_err(|error| ExportError::Foreign {
            place: self.place.name(),
            error,
        })?;
        Ok(Some(Standing {
            origin,
            checkpoint,
            head,
        }))
    }

    /// Returns the place's files, to be read as a log.
    ///
    /// # Errors
    ///
    /// As [`Exporter::standing`].
    pub async fn files(&self) -> Result<Option<PublishedFiles>, ExportError> {
        let standing = self.standing().await?;
        Ok(standing.map(|standing| {
            PublishedFiles::at(
                Arc::clone(&self.place),
                self.form,
                standing.origin,
                standing.head,
            )
        }))
    }

    /// Brings the place to `checkpoint`, whose tree `source` has. `progress` is told the size that
    /// has been written.
    ///
    /// # Errors
    ///
    /// See [`ExportError`]; the place is what its own checkpoint says in any case.
    pub async fn run(
        &self,
        source: Arc<dyn LogReader>,
        checkpoint: &[u8],
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Exported, ExportError> {
        let (_, to) = self
            .key
            .verify(checkpoint)
            .map_err(ExportError::Checkpoint)?;
        let standing = self.standing().await?;
        let from = match &standing {
            None => TreeHead::EMPTY,
            Some(standing) => standing.head.tree,
        };
        if let Some(standing) = &standing
            && standing.is_as_new_as(checkpoint, &to)?
        {
            return Ok(match standing.head.tree.tree_size > to.tree.tree_size {
                true => Exported::Ahead,
                false => Exported::Unchanged,
            });
        }
        require_contained(&*source, &from, &to.tree).await?;
        let begin = self.begin(&from, &to.tree).await?;
        let resumed = begin.edge.tree_size() > from.tree_size;
        let written = self.write_tiles(source, begin, &to.tree, progress).await;
        if let (true, Err(ExportError::OtherRoot { .. })) = (resumed, &written) {
            // What was kept may be of another time; what the checkpoint says is what counts.
            self.place.remove(progress::FILE).await?;
        }
        written?;
        let old = standing.as_ref().map(|standing| &*standing.checkpoint);
        let new = NewFile {
            name: "checkpoint".to_owned(),
            bytes: checkpoint.to_vec(),
        };
        if !self.place.replace(old, new).await? {
            return self.outrun(checkpoint, &to).await;
        }
        self.place.remove(progress::FILE).await?;
        let (from, to) = (from.tree_size, to.tree.tree_size);
        for folder in partials::outdated(from, to, self.form) {
            self.place.remove_folder(&folder).await?;
        }
        Ok(Exported::Moved(to - from))
    }

    /// Another writer has replaced the checkpoint meanwhile.
    async fn outrun(&self, checkpoint: &[u8], to: &Head) -> Result<Exported, ExportError> {
        match self.standing().await? {
            Some(standing) if standing.is_as_new_as(checkpoint, to)? => Ok(Exported::Ahead),
            _ => Err(ExportError::Raced(self.place.name())),
        }
    }

    /// Finds the right edge from which to go on.
    async fn begin(&self, from: &TreeHead, to: &TreeHead) -> Result<Progress, ExportError> {
        let kept = Progress::read(&*self.place).await?;
        if let Some(kept) = kept
            && (from.tree_size..to.tree_size).contains(&kept.edge.tree_size())
        {
            return Ok(kept);
        }
        let origin = match self.standing().await? {
            Some(standing) => standing.origin,
            None => return Ok(Progress::empty()),
        };
        let head = Head {
            tree: *from,
            timestamp_ms: 0,
        };
        let files = PublishedFiles::at(Arc::clone(&self.place), self.form, origin, head);
        let needed = RightEdge::tiles_needed(from.tree_size);
        let found = files.hash_tiles(&needed).await;
        let found = found.map_err(|e| ExportError::of_place(&*self.place, e))?;
        let tiles = needed.into_iter().zip(found).filter_map(|(id, hashes)| {
            let hashes = cut(hashes?, id, from.tree_size);
            Some((id, hashes))
        });
        let begin = Progress::of_tiles(from.tree_size, tiles.collect());
        match begin {
            Ok(begin) if begin.edge.tree_head() == *from => Ok(begin),
            other => Err(ExportError::PlaceDamaged {
                place: self.place.name(),
                wrong: match other {
                    Ok(_) => "its hash tiles do not hash to its checkpoint".to_owned(),
                    Err(wrong) => wrong,
                },
            }),
        }
    }

    /// Writes all tiles between an edge and a head, which they must hash to.
    async fn write_tiles(
        &self,
        source: Arc<dyn LogReader>,
        begin: Progress,
        to: &TreeHead,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), ExportError> {
        let reader = Arc::new(TileReader {
            source: Arc::clone(&source),
            form: self.form,
            entries: self.entries,
            size: to.tree_size,
        });
        let mut writing = Writing::begin(Arc::clone(&self.place), source, self.form, begin);
        let mut wanted = writing.size() / TILE_WIDTH..to.tree_size.div_ceil(TILE_WIDTH);
        let mut reading: VecDeque<(u64, ReadingAhead)> = VecDeque::new();
        loop {
            while reading.len() < IN_FLIGHT
                && let Some(index) = wanted.next()
            {
                let reader = Arc::clone(&reader);
                let task = tokio::spawn(async move { reader.read_ahead(index).await });
                reading.push_back((index, AbortOnDropHandle::new(task)));
            }
            let Some((index, next)) = reading.pop_front() else {
                break;
            };
            let tile = match next.await.map_err(ExportError::panicked)?? {
                Some(tile) => tile,
                None => {
                    writing.settle_all().await?;
                    reader.read_alone(index).await?
                }
            };
            writing.append(tile).await?;
            progress(writing.size());
        }
        writing.finish(to).await
    }
}

impl Standing {
    /// Tells whether there is nothing newer in a checkpoint of the same log; refuses one that
    /// contradicts this.
    fn is_as_new_as(&self, checkpoint: &[u8], other: &Head) -> Result<bool, ExportError> {
        let (own, new) = (&self.head, other);
        if own.tree.tree_size != new.tree.tree_size {
            return Ok(own.tree.tree_size > new.tree.tree_size);
        }
        if own.tree.root_hash != new.tree.root_hash {
            return Err(ExportError::Forked {
                standing: own.tree,
                new: new.tree,
            });
        }
        // A later one of the same tree: a time, or signatures of witnesses.
        let lines = |note: &[u8]| SignedNote::parse(note).map_or(0, |note| note.signatures().len());
        let older = own.timestamp_ms < new.timestamp_ms
            || own.timestamp_ms == new.timestamp_ms && lines(&self.checkpoint) < lines(checkpoint);
        Ok(!older)
    }
}

/// Requires that the source proves the place's tree to be a part of the one to reach.
async fn require_contained(
    source: &dyn LogReader,
    standing: &TreeHead,
    new: &TreeHead,
) -> Result<(), ExportError> {
    require_prefix(source, standing, new)
        .await
        .map_err(|e| match e {
            CopyError::NotPrefix { .. } => ExportError::Forked {
                standing: *standing,
                new: *new,
            },
            CopyError::Damaged {
                side: Side::Source | Side::Target,
                what,
            } => ExportError::SourceDamaged(what),
            CopyError::Store { error, .. } => ExportError::of_source(error),
            other => ExportError::SourceDamaged(other.to_string()),
        })
}

/// Returns a tile's name in a place.
pub(crate) fn hash_tile_name(id: TileId, width: u16) -> String {
    let path = chancery_tlog::TilePath::Hash {
        level: id.level,
        index: id.index,
        width,
    };
    format!("tile/{path}")
}
