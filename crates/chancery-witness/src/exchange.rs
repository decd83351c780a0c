//! Bringing a witness to a tree head, wherever it stands before.

use chancery_log::{LogReader, ReadError, consistency_proof};
use chancery_tlog::{AddCheckpoint, NoteSignature, SignedNote, TreeHead};

use crate::client::{Answer, WitnessClient, WitnessError};

/// How often the witness may say that it stands elsewhere: once if this process did not know, and
/// some more times if others bring it along meanwhile.
const MAX_TRIES: usize = 4;

/// What became of an attempt to bring a witness to a head.
#[derive(Debug)]
pub(crate) enum Brought {
    /// It has cosigned the head, and stands there.
    Cosigned(NoteSignature),
    /// It says that it has seen a larger tree.
    Ahead(u64),
}

/// Why a witness did not come along.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// The stored tiles give no proof.
    #[error("no consistency proof can be made for it")]
    Proof(#[from] ReadError),
    /// The witness has not cosigned.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// It says another size each time.
    #[error("it stands elsewhere each time that it is asked")]
    Moving,
}

/// Sends a checkpoint with a proof from `known`, the size at which the witness is thought to stand.
pub(crate) async fn bring(
    witness: &WitnessClient,
    checkpoint: &SignedNote,
    head: &TreeHead,
    known: u64,
    log: &dyn LogReader,
) -> Result<Brought, ExchangeError> {
    let size = head.tree_size;
    // Where it is said to be ahead, it is asked as if it had seen just this tree: it may have said
    // what is not so.
    let mut old_size = known.min(size);
    for _ in 0..MAX_TRIES {
        let request = AddCheckpoint {
            old_size,
            proof: consistency_proof(log, old_size, size).await?,
            checkpoint: checkpoint.clone(),
        };
        match witness.add_checkpoint(&request, size).await? {
            Answer::Cosigned(line) => return Ok(Brought::Cosigned(line)),
            Answer::StandsAt(stands) if stands > size => return Ok(Brought::Ahead(stands)),
            Answer::StandsAt(stands) => old_size = stands,
        }
    }
    Err(ExchangeError::Moving)
}
