//! The end of a log: when it comes, and the last head.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chancery_tlog::TreeHead;

use crate::log::Log;
use crate::publisher::PublishError;
use crate::snapshot::SignedHead;
use crate::store::StoreError;

/// What this process knows of a log's end. An end may be brought forward, never put off.
#[derive(Debug)]
pub(crate) struct KnownEnd(AtomicU64);

impl KnownEnd {
    pub(crate) fn none() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }

    pub(crate) fn note(&self, ends_ms: u64) {
        self.0.fetch_min(ends_ms, Ordering::Relaxed);
    }

    pub(crate) fn is_at(&self, time_ms: u64) -> bool {
        self.0.load(Ordering::Relaxed) <= time_ms
    }
}

/// The last head of a log.
#[derive(Clone, Debug)]
pub struct LastHead {
    /// As it is published.
    pub signed: Arc<SignedHead>,
    /// Whether it has the cosignatures of a quorum, or there are no witnesses. Where the rule insists
    /// on one, it has.
    pub quorum: bool,
}

/// Why a log's last head was not published.
#[derive(Debug, thiserror::Error)]
pub enum LastHeadError {
    /// The head changed meanwhile, or the database is behind what was published.
    #[error(
        "the database said size {}, and the newest published head has size {}: somebody still \
         appends to the log, or the database went back", stored.tree_size, published.tree_size
    )]
    Moved {
        /// What the database said.
        stored: TreeHead,
        /// What is published.
        published: TreeHead,
    },
    /// The stored head could not be guarded, signed and witnessed.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The database could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Log {
    /// Publishes the stored head, and no other, and returns it: nothing that this process knows may
    /// stand in its place. For a log that nobody can append to any more, whose last head it is.
    ///
    /// Witnesses are asked anew, also if the head is published already: those who were away or late
    /// then may cosign it now. All are waited for, and no line that there was is lost.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked, or guard, key or witnesses do not do their part now.
    pub async fn last(&self) -> Result<LastHead, LastHeadError> {
        let stored = self.publisher.store.head().await?;
        let last = self.publisher.publish_last(stored).await?;
        let published = &last.signed.head;
        if *published != stored {
            return Err(LastHeadError::Moved {
                stored: stored.tree,
                published: published.tree,
            });
        }
        Ok(last)
    }
}
