//! That the signature is in a ledger: entries of Rekor v2, and where those of v1 are dealt with.

mod body;

use std::collections::BTreeSet;

use super::error::{Check, VerifyError};
use super::signature::Content;
use super::time::SignedTime;
use super::{inclusion, rekor_v1};
use crate::bundle::TransparencyLogEntry;
use crate::trust::{TrustMaterial, TrustedLedger};

/// An entry of a trusted ledger: of this artifact, signature and certificate, and in the ledger's
/// tree by a proof to a checkpoint that the ledger signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifiedEntry {
    ledger: String,
    log_id: Vec<u8>,
    log_index: u64,
    tree_index: Option<u64>,
    kind: String,
}

impl VerifiedEntry {
    /// Makes the proof type. Only checks of entries may.
    pub(super) fn new(
        ledger: &TrustedLedger,
        entry: &TransparencyLogEntry,
        log_index: u64,
        tree_index: Option<u64>,
    ) -> Self {
        let kind = &entry.kind_version;
        Self {
            ledger: ledger.name.to_string(),
            log_id: ledger.id.clone(),
            log_index,
            tree_index,
            kind: format!("{} {}", kind.kind, kind.version),
        }
    }

    /// Returns the host of the ledger's URL.
    #[must_use]
    pub fn ledger(&self) -> &str {
        &self.ledger
    }

    /// Returns what the trusted root names the ledger by.
    #[must_use]
    pub fn log_id(&self) -> &[u8] {
        &self.log_id
    }

    /// Returns the place of the entry in the ledger. In Rekor v1 it is the one that the ledger
    /// promised, which counts the trees before its own as well; without a promise it is
    /// [`VerifiedEntry::tree_index`], since nobody has signed the other.
    #[must_use]
    pub fn log_index(&self) -> u64 {
        self.log_index
    }

    /// Returns the place in the ledger's tree that the proof is of; `None` if the entry has a
    /// promise alone.
    #[must_use]
    pub fn tree_index(&self) -> Option<u64> {
        self.tree_index
    }

    /// Returns the kind and version of the entry, such as `hashedrekord 0.0.2`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }
}

/// Verifies the entries. Those of ledgers that are not trusted do not count; one that is wrong
/// refuses the bundle.
pub(super) fn verify(
    trust: &TrustMaterial,
    content: &Content<'_>,
    times: &[SignedTime],
    threshold: usize,
) -> Result<Vec<VerifiedEntry>, VerifyError> {
    let mut verified: Vec<VerifiedEntry> = Vec::new();
    let mut unknown: BTreeSet<&[u8]> = BTreeSet::new();
    for entry in content.bundle.entries() {
        let mut named = trust.ledgers_named(&entry.log_id.key_id.0).peekable();
        if named.peek().is_none() {
            unknown.insert(&entry.log_id.key_id.0);
            continue;
        }
        let counts = |ledger: &&TrustedLedger| {
            let mut times = times.iter();
            times.all(|time| ledger.window.holds(time.time()))
        };
        let ledger = named.find(counts).ok_or_else(|| {
            Check::Ledger.failed("the entry's ledger did not count when it was signed")
        })?;
        let entry = match rekor_v1::is_one(entry) {
            true => rekor_v1::verify(ledger, entry, content)?,
            false => verify_one(ledger, entry, content)?,
        };
        verified.push(entry);
    }
    let ledgers: BTreeSet<&[u8]> = verified.iter().map(VerifiedEntry::log_id).collect();
    if ledgers.len() >= threshold {
        return Ok(verified);
    }
    let has = ledgers.len();
    let few = format!("{has} trusted ledgers have the signature, {threshold} must");
    Err(Check::Ledger.failed(match unknown.len() {
        0 => few,
        unknown => format!("{few}; others are of {unknown} ledgers that are not trusted"),
    }))
}

/// Verifies an entry of Rekor v2.
fn verify_one(
    ledger: &TrustedLedger,
    entry: &TransparencyLogEntry,
    content: &Content<'_>,
) -> Result<VerifiedEntry, VerifyError> {
    body::verify(entry, content).map_err(|fault| match fault {
        body::Fault::Other(why) => Check::EntryBody.failed(why),
        body::Fault::Content(error) => error,
    })?;
    let log_index = inclusion::verify(ledger, entry)?;
    Ok(VerifiedEntry::new(
        ledger,
        entry,
        log_index,
        Some(log_index),
    ))
}
