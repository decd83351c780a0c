//! Witnesses: others who cosign a checkpoint before it is released.
//!
//! A witness remembers the largest tree that it saw of a log, and cosigns only what extends it. So a
//! reader who asks for cosignatures need not fear that he is shown another log than everybody else.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use chancery_tlog::{NoteSignature, SignedNote, TreeHead};

use crate::store::LogReader;

/// Those whom a log asks to cosign its checkpoints, and the rule for when that is enough.
#[async_trait]
pub trait Witnesses: Debug + Send + Sync {
    /// Gathers cosignatures for a checkpoint that the log has signed and the guard has seen, and
    /// returns their lines, each of which has been verified. They are enough for the rule, or it
    /// does not insist.
    ///
    /// `log` has the tiles of at least that tree, for consistency proofs.
    async fn cosign(
        &self,
        checkpoint: &SignedNote,
        head: &TreeHead,
        log: Arc<dyn LogReader>,
    ) -> Result<Vec<NoteSignature>, CosignError>;
}

/// Why a checkpoint has not the cosignatures that it needs. It must not be released.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CosignError {
    /// A witness without which there is no quorum says that it has seen a larger tree. That is
    /// another process's doing, or the database was rolled back.
    #[error("the witness {name} says that it has seen {witnessed} entries of this log")]
    Ahead {
        /// The witness's name.
        name: String,
        /// The size of the tree that it has seen.
        witnessed: u64,
    },
    /// Too few have cosigned it: says who did not, and why.
    #[error("{0}")]
    NoQuorum(String),
}
