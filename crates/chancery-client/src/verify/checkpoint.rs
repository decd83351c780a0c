//! The tree head that a ledger has signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_tlog::{Hash, SignedNote, TreeHead};

use crate::bundle::limits;
use crate::trust::TrustedLedger;

/// A checkpoint whose signature by a trusted ledger holds.
pub(crate) struct VerifiedCheckpoint {
    pub(crate) head: TreeHead,
}

/// How a checkpoint names whose it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Naming {
    /// By the ledger's name, as origin and as the key's name: Rekor v2.
    Ledger,
    /// By `HOST - TREE-ID` as origin, and `HOST` as the key's name: Rekor v1. Which host is for the
    /// server's configuration to say and may not be the URL's; whose it is, the key says.
    HostAndTree,
}

impl VerifiedCheckpoint {
    /// Verifies a checkpoint with a ledger's key.
    ///
    /// Signatures of others, such as witnesses, may stand before and after the ledger's; what they
    /// say is not looked at.
    pub(crate) fn verify(
        envelope: &str,
        ledger: &TrustedLedger,
        naming: Naming,
    ) -> Result<Self, String> {
        let note = SignedNote::parse(envelope.as_bytes()).map_err(|wrong| wrong.to_string())?;
        let (origin, head) = parse(note.text())?;
        let ledger_name = ledger.name.as_str();
        let signer = match naming {
            Naming::Ledger => ledger_name,
            Naming::HostAndTree => host(&origin).ok_or("its origin is not HOST - TREE-ID")?,
        };
        let mut by_ledger = note
            .signatures()
            .iter()
            .filter(|line| line.name.as_str() == signer && line.key_id == ledger.key_id)
            .peekable();
        if by_ledger.peek().is_none() {
            return Err(format!("none of its signatures is by the key of {signer}"));
        }
        let signed = |bytes: &[u8]| ledger.key.verify(note.text().as_bytes(), bytes).is_ok();
        let mut tried = by_ledger.take(limits::CHECKPOINT_SIGNATURES);
        if !tried.any(|line| signed(&line.signature)) {
            return Err(format!("the signature of {signer} is wrong"));
        }
        if naming == Naming::Ledger && origin != ledger_name {
            return Err(format!("it is of {origin:.100}, and not of {ledger_name}"));
        }
        Ok(Self { head })
    }
}

/// Returns the host of an origin `HOST - TREE-ID`.
fn host(origin: &str) -> Option<&str> {
    let (host, tree) = origin.rsplit_once(" - ")?;
    is_number(tree).then_some(host)
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
    let tree_size = size.parse().ok().filter(|_| canonical && is_number(size));
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

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
