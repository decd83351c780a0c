//! Checkpoints of Rekor v1: `HOST - TREE-ID`, size and root, perhaps more lines, signed by the log's
//! ECDSA key over the whole text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::PublicKey;
use chancery_tlog::{Hash, ParseNoteError, SignedNote, TreeHead};

/// Why a checkpoint does not count.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointError {
    /// It is no signed note.
    #[error("it is no signed note: {0}")]
    Note(#[from] ParseNoteError),
    /// Its text has no origin, size and root.
    #[error("its text is not an origin, a tree's size and its root")]
    Text,
    /// No signature is the log's.
    #[error("it is not signed by the log")]
    Signature,
}

/// Returns the head of the tree, if the log has signed it. Lines of others do not matter.
pub(super) fn verify(envelope: &str, key: &PublicKey) -> Result<TreeHead, CheckpointError> {
    let note = SignedNote::parse(envelope.as_bytes())?;
    let id = key.sha256();
    let mut lines = note.signatures().iter();
    let is_signed = lines.any(|line| {
        let is_by_key = id.starts_with(&line.key_id);
        is_by_key && key.verify(note.text().as_bytes(), &line.signature).is_ok()
    });
    if !is_signed {
        return Err(CheckpointError::Signature);
    }
    head(note.text()).ok_or(CheckpointError::Text)
}

fn head(text: &str) -> Option<TreeHead> {
    let mut lines = text.lines();
    let origin = lines.next()?;
    let size = lines.next()?;
    let is_number = size.bytes().all(|byte| byte.is_ascii_digit());
    if origin.is_empty() || !is_number || (size.len() > 1 && size.starts_with('0')) {
        return None;
    }
    let root = STANDARD.decode(lines.next()?).ok()?;
    Some(TreeHead {
        tree_size: size.parse().ok()?,
        root_hash: Hash::from_bytes(root.try_into().ok()?),
    })
}
