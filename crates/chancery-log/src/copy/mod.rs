//! Copying a log from one place to another: what backup, restore and recovery are made of.
//!
//! Nothing is taken on trust. Before the first entry is written, the target's head is proven to be
//! a prefix of the head to reach, and the source's tiles to be of a tree with that head. Every
//! batch is written only once the head after it is proven to be such a prefix, too. So whatever the
//! source holds, and wherever the copying breaks off, the target is a shorter log of the same tree,
//! and copying again goes on from there.
//!
//! A head in between is as good as any other: the times of entries and heads are those of the
//! source, so the log can go on from it. It must not be published while more is known to exist;
//! that is what the [`Guard`](crate::Guard) is for.

mod batch;
mod error;
mod proof;
mod recompute;

use std::collections::HashSet;
use std::fmt;

use chancery_tlog::{RightEdge, TreeHead};

use crate::form::{Form, StoredLeaf};
use crate::leaf::IndexTerm;
use crate::read::stored_edge;
use crate::store::{Head, LogReader, LogStore, PlanRefused};

pub use error::{CopyError, Side};
pub use proof::require_prefix;
pub use recompute::recompute;

/// The most entries in one batch: the head stays locked for a fraction of a second.
const BATCH: u64 = 2_048;

/// Finds what an entry is to be found by. An error says why it is none of this log's.
pub type Terms<'a> = dyn Fn(&StoredLeaf) -> Result<Vec<IndexTerm>, Box<dyn std::error::Error + Send + Sync>>
    + Send
    + Sync
    + 'a;

/// What to copy where.
pub struct Copying<'a> {
    /// Where entries and hash tiles come from.
    pub source: &'a dyn LogReader,
    /// Where deliveries come from, if they are to be copied.
    pub deliveries: Option<&'a dyn LogStore>,
    /// Where the entries that are missing go.
    pub target: &'a dyn LogStore,
    /// The head that the target is to have. Its time is the least that the copied head gets; 0 if
    /// only the tree is known.
    pub to: Head,
    /// How both lay out their entries.
    pub form: Form,
    /// What entries are found by.
    pub terms: &'a Terms<'a>,
    /// Is told the size of the target after each batch.
    pub progress: &'a (dyn Fn(u64) + Send + Sync),
}

impl fmt::Debug for Copying<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copying")
            .field("source", &self.source)
            .field("target", &self.target)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

impl Copying<'_> {
    /// Appends what the target lacks, and returns the head that it had before.
    ///
    /// # Errors
    ///
    /// Those before the first batch leave the target as it is; after the others it holds some of
    /// the missing entries, and the same call goes on from there.
    pub async fn run(self) -> Result<Head, CopyError> {
        let begun = self.target.head().await.map_err(CopyError::target)?;
        self.check_lengths(&begun).await?;
        proof::require_head(self.source, &self.to.tree).await?;
        require_prefix(self.source, &begun.tree, &self.to.tree).await?;
        let mut edge = self.target_edge(&begun.tree).await?;
        let mut known = self.known_issuers().await?;
        self.copy_late_deliveries(begun.tree.tree_size).await?;

        let mut head = begun;
        while head.tree != self.to.tree {
            let next = self.next_batch(&mut edge, &head, &mut known).await?;
            let after = next.head;
            require_prefix(self.source, &after.tree, &self.to.tree).await?;
            let expected = head.tree;
            let plan = Box::new(move |tip: crate::Tip| {
                if tip.head.tree == expected {
                    Ok(next)
                } else {
                    Err(PlanRefused::Moved {
                        stored: tip.head.tree.tree_size,
                        expected: expected.tree_size,
                    })
                }
            });
            self.target.sequence(Some(expected), plan).await?;
            head = after;
            (self.progress)(head.tree.tree_size);
        }
        Ok(begun)
    }

    async fn check_lengths(&self, target: &Head) -> Result<(), CopyError> {
        let to = self.to.tree;
        if target.tree.tree_size > to.tree_size {
            return Err(CopyError::TargetAhead {
                target: target.tree,
                to,
            });
        }
        let found = self.source.head().await.map_err(CopyError::source)?.tree;
        if found.tree_size < to.tree_size {
            return Err(CopyError::SourceTooShort { found, to });
        }
        Ok(())
    }

    /// Rebuilds the target's right edge, which must hash to its head.
    async fn target_edge(&self, tree: &TreeHead) -> Result<RightEdge, CopyError> {
        let damaged = |what| CopyError::Damaged {
            side: Side::Target,
            what,
        };
        let edge = stored_edge(self.target, tree).await;
        let edge = edge.map_err(CopyError::target)?.map_err(damaged)?;
        if edge.tree_head() == *tree {
            Ok(edge)
        } else {
            Err(damaged("its hash tiles do not hash to its head".to_owned()))
        }
    }

    /// Returns the fingerprints of the certificates that the target has already.
    async fn known_issuers(&self) -> Result<HashSet<[u8; 32]>, CopyError> {
        let stored = self.target.issuers().await.map_err(CopyError::target)?;
        Ok(stored
            .into_iter()
            .map(|(fingerprint, _)| fingerprint)
            .collect())
    }

    /// Records deliveries of the target's last entries: they come with a later batch than their
    /// entries.
    async fn copy_late_deliveries(&self, size: u64) -> Result<(), CopyError> {
        let late = self.deliveries(size.saturating_sub(BATCH)..size).await?;
        if late.is_empty() {
            return Ok(());
        }
        self.target.record(&late).await.map_err(CopyError::target)
    }
}
