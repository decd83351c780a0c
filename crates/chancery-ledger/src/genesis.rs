//! The first entry of a ledger: no client can deal with an entry whose index and proof are empty.

use std::time::SystemTime;

use chancery_keys::{GenerateKeyError, KeyType, LocalKey, SignError, Signer as _};
use chancery_log::{AppendError, Log, PublishedLog as _, ReadError};
use chancery_tlog::Origin;
use sha2::{Digest as _, Sha256};

use crate::KeyDetails;
use crate::acceptance::AcceptedEntry;
use crate::request::{EntryRequest, HashedRekordRequest, Verifier, VerifierMaterial};
use crate::verify::{EntryRefused, VerifiedEntry};

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
    if log.newest().await?.head().tree.tree_size > 0 {
        return Ok(());
    }
    let entry = AcceptedEntry::genesis(genesis(log.origin(), SystemTime::now()).await?);
    let terms = entry.terms();
    log.append(Box::new(entry), terms).await?;
    Ok(())
}

async fn genesis(origin: &Origin, now: SystemTime) -> Result<VerifiedEntry, GenesisError> {
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let sentence = format!("the ledger {origin} begins at {}\n", since.as_secs());
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
