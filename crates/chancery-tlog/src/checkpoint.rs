//! Checkpoints: the tree head of a log as the text of a signed note, and an RFC 6962 log's
//! signature under it.
//!
//! <https://c2sp.org/tlog-checkpoint>, <https://c2sp.org/static-ct-api#checkpoints>
//! ```text
//! text              <origin> newline <size> newline <base64(root hash)> newline
//! signed (type 1)   the text
//! signed (type 5)   u8 version 0 ‖ u8 tree_hash 1 ‖ u64 timestamp (ms) ‖ u64 size ‖ root hash
//! signature (5)     u64 timestamp (ms) ‖ digitally-signed
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ct::{DigitallySigned, LogId, ParseDigitallySignedError};
use crate::hash::Hash;
use crate::note::{NoteSignature, SignatureType, key_id};
use crate::origin::{Origin, OriginError};
use crate::tree::TreeHead;

/// What a checkpoint says: the log and its tree head.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// The log.
    pub origin: Origin,
    /// Its tree.
    pub head: TreeHead,
}

impl Checkpoint {
    /// Returns the text of the note, which an Ed25519 key signs as it is.
    pub fn body(&self) -> String {
        let root_hash = STANDARD.encode(self.head.root_hash.as_bytes());
        format!("{}\n{}\n{root_hash}\n", self.origin, self.head.tree_size)
    }

    /// Parses the text of a note.
    ///
    /// Extension lines are refused: static-ct-api forbids them, because the type 5 signature does
    /// not cover them.
    ///
    /// # Errors
    ///
    /// When the text is no checkpoint.
    pub fn parse(text: &str) -> Result<Self, ParseCheckpointError> {
        let mut lines = text
            .strip_suffix('\n')
            .ok_or(ParseCheckpointError::Lines)?
            .split('\n');
        let (Some(origin), Some(size), Some(root_hash), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(ParseCheckpointError::Lines);
        };
        let origin = Origin::parse(origin).map_err(ParseCheckpointError::Origin)?;
        let tree_size = parse_size(size).ok_or(ParseCheckpointError::TreeSize)?;
        let root_hash = parse_hash(root_hash).ok_or(ParseCheckpointError::RootHash)?;
        if tree_size == 0 && root_hash != Hash::EMPTY_ROOT {
            return Err(ParseCheckpointError::EmptyTree);
        }
        Ok(Self {
            origin,
            head: TreeHead {
                tree_size,
                root_hash,
            },
        })
    }
}

/// Returns what an RFC 6962 log signs for a tree head at a time, in milliseconds since 1970: the
/// `TreeHeadSignature` of section 3.5.
pub fn rfc6962_signature_input(head: &TreeHead, timestamp_ms: u64) -> Vec<u8> {
    const V1_TREE_HASH: [u8; 2] = [0, 1];
    [
        &V1_TREE_HASH[..],
        &timestamp_ms.to_be_bytes(),
        &head.tree_size.to_be_bytes(),
        head.root_hash.as_bytes(),
    ]
    .concat()
}

/// Returns the id of a log's RFC 6962 key in its checkpoints.
pub fn rfc6962_key_id(origin: &Origin, log_id: &LogId) -> [u8; 4] {
    key_id(origin.key_name(), SignatureType::Rfc6962, log_id.as_bytes())
}

/// An RFC 6962 log's signature under its checkpoint: static-ct-api's `RFC6962NoteSignature`.
///
/// What is signed is [`rfc6962_signature_input`], so neither the origin nor any other line of the
/// text is covered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rfc6962NoteSignature {
    /// When the head was signed, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// The signature.
    pub signature: DigitallySigned,
}

impl Rfc6962NoteSignature {
    /// Returns the signature as a line of the log's note.
    pub fn to_note_signature(&self, origin: &Origin, log_id: &LogId) -> NoteSignature {
        NoteSignature {
            name: origin.key_name().clone(),
            key_id: rfc6962_key_id(origin, log_id),
            signature: self.encode(),
        }
    }

    /// Returns the bytes that follow the key id.
    pub fn encode(&self) -> Vec<u8> {
        [
            &self.timestamp_ms.to_be_bytes()[..],
            &self.signature.encode(),
        ]
        .concat()
    }

    /// Parses the bytes that follow the key id: a [`NoteSignature`]'s signature.
    ///
    /// # Errors
    ///
    /// When the bytes are no such signature.
    pub fn parse(signature: &[u8]) -> Result<Self, Rfc6962NoteSignatureError> {
        let (timestamp_ms, signature) = signature
            .split_first_chunk()
            .ok_or(Rfc6962NoteSignatureError::NoTimestamp)?;
        Ok(Self {
            timestamp_ms: u64::from_be_bytes(*timestamp_ms),
            signature: DigitallySigned::parse(signature)?,
        })
    }
}

pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    // `parse` alone would take a plus sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if canonical && digits {
        text.parse().ok()
    } else {
        None
    }
}

pub(crate) fn parse_hash(text: &str) -> Option<Hash> {
    Hash::try_from(STANDARD.decode(text).ok()?.as_slice()).ok()
}

/// Why a text is no checkpoint; each variant is the fault of whoever made it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseCheckpointError {
    /// A tree without leaves has one root only.
    #[error("the checkpoint states a tree without leaves, but not the empty tree's root hash")]
    EmptyTree,
    /// There are more or fewer lines than three.
    #[error("a checkpoint is three lines: origin, tree size, root hash")]
    Lines,
    /// The first line is no origin.
    #[error("the first line of the checkpoint is not the origin of a log")]
    Origin(#[source] OriginError),
    /// The third line is no hash.
    #[error("the third line of the checkpoint is not the base64 of 32 bytes")]
    RootHash,
    /// The second line is no size.
    #[error("the second line of the checkpoint is not a decimal number without leading zeros")]
    TreeSize,
}

/// Why bytes are no RFC 6962 signature of a note.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Rfc6962NoteSignatureError {
    /// They end before the timestamp does.
    #[error("the RFC 6962 note signature is shorter than its timestamp")]
    NoTimestamp,
    /// What follows the timestamp is no signature.
    #[error("the RFC 6962 note signature does not end in a signature")]
    Signature(#[from] ParseDigitallySignedError),
}

#[cfg(test)]
mod tests;
