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
mod checkpoint;
mod entry;
mod promise;

use std::time::SystemTime;

use chancery_keys::HashAlgorithm;

use self::entry::{Entry, EntryError, Proof, TrustedLog};
use super::entry::VerifiedEntry;
use super::error::{Check, VerifyError};
use super::signature::{Content, What};
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
    entry.inclusion_promise.as_ref()?;
    let mut last = None;
    for ledger in trust.ledgers_named(&entry.log_id.key_id.0) {
        let promised = read(entry, &hashes(entry)).and_then(|read| {
            let promised = read.promised_at(&trusted(ledger));
            promised.map_err(|wrong| failed(&wrong))
        });
        match promised {
            Ok(Some(time)) => return Some(Ok((time, ledger.name.to_string()))),
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
    let digests = match &content.what {
        What::Message(artifact) => [
            ("sha256", HashAlgorithm::Sha256),
            ("sha384", HashAlgorithm::Sha384),
            ("sha512", HashAlgorithm::Sha512),
        ]
        .into_iter()
        .filter_map(|(name, algorithm)| Some((name, artifact.digest(algorithm)?)))
        .collect(),
        What::Envelope { .. } => Vec::new(),
    };
    let signed = body::Signed {
        content: match &content.what {
            What::Message(_) => body::Content::Artifact(&digests),
            What::Envelope { payload, .. } => body::Content::Payload(payload),
        },
        signature: content.signature,
        certificate: content.leaf.der,
    };
    let hashes = hashes(entry);
    let proven = read(entry, &hashes)?.verify(&[trusted(ledger)], &signed);
    let proven = proven.map_err(|wrong| failed(&wrong))?;
    let version = Version::of(&content.bundle.media_type);
    if !proven.is_included && version != Some(Version::V0_1) {
        let why =
            "the entry has a promise and no proof, which bundles of version 0.1 may have only";
        return Err(Check::InclusionProof.failed(why));
    }
    let index = u64::try_from(entry.log_index.0).unwrap_or_default();
    Ok(VerifiedEntry::new(ledger, entry, index))
}

fn trusted(ledger: &TrustedLedger) -> TrustedLog<'_> {
    TrustedLog {
        key: &ledger.key,
        window: ledger.window,
    }
}

fn hashes(entry: &TransparencyLogEntry) -> Vec<Vec<u8>> {
    let hashes = entry
        .inclusion_proof
        .as_ref()
        .and_then(|proof| proof.hashes.as_ref());
    let hashes = hashes.map_or(&[][..], |hashes| &hashes.0);
    hashes.iter().map(|hash| hash.0.clone()).collect()
}

/// Takes the entry's parts out of the bundle.
fn read<'a>(
    entry: &'a TransparencyLogEntry,
    hashes: &'a [Vec<u8>],
) -> Result<Entry<'a>, VerifyError> {
    let number = |number: i64| {
        u64::try_from(number).map_err(|_| Check::InclusionProof.failed("a number is negative"))
    };
    let proof = match &entry.inclusion_proof {
        None => None,
        Some(proof) => {
            let checkpoint = proof.checkpoint.as_ref();
            let checkpoint = checkpoint
                .ok_or_else(|| Check::Checkpoint.failed("the proof has no checkpoint"))?;
            Some(Proof {
                index: number(proof.log_index.0)?,
                tree_size: number(proof.tree_size.0)?,
                root_hash: &proof.root_hash.0,
                hashes,
                checkpoint: &checkpoint.envelope,
            })
        }
    };
    let promise = entry.inclusion_promise.as_ref();
    let kind = &entry.kind_version;
    Ok(Entry {
        log_index: number(entry.log_index.0)?,
        log_id: &entry.log_id.key_id.0,
        kind: (&kind.kind, &kind.version),
        integrated_time: entry.integrated_time.as_ref().map_or(0, |time| time.0),
        promise: promise.map(|promise| &promise.signed_entry_timestamp.0[..]),
        proof,
        body: &entry.canonicalized_body.0,
    })
}

fn failed(wrong: &EntryError) -> VerifyError {
    let check = match wrong {
        EntryError::UnknownLog | EntryError::Window => Check::Ledger,
        EntryError::Unproven | EntryError::Proof(_) | EntryError::OtherTree => {
            Check::InclusionProof
        }
        EntryError::Promise | EntryError::Time => Check::InclusionPromise,
        EntryError::Checkpoint(_) => Check::Checkpoint,
        EntryError::Body(_) => Check::EntryBody,
    };
    check.failed(wrong)
}

#[cfg(test)]
mod tests;
