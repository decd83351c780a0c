//! The first entry of a ledger: no client can deal with an entry whose index and proof are empty.

use std::ops::Range;
use std::time::SystemTime;

use chancery_keys::{GenerateKeyError, HashAlgorithm, KeyType, LocalKey, SignError, Signer as _};
use chancery_log::{AppendError, EncodedLeaf, Leaf, Log, ReadError};
use chancery_tlog::ct::LeafIndex;
use chancery_tlog::{Hash, Origin};
use sha2::{Digest as _, Sha256};

use crate::KeyDetails;
use crate::acceptance::AcceptedEntry;
use crate::request::{EntryRequest, HashedRekordRequest, Verifier, VerifierMaterial};
use crate::verify::{EntryKind, EntryRefused, VerifiedEntry};

/// Why a ledger was not begun.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// No key was made.
    #[error(transparent)]
    Key(#[from] GenerateKeyError),
    /// The key did not sign.
    #[error("the first entry could not be signed")]
    Sign(#[from] SignError),
    /// The entry was refused: a defect of this program.
    #[error(transparent)]
    Entry(#[from] EntryRefused),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log did not take it.
    #[error("the log did not take the first entry")]
    Append(#[from] AppendError),
}

/// Appends the first entry to a log that has none: protobuf's JSON leaves out zeros and empty lists,
/// so bundles with entry 0 lack fields that clients insist on.
///
/// It is an entry like any other, over the SHA-256 of a sentence with the log's origin, by a key that
/// nobody keeps.
///
/// # Errors
///
/// When the log cannot be read, or does not take it.
pub async fn append_genesis(log: &Log) -> Result<(), GenesisError> {
    // The published head is not to be had while witnesses that are required are away.
    if log.stored_head().await?.tree.tree_size > 0 {
        return Ok(());
    }
    let entry = AcceptedEntry::genesis(genesis(log.origin(), SystemTime::now()).await?);
    let terms = entry.terms();
    match log.append(Box::new(FirstEntry(entry)), terms).await {
        // Another process was faster.
        Ok(_) | Err(AppendError::AlreadyLogged) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// An entry that a log has as its first, or not at all: of two processes that find a log empty, one
/// begins it.
#[derive(Debug)]
struct FirstEntry(AcceptedEntry);

impl Leaf for FirstEntry {
    fn encode(&self, leaf_index: LeafIndex, timestamp_ms: u64) -> EncodedLeaf {
        self.0.encode(leaf_index, timestamp_ms)
    }

    fn only_once(&self) -> Option<Hash> {
        self.0.only_once()
    }

    fn only_first(&self) -> bool {
        true
    }
}

async fn genesis(origin: &Origin, now: SystemTime) -> Result<VerifiedEntry, GenesisError> {
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let sentence = sentence(origin.as_str(), since.as_secs());
    let key = LocalKey::generate(KeyType::P256)?;
    let signature = key.sign(sentence.as_bytes()).await?;
    let request = HashedRekordRequest {
        digest: Sha256::digest(&sentence).to_vec(),
        signature,
        verifier: Verifier {
            material: VerifierMaterial::PublicKey(key.public_key().spki_der().to_vec()),
            key_details: KeyDetails::P256,
        },
    };
    Ok(EntryRequest::HashedRekord(request).verify()?)
}

fn sentence(origin: &str, seconds: u64) -> String {
    format!("the ledger {origin} begins at {seconds}\n")
}

/// Checks that a body is the first entry of the ledger of an origin, made at one of these times in
/// seconds since the Unix epoch.
pub(crate) fn is_genesis(body: &[u8], origin: &str, mut made: Range<u64>) -> Result<(), String> {
    let entry = VerifiedEntry::from_body(body)?;
    let (hash, digest) = entry.artifact();
    let says = |seconds| *Sha256::digest(sentence(origin, seconds)) == *digest;
    let of_kind = entry.kind() == EntryKind::HashedRekord
        && entry.certificate().is_none()
        && hash == HashAlgorithm::Sha256;
    match of_kind && made.any(says) {
        true => Ok(()),
        false => Err(format!(
            "it is not the sentence that the ledger {origin} begins with"
        )),
    }
}
