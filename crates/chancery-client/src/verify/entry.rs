//! That the signature is in a ledger: entries of Rekor v2, and where those of v1 are dealt with.

mod body;

use std::collections::BTreeSet;

use chancery_tlog::{Hash, leaf_hash, verify_inclusion};

use super::checkpoint::VerifiedCheckpoint;
use super::error::{Check, VerifyError};
use super::rekor_v1;
use super::signature::Content;
use super::time::SignedTime;
use crate::bundle::TransparencyLogEntry;
use crate::trust::{TrustMaterial, TrustedLedger};

/// An entry of a trusted ledger: of this artifact, signature and certificate, and in the ledger's
/// tree by a proof to a checkpoint that the ledger signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifiedEntry {
    ledger: String,
    log_id: Vec<u8>,
    log_index: u64,
    kind: String,
}

impl VerifiedEntry {
    /// Makes the proof type. Only checks of entries may.
    pub(super) fn new(
        ledger: &TrustedLedger,
        entry: &TransparencyLogEntry,
        log_index: u64,
    ) -> Self {
        let kind = &entry.kind_version;
        Self {
            ledger: ledger.name.to_string(),
            log_id: ledger.id.clone(),
            log_index,
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

    /// Returns the place of the entry in the ledger.
    #[must_use]
    pub fn log_index(&self) -> u64 {
        self.log_index
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
    let mut unknown = 0;
    for entry in content.bundle.entries() {
        let mut named = trust.ledgers_named(&entry.log_id.key_id.0).peekable();
        if named.peek().is_none() {
            unknown += 1;
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
    Err(Check::Ledger.failed(match unknown {
        0 => format!("{has} trusted ledgers have the signature, {threshold} must"),
        _ => format!("its entries are of {unknown} ledgers that are not trusted"),
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
    let (origin, log_index) = verify_proof(ledger, entry)?;
    match origin == ledger.name.as_str() {
        true => Ok(VerifiedEntry::new(ledger, entry, log_index)),
        false => Err(Check::Checkpoint.failed(format_args!(
            "it is of {origin:.100}, and not of {}",
            ledger.name
        ))),
    }
}

/// Verifies that the entry's body is in the tree of a checkpoint that the ledger signed. Returns the
/// checkpoint's origin, and the place in that tree.
pub(super) fn verify_proof(
    ledger: &TrustedLedger,
    entry: &TransparencyLogEntry,
) -> Result<(String, u64), VerifyError> {
    let failed = |wrong: &dyn std::fmt::Display| Check::InclusionProof.failed(wrong);
    let proof = entry.inclusion_proof.as_ref();
    let proof = proof.ok_or_else(|| failed(&"the entry has no inclusion proof"))?;
    let checkpoint = proof.checkpoint.as_ref();
    let checkpoint =
        checkpoint.ok_or_else(|| Check::Checkpoint.failed("the proof has no checkpoint"))?;
    let checkpoint = VerifiedCheckpoint::verify(&checkpoint.envelope, ledger)
        .map_err(|wrong| Check::Checkpoint.failed(wrong))?;
    let head = checkpoint.head;
    if u64::try_from(proof.tree_size.0) != Ok(head.tree_size) {
        return Err(failed(
            &"the proof is to a tree of another size than the checkpoint's",
        ));
    }
    if proof.root_hash.0 != head.root_hash.as_bytes() {
        return Err(failed(
            &"the proof is to another root than the checkpoint's",
        ));
    }
    let hashes = proof.hashes.as_ref().map_or(&[][..], |hashes| &hashes.0);
    let hashes = hashes.iter().map(|hash| Hash::try_from(&hash.0[..]));
    let hashes = hashes
        .collect::<Result<Vec<_>, _>>()
        .map_err(|wrong| failed(&wrong))?;
    let index = u64::try_from(proof.log_index.0).map_err(|wrong| failed(&wrong))?;
    let leaf = leaf_hash(&entry.canonicalized_body.0);
    verify_inclusion(index, head.tree_size, &leaf, &hashes, &head.root_hash)
        .map_err(|wrong| failed(&wrong))?;
    // A ledger of Rekor v1 may have trees before the one of the proof; in v2 there is one.
    if !rekor_v1::is_one(entry) && entry.log_index != proof.log_index {
        return Err(failed(&"the entry gives another place than its proof"));
    }
    Ok((checkpoint.origin, index))
}
