//! A proof of inclusion as a file: the checkpoint, the path to it, and what else is to be kept.
//!
//! <https://c2sp.org/tlog-proof>
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64>                 optional; means what its writer says
//! index <decimal>
//! <base64 hash>                  any number, from the leaf up
//!
//! <signed note>                  the checkpoint, with whatever signatures it has
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{Checkpoint, ParseCheckpointError, parse_hash, parse_size};
use crate::hash::Hash;
use crate::note::{ParseNoteError, SignedNote};
use crate::proof::{ProofError, verify_inclusion};

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The longest file that is read, in bytes.
const MAX_LENGTH: usize = 1 << 20;

/// A tree of 2^63 leaves has no longer path.
const MAX_HASHES: usize = 63;

/// A proof that an entry is in a log, to be checked without asking anybody.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlogProof {
    /// What its writer says besides; for a CT log of ours the `MerkleTreeLeaf`.
    pub extra: Option<Vec<u8>>,
    /// The entry's place.
    pub index: u64,
    /// The hashes that lead from the entry to the root, from the lowest in the tree on.
    pub path: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: SignedNote,
}

impl TlogProof {
    /// Parses a proof; [`TlogProof::encode`] then gives back the same bytes. Nothing is verified.
    ///
    /// # Errors
    ///
    /// When the bytes are no such file.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseTlogProofError> {
        if bytes.len() > MAX_LENGTH {
            return Err(ParseTlogProofError::TooLong);
        }
        let text = str::from_utf8(bytes).map_err(|_| ParseTlogProofError::Header)?;
        let rest = text
            .strip_prefix(HEADER)
            .and_then(|rest| rest.strip_prefix('\n'))
            .ok_or(ParseTlogProofError::Header)?;
        let (head, checkpoint) = rest
            .split_once("\n\n")
            .ok_or(ParseTlogProofError::NoCheckpoint)?;
        let mut lines = head.split('\n').peekable();
        let extra = lines.next_if(|line| line.starts_with("extra "));
        let extra = extra.map(parse_extra).transpose()?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(parse_size);
        let index = index.ok_or(ParseTlogProofError::Index)?;
        let path = (1..)
            .zip(lines)
            .map(|(number, line)| match parse_hash(line) {
                Some(hash) if number <= MAX_HASHES => Ok(hash),
                _ => Err(ParseTlogProofError::Hash { number }),
            });
        Ok(Self {
            extra,
            index,
            path: path.collect::<Result<_, _>>()?,
            checkpoint: SignedNote::parse(checkpoint.as_bytes())?,
        })
    }

    /// Returns the file.
    pub fn encode(&self) -> String {
        let mut lines = format!("{HEADER}\n");
        if let Some(extra) = &self.extra {
            lines.push_str(&format!("extra {}\n", STANDARD.encode(extra)));
        }
        lines.push_str(&format!("index {}\n", self.index));
        for hash in &self.path {
            lines.push_str(&STANDARD.encode(hash.as_bytes()));
            lines.push('\n');
        }
        lines.push('\n');
        lines.push_str(&self.checkpoint.encode());
        lines
    }

    /// Verifies that the checkpoint's tree has this leaf hash at the proof's index, and returns what
    /// the checkpoint says. Who signed it is for the caller to verify.
    ///
    /// # Errors
    ///
    /// When it has not, or the note is no checkpoint.
    pub fn verify_leaf(&self, leaf_hash: &Hash) -> Result<Checkpoint, VerifyTlogProofError> {
        let checkpoint = Checkpoint::parse(self.checkpoint.text())?;
        let tree = &checkpoint.head;
        verify_inclusion(
            self.index,
            tree.tree_size,
            leaf_hash,
            &self.path,
            &tree.root_hash,
        )?;
        Ok(checkpoint)
    }
}

fn parse_extra(line: &str) -> Result<Vec<u8>, ParseTlogProofError> {
    let base64 = line.strip_prefix("extra ").unwrap_or_default();
    let extra = STANDARD.decode(base64);
    extra.map_err(|_| ParseTlogProofError::Extra)
}

/// Why bytes are no proof file; each variant is the fault of whoever made it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseTlogProofError {
    /// The checkpoint is no signed note.
    #[error("the checkpoint in the proof is no signed note")]
    Checkpoint(#[from] ParseNoteError),
    /// The extra line is not base64.
    #[error("the extra line of the proof is not base64")]
    Extra,
    /// A line of the path is no hash, or is one too many.
    #[error(
        "hash {number} of the proof is not 32 bytes in base64, or is one of more than {MAX_HASHES}"
    )]
    Hash {
        /// Which, from 1.
        number: usize,
    },
    /// It begins otherwise.
    #[error("it does not begin with the line {HEADER}")]
    Header,
    /// The index is missing, or no number.
    #[error("the proof has no line `index` with a decimal number")]
    Index,
    /// No checkpoint follows.
    #[error("the proof has no empty line with a checkpoint after it")]
    NoCheckpoint,
    /// Nobody needs so much.
    #[error("it has more than {MAX_LENGTH} bytes")]
    TooLong,
}

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VerifyTlogProofError {
    /// The signed note is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] ParseCheckpointError),
    /// The path does not lead to its root.
    #[error(transparent)]
    Inclusion(#[from] ProofError),
}

#[cfg(test)]
mod tests;
