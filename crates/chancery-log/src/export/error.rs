//! Why a place was not brought to a newer head.

use chancery_tlog::TreeHead;

use crate::StoreError;
use crate::published_files::{CheckpointError, FilePlace, PlaceError};

/// Why a place was not brought to a newer head. Its checkpoint is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The new checkpoint is not the log's.
    #[error("the checkpoint to reach cannot be used")]
    Checkpoint(#[source] CheckpointError),
    /// An entry of the source is not the one that the log's tree has there.
    #[error("entry {leaf_index} {wrong}")]
    Entry {
        /// Its place.
        leaf_index: u64,
        /// What is wrong with it.
        wrong: String,
    },
    /// The place holds something else.
    #[error("{place} has a checkpoint that is not this log's; use another place")]
    Foreign {
        /// The place.
        place: String,
        /// Why it is not this log's.
        #[source]
        error: CheckpointError,
    },
    /// One of the two trees is not a part of the other, or cannot be shown to be.
    #[error(
        "size {} root {} is not a part of size {} root {}", standing.tree_size, standing.root_hash,
        new.tree_size, new.root_hash
    )]
    Forked {
        /// What the place holds.
        standing: TreeHead,
        /// What the log says now.
        new: TreeHead,
    },
    /// The source has no such certificate, or another one.
    #[error("the issuer {} that entries name {wrong}", hex::encode(.fingerprint))]
    Issuer {
        /// SHA-256 of the certificate.
        fingerprint: [u8; 32],
        /// What is wrong.
        wrong: String,
    },
    /// All was read, and does not hash to the new checkpoint.
    #[error(
        "the entries give root {} at size {}, not {}", found.root_hash, to.tree_size, to.root_hash
    )]
    OtherRoot {
        /// The head of what was read.
        found: TreeHead,
        /// The head to reach.
        to: TreeHead,
    },
    /// The place cannot be read or written.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// What the place holds is not what its own checkpoint says.
    #[error("{place} is damaged: {wrong}; move it away and begin anew")]
    PlaceDamaged {
        /// The place.
        place: String,
        /// What is wrong.
        wrong: String,
    },
    /// Another writer replaced the checkpoint, by one that is older than ours.
    #[error("another process writes to {0}; trying again is safe")]
    Raced(String),
    /// The source cannot be read now.
    #[error("the log cannot be read")]
    Source(#[source] StoreError),
    /// The source contradicts itself.
    #[error("the log contradicts itself: {0}")]
    SourceDamaged(String),
    /// A part of this program failed.
    #[error("a task failed: {0}")]
    Task(String),
}

impl ExportError {
    /// Tells whether something in the log is wrong, rather than away or misconfigured.
    pub fn blames_the_log(&self) -> bool {
        matches!(
            self,
            Self::Checkpoint(_)
                | Self::Entry { .. }
                | Self::Forked { .. }
                | Self::Issuer { .. }
                | Self::OtherRoot { .. }
                | Self::SourceDamaged(_)
        )
    }

    pub(super) fn of_source(error: StoreError) -> Self {
        match error {
            StoreError::Inconsistent(what) => Self::SourceDamaged(what),
            away @ StoreError::Unavailable(_) => Self::Source(away),
        }
    }

    pub(super) fn of_place(place: &dyn FilePlace, error: StoreError) -> Self {
        let place = place.name();
        match error {
            StoreError::Inconsistent(wrong) => Self::PlaceDamaged { place, wrong },
            StoreError::Unavailable(error) => Self::Place(PlaceError::Unavailable { place, error }),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
    pub(super) fn panicked(error: tokio::task::JoinError) -> Self {
        Self::Task(error.to_string())
    }
}
