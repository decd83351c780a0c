//! That an entry is in a ledger's tree: its proof, and the checkpoint that the proof leads to.

use chancery_tlog::{Hash, leaf_hash, verify_inclusion};

use super::checkpoint::{Naming, VerifiedCheckpoint};
use super::error::{Check, VerifyError};
use crate::bundle::TransparencyLogEntry;
use crate::trust::TrustedLedger;

/// Verifies the inclusion of an entry of Rekor v2, and returns its place in the ledger, which has one
/// tree and names it by its own name.
pub(crate) fn verify(
    ledger: &TrustedLedger,
    entry: &TransparencyLogEntry,
) -> Result<u64, VerifyError> {
    let index = verify_proof(ledger, entry, Naming::Ledger)?;
    match u64::try_from(entry.log_index.0) == Ok(index) {
        true => Ok(index),
        false => Err(Check::InclusionProof.failed("the entry gives another place than its proof")),
    }
}

/// Verifies that the entry's body is in the tree of a checkpoint that the ledger signed, and returns
/// the place in that tree.
pub(super) fn verify_proof(
    ledger: &TrustedLedger,
    entry: &TransparencyLogEntry,
    naming: Naming,
) -> Result<u64, VerifyError> {
    let failed = |wrong: &dyn std::fmt::Display| Check::InclusionProof.failed(wrong);
    let proof = entry.inclusion_proof.as_ref();
    let proof = proof.ok_or_else(|| failed(&"the entry has no inclusion proof"))?;
    let checkpoint = proof.checkpoint.as_ref();
    let checkpoint =
        checkpoint.ok_or_else(|| Check::Checkpoint.failed("the proof has no checkpoint"))?;
    let checkpoint = VerifiedCheckpoint::verify(&checkpoint.envelope.0, ledger, naming)
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
    Ok(index)
}
