//! Why a log was not copied, or not to its end.

use std::fmt;

use chancery_tlog::TreeHead;

use crate::store::{SequenceError, StoreError};

/// Which of the two logs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The one that is read.
    Source,
    /// The one that is written.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "the source",
            Self::Target => "the target",
        })
    }
}

/// Why a log was not copied, or not to its end. What was written is a part of the tree to reach in
/// any case.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// One of the logs contradicts itself.
    #[error("{side} is damaged: {what}")]
    Damaged {
        /// Which.
        side: Side,
        /// What is wrong with it.
        what: String,
    },
    /// An entry of the source is not one that can stand there.
    #[error("entry {leaf_index} of the source is not one of this log: {what}")]
    Entry {
        /// Its place.
        leaf_index: u64,
        /// What is wrong with it.
        what: String,
    },
    /// One tree is not a part of the other.
    #[error(
        "size {} root {} is not a part of size {} root {}", smaller.tree_size, smaller.root_hash,
        larger.tree_size, larger.root_hash
    )]
    NotPrefix {
        /// The head that should be a part.
        smaller: TreeHead,
        /// The head to reach.
        larger: TreeHead,
    },
    /// The source holds another tree of the size to reach.
    #[error(
        "at size {} the source has root {}, not {}", to.tree_size, found.root_hash, to.root_hash
    )]
    OtherTree {
        /// The source's head at that size.
        found: TreeHead,
        /// The head to reach.
        to: TreeHead,
    },
    /// The source has not all the entries.
    #[error(
        "the source ends at size {} root {}, before size {} root {}", found.tree_size,
        found.root_hash, to.tree_size, to.root_hash
    )]
    SourceTooShort {
        /// The source's head.
        found: TreeHead,
        /// The head to reach.
        to: TreeHead,
    },
    /// A batch was not written, or nobody knows.
    #[error("a batch could not be written")]
    Sequence(#[from] SequenceError),
    /// One of the databases does not answer.
    #[error("{side} cannot be read")]
    Store {
        /// Which.
        side: Side,
        /// Why.
        #[source]
        error: StoreError,
    },
    /// The target has more entries than it is to have.
    #[error(
        "the target is at size {} root {} already, past size {} root {}", target.tree_size,
        target.root_hash, to.tree_size, to.root_hash
    )]
    TargetAhead {
        /// The target's head.
        target: TreeHead,
        /// The head to reach.
        to: TreeHead,
    },
}

impl CopyError {
    pub(super) fn source(error: StoreError) -> Self {
        Self::of(Side::Source, error)
    }

    pub(super) fn target(error: StoreError) -> Self {
        Self::of(Side::Target, error)
    }

    fn of(side: Side, error: StoreError) -> Self {
        match error {
            StoreError::Inconsistent(what) => Self::Damaged { side, what },
            error @ StoreError::Unavailable(_) => Self::Store { side, error },
        }
    }
}
