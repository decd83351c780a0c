//! One round after another, each to the log's newest checkpoint.

use std::sync::Arc;

use chancery_log::export::{ExportError, Exported, Exporter, Standing};
use chancery_log::published_files::{CheckpointError, FilePlace, LogKey, NewFile, PlaceError};
use chancery_log::{Head, LogReader};
use chancery_tlog::TreeHead;

use crate::fetch::{FetchError, Fetcher};
use crate::remote::RemoteLog;

/// A copy of a log, and where it comes from.
#[derive(Clone, Debug)]
pub struct Mirror {
    fetcher: Fetcher,
    exporter: Exporter,
}

/// What one round found.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// The log's head, which the copy has now.
    pub head: Head,
    /// How many entries came.
    pub new: u64,
}

/// Why a round did not bring the copy to the log's newest checkpoint. The copy is what it was.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// What the log answers as its checkpoint is not.
    #[error("the log's checkpoint cannot be trusted")]
    Checkpoint(#[source] CheckpointError),
    /// The log cannot be asked.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The log has shown two trees of which neither is a part of the other, or does not show that
    /// they are. Both checkpoints are kept.
    #[error(
        "the log FORKED: before, it signed size {} root {}; now, size {} root {}, and the former is \
         not a part of the latter. Both checkpoints are in {kept}",
        before.tree_size, before.root_hash, now.tree_size, now.root_hash
    )]
    Forked {
        /// The tree of the copy.
        before: TreeHead,
        /// The tree that the log shows now.
        now: TreeHead,
        /// Where both checkpoints are.
        kept: String,
    },
    /// The log shows fewer entries than before. Both checkpoints are kept.
    #[error(
        "the log {}: before, it signed size {} root {}; now, size {} root {}. Both checkpoints are \
         in {kept}",
        match stale { true => "WENT BACK, or something on the way keeps an old checkpoint",
                      false => "SHRANK, by a checkpoint that is no older" },
        before.tree_size, before.root_hash, now.tree_size, now.root_hash
    )]
    Shrunk {
        /// The tree of the copy.
        before: TreeHead,
        /// The tree that the log shows now.
        now: TreeHead,
        /// Whether the checkpoint that it shows is the older one: a cache may have kept it.
        stale: bool,
        /// Where both checkpoints are.
        kept: String,
    },
    /// Something else is wrong with the log, or with the copy.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The copy's place cannot be written.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

impl MirrorError {
    /// Tells whether the log was found to be wrong, rather than away.
    pub fn blames_the_log(&self) -> bool {
        match self {
            Self::Checkpoint(_) | Self::Forked { .. } | Self::Shrunk { .. } => true,
            Self::Export(error) => error.blames_the_log(),
            Self::Fetch(_) | Self::Place(_) => false,
        }
    }

    /// Tells whether a cache that keeps old checkpoints would explain it.
    pub fn may_be_a_cache(&self) -> bool {
        matches!(self, Self::Shrunk { stale: true, .. })
    }
}

impl Mirror {
    /// Takes a log, its key, and the place for its copy.
    pub fn new(fetcher: Fetcher, key: LogKey, place: Arc<dyn FilePlace>) -> Self {
        Self {
            fetcher,
            exporter: Exporter::new(place, key),
        }
    }

    /// Brings the copy to the log's newest checkpoint. `progress` is told the size that was copied.
    ///
    /// # Errors
    ///
    /// See [`MirrorError`].
    pub async fn round(
        &self,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Round, MirrorError> {
        let standing = self.exporter.standing().await?;
        let checkpoint = RemoteLog::checkpoint(&self.fetcher).await?;
        let verified = self.exporter.key().verify(&checkpoint);
        let (_, head) = verified.map_err(MirrorError::Checkpoint)?;
        if let Some(standing) = &standing
            && head.tree.tree_size < standing.head.tree.tree_size
        {
            return Err(MirrorError::Shrunk {
                before: standing.head.tree,
                now: head.tree,
                stale: head.timestamp_ms < standing.head.timestamp_ms,
                kept: self.keep(standing, &checkpoint, &head).await?,
            });
        }
        let remote = RemoteLog::new(self.fetcher.clone(), self.exporter.form(), head);
        let remote: Arc<dyn LogReader> = Arc::new(remote);
        let copied = self.exporter.run(remote, &checkpoint, progress).await;
        match (copied, &standing) {
            (Ok(Exported::Moved(new)), _) => Ok(Round { head, new }),
            (Ok(Exported::Unchanged | Exported::Ahead), _) => Ok(Round { head, new: 0 }),
            (Err(ExportError::Forked { .. }), Some(standing)) => Err(MirrorError::Forked {
                before: standing.head.tree,
                now: head.tree,
                kept: self.keep(standing, &checkpoint, &head).await?,
            }),
            (Err(e), _) => Err(e.into()),
        }
    }

    /// Keeps two checkpoints that contradict each other, by their sizes and roots: a second time is
    /// the same files.
    async fn keep(
        &self,
        standing: &Standing,
        checkpoint: &[u8],
        head: &Head,
    ) -> Result<String, MirrorError> {
        let file = |tree: &TreeHead, bytes: &[u8]| {
            let root = hex::encode(tree.root_hash.as_bytes());
            let root = root.get(..16).unwrap_or_default();
            NewFile {
                name: format!("evidence/{}-{root}.checkpoint", tree.tree_size),
                bytes: bytes.to_vec(),
            }
        };
        let files = vec![
            file(&standing.head.tree, &standing.checkpoint),
            file(&head.tree, checkpoint),
        ];
        let place = self.exporter.place();
        place.write(files).await?;
        Ok(format!("{}/evidence", place.name()))
    }
}
