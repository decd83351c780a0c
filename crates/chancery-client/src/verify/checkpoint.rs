//! The tree head that a ledger has signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_tlog::{Hash, SignedNote, TreeHead};

use crate::bundle::limits;
use crate::trust::TrustedLedger;

/// A checkpoint whose signature by a trusted ledger holds.
pub(crate) struct VerifiedCheckpoint {
    pub(crate) origin: String,
    pub(crate) head: TreeHead,
}

impl VerifiedCheckpoint {
    /// Verifies a checkpoint with a ledger's key. Which origin it must have is for the caller.
    ///
    /// Signatures of others, such as witnesses, may stand before and after the ledger's; what they
    /// say is not looked at.
    pub(crate) fn verify(envelope: &str, ledger: &TrustedLedger) -> Result<Self, String> {
        if envelope.len() > limits::CHECKPOINT_BYTES {
            return Err(format!(
                "it has more than {} bytes",
                limits::CHECKPOINT_BYTES
            ));
        }
        let note = SignedNote::parse(envelope.as_bytes()).map_err(|wrong| wrong.to_string())?;
        let (origin, head) = parse(note.text())?;
        let mut by_ledger = note
            .signatures()
            .iter()
            .filter(|line| line.name == ledger.name && line.key_id == ledger.key_id)
            .peekable();
        if by_ledger.peek().is_none() {
            return Err(format!(
                "none of its signatures is by the key of {}",
                ledger.name
            ));
        }
        let signed = |bytes: &[u8]| ledger.key.verify(note.text().as_bytes(), bytes).is_ok();
        match by_ledger.any(|line| signed(&line.signature)) {
            true => Ok(Self { origin, head }),
            false => Err(format!("the signature of {} is wrong", ledger.name)),
        }
    }
}

/// Reads origin, size and root. More lines may follow, none of them empty (C2SP, tlog-checkpoint).
fn parse(text: &str) -> Result<(String, TreeHead), String> {
    let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
    let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
        return Err("it is not origin, size and root hash, one a line".to_owned());
    };
    if origin.is_empty() || lines.any(str::is_empty) {
        return Err("it has no origin, or an empty line".to_owned());
    }
    let canonical = size == "0" || !size.starts_with('0');
    let digits = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
    let tree_size = size.parse().ok().filter(|_| canonical && digits);
    let tree_size = tree_size.ok_or("its second line is no size of a tree")?;
    let root = STANDARD.decode(root).ok();
    let root_hash = root.and_then(|root| Hash::try_from(&root[..]).ok());
    let root_hash = root_hash.ok_or("its third line is no root hash")?;
    let head = TreeHead {
        tree_size,
        root_hash,
    };
    Ok((origin.to_owned(), head))
}
