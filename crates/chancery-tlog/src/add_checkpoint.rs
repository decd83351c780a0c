//! What a log sends to a witness: its checkpoint, and the proof that it extends the last one.
//!
//! <https://c2sp.org/tlog-witness#add-checkpoint>
//! ```text
//! old <size of the tree that the witness saw last> newline
//! <base64(hash)> newline                                   the consistency proof, 63 hashes at most
//! newline
//! <signed checkpoint>
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{parse_hash, parse_size};
use crate::hash::Hash;
use crate::note::{ParseNoteError, SignedNote};

/// The most hashes that a consistency proof may have here.
pub const MAX_CONSISTENCY_LINES: usize = 63;

/// A request to a witness to cosign a checkpoint. Nothing in it is verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddCheckpoint {
    /// The size of the tree in the witness's latest checkpoint of this log, 0 if it has none.
    pub old_size: u64,
    /// The proof that the checkpoint's tree begins with that one.
    pub proof: Vec<Hash>,
    /// The checkpoint with the log's signatures.
    pub checkpoint: SignedNote,
}

impl AddCheckpoint {
    /// Returns the request's body.
    pub fn encode(&self) -> String {
        let mut body = format!("old {}\n", self.old_size);
        for hash in &self.proof {
            body.push_str(&STANDARD.encode(hash.as_bytes()));
            body.push('\n');
        }
        body.push('\n');
        body.push_str(&self.checkpoint.encode());
        body
    }

    /// Parses a request's body; [`AddCheckpoint::encode`] then gives back the same bytes.
    ///
    /// # Errors
    ///
    /// When the bytes are no such request.
    pub fn parse(body: &[u8]) -> Result<Self, ParseAddCheckpointError> {
        let head_ends = body
            .windows(2)
            .take(HEAD_LIMIT)
            .position(|pair| pair == b"\n\n")
            .ok_or(ParseAddCheckpointError::NoEmptyLine)?;
        let (head, rest) = body.split_at(head_ends);
        let head = str::from_utf8(head).map_err(|_| ParseAddCheckpointError::OldSize)?;
        let mut lines = head.split('\n');
        let old_size = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .and_then(parse_size)
            .ok_or(ParseAddCheckpointError::OldSize)?;
        let proof = lines
            .enumerate()
            .map(|(index, line)| match index {
                MAX_CONSISTENCY_LINES.. => Err(ParseAddCheckpointError::ProofTooLong),
                _ => parse_hash(line).ok_or(ParseAddCheckpointError::ProofLine { line: index + 2 }),
            })
            .collect::<Result<_, _>>()?;
        let note = rest.strip_prefix(b"\n\n").unwrap_or_default();
        Ok(Self {
            old_size,
            proof,
            checkpoint: SignedNote::parse(note)?,
        })
    }
}

/// More than the first part of an honest request can have: 63 lines of 45 bytes after one of 25.
const HEAD_LIMIT: usize = 4096;

/// Parses what a witness answers with status 409: the size of the tree that it saw last.
pub fn parse_witnessed_size(body: &[u8]) -> Option<u64> {
    parse_size(str::from_utf8(body).ok()?.strip_suffix('\n')?)
}

/// Why bytes are no request to a witness; each variant is the fault of whoever made them.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseAddCheckpointError {
    /// The checkpoint is no signed note.
    #[error("the checkpoint of the request is no signed note")]
    Note(#[from] ParseNoteError),
    /// Nothing separates proof and checkpoint.
    #[error("the request has no empty line before its checkpoint")]
    NoEmptyLine,
    /// The first line does not say where the proof begins.
    #[error("the first line of the request is not `old` and a size without leading zeros")]
    OldSize,
    /// A line of the proof is no hash.
    #[error("line {line} of the request is not the base64 of 32 bytes")]
    ProofLine {
        /// The line, counted from 1.
        line: usize,
    },
    /// No tree has so long a proof.
    #[error("the request's consistency proof has more than 63 hashes")]
    ProofTooLong,
}

#[cfg(test)]
mod tests;
