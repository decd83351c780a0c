//! Witnesses: others who cosign a checkpoint before it is released.
//!
//! A witness remembers the largest tree that it saw of a log, and cosigns only what extends it. So a
//! reader who asks for cosignatures need not fear that he is shown another log than everybody else.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use chancery_tlog::{NoteSignature, SignedNote, TreeHead};

use crate::store::LogReader;

/// Those whom a log asks to cosign its checkpoints, and the rule for when that is enough.
#[async_trait]
pub trait Witnesses: Debug + Send + Sync {
    /// Gathers cosignatures for a checkpoint that the log has signed and the guard has seen, and
    /// returns their lines, each of which has been verified. They are enough for the rule, or it
    /// does not insist. `waiting` says for whose.
    ///
    /// `log` has the tiles of at least that tree, for consistency proofs.
    async fn cosign(
        &self,
        checkpoint: &SignedNote,
        head: &TreeHead,
        log: Arc<dyn LogReader>,
        waiting: Waiting,
    ) -> Result<Cosigned, CosignError>;

    /// Returns how each of them stands, for metrics.
    fn standings(&self) -> Vec<WitnessStanding> {
        Vec::new()
    }
}

/// For whose cosignatures a checkpoint waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Waiting {
    /// For those of a quorum, and of others who answer hardly later.
    ForQuorum,
    /// For those of all who answer in time: none will ask for more of them later.
    ForAll,
}

/// What witnesses have put under a checkpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cosigned {
    /// Their lines, verified.
    pub lines: Vec<NoteSignature>,
    /// Whether they are a quorum. Where the rule insists, they are.
    pub quorum: bool,
}

/// How a witness stands, as far as this process has asked it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WitnessStanding {
    /// The witness's name.
    pub name: String,
    /// The size of the largest tree that it has cosigned.
    pub size: u64,
    /// How often it was asked and did not cosign.
    pub failures: u64,
    /// When it cosigned last.
    pub cosigned_at: Option<SystemTime>,
}

/// Why a checkpoint has not the cosignatures that it needs. It must not be released.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CosignError {
    /// A witness without which there is no quorum says that it has seen a larger tree, and the
    /// database has one: another process was quicker.
    #[error("the witness {name} says that it has seen {witnessed} entries of this log")]
    Ahead {
        /// The witness's name.
        name: String,
        /// The size of the tree that it has seen.
        witnessed: u64,
        /// The lines under which the checkpoint may be released all the same, if the newer one
        /// cannot be: only where the rule does not insist on a quorum.
        without: Option<Vec<NoteSignature>>,
    },
    /// Too few have cosigned it: says who did not, and why.
    #[error("{0}")]
    NoQuorum(String),
}
