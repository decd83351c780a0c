//! Entries of Rekor v1, in which the public Sigstore kept its signatures before Rekor v2.
//!
//! ```text
//! promise   over {"body":base64(body),"integratedTime":…,"logID":hex(id),"logIndex":…}
//! proof     SHA-256(0x00 ‖ body) in the tree whose head the checkpoint signs
//! log id    SHA-256 of the log's key (SubjectPublicKeyInfo); its first four bytes name the key in
//!           checkpoints
//! ```
//! The promise is signed over the time as well, so it is a signed time; a proof says no time.
//! <https://github.com/sigstore/rekor/blob/main/openapi.yaml>

mod body;
mod promise;

use std::time::SystemTime;

use self::promise::VerifiedPromise;
use super::checkpoint::Naming;
use super::entry::VerifiedEntry;
use super::error::{Check, VerifyError};
use super::inclusion;
use super::signature::Content;
use crate::bundle::{TransparencyLogEntry, Version};
use crate::trust::{TrustMaterial, TrustedLedger};

/// Tells whether an entry is of a kind that Rekor v1 has.
pub(super) fn is_one(entry: &TransparencyLogEntry) -> bool {
    entry.kind_version.version != "0.0.2" || entry.kind_version.kind == "intoto"
}

/// Verifies the ledger's promise, and returns its time and what names the ledger; `None` if there is
/// no promise, or none of a trusted ledger. The ledger must count at that time.
pub(super) fn promised_time(
    trust: &TrustMaterial,
    entry: &TransparencyLogEntry,
) -> Option<Result<(SystemTime, String), VerifyError>> {
    let mut last = None;
    for ledger in trust.ledgers_named(&entry.log_id.key_id.0) {
        match VerifiedPromise::verify(ledger, entry) {
            Ok(Some(promise)) => return Some(Ok((promise.time, ledger.name.to_string()))),
            Ok(None) => return None,
            Err(wrong) => last = Some(Err(wrong)),
        }
    }
    last
}

/// Verifies an entry of a ledger that it names and that counts when it was signed: its body is of
/// this content, and it is in the ledger's tree; in a bundle of version 0.1, the promise is enough.
pub(super) fn verify(
    ledger: &TrustedLedger,
    entry: &TransparencyLogEntry,
    content: &Content<'_>,
) -> Result<VerifiedEntry, VerifyError> {
    body::require(entry, content).map_err(|wrong| {
        Check::EntryBody.failed(format_args!("the entry is not of this signature: {wrong}"))
    })?;
    let promise = VerifiedPromise::verify(ledger, entry)?;
    let (log_index, tree_index) = match (&entry.inclusion_proof, promise) {
        (Some(_), promise) => {
            if promise.is_none() && content.version == Version::V0_1 {
                return Err(Check::InclusionPromise
                    .failed("the entry has no promise, which bundles of version 0.1 must have"));
            }
            let in_tree = inclusion::verify_proof(ledger, entry, Naming::HostAndTree)?;
            // Nobody signs the place among all trees but the promise.
            let log_index = promise.map_or(in_tree, |promise| promise.log_index);
            (log_index, Some(in_tree))
        }
        (None, Some(promise)) if content.version == Version::V0_1 => (promise.log_index, None),
        (None, Some(_)) => {
            return Err(Check::InclusionProof.failed(
                "the entry has a promise and no proof, which bundles of version 0.1 may have only",
            ));
        }
        (None, None) => {
            return Err(Check::InclusionProof
                .failed("the entry has neither an inclusion promise nor an inclusion proof"));
        }
    };
    Ok(VerifiedEntry::new(ledger, entry, log_index, tree_index))
}

#[cfg(test)]
mod tests;
