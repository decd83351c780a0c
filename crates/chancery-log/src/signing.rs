//! The signatures of the log's own keys under a head, as its kind has them.

use std::fmt::Display;
use std::sync::Arc;

use chancery_keys::{Algorithm, PublicKey, SignError, Signer};
use chancery_tlog::ct::{DigitallySigned, LogId};
use chancery_tlog::{
    Checkpoint, NoteSignature, Origin, Rfc6962NoteSignature, SignatureType, SignedNote, key_hash,
    key_id, rfc6962_signature_input,
};

use crate::publisher::PublishError;
use crate::snapshot::SignedHead;
use crate::store::Head;

/// What kind of log it is, and the keys that sign for such a one.
#[derive(Clone, Debug)]
pub enum LogKeys {
    /// A log of issued certificates (RFC 6962, c2sp.org/static-ct-api).
    Issuance {
        /// The log's P-256 key, which signs SCTs and tree heads.
        signer: Arc<dyn Signer>,
        /// The log's Ed25519 key, for the line that witnesses read.
        witness_signer: Arc<dyn Signer>,
    },
    /// A log of anything (c2sp.org/tlog-tiles), such as a ledger: one Ed25519 key signs its
    /// checkpoints, and nothing else is signed.
    Plain {
        /// The log's Ed25519 key.
        signer: Arc<dyn Signer>,
    },
}

/// The log's keys and name.
#[derive(Debug)]
pub(crate) struct HeadSigner {
    pub(crate) origin: Origin,
    pub(crate) log_id: LogId,
    keys: LogKeys,
}

impl HeadSigner {
    /// Takes the keys, of which only these types make signatures that clients read: RFC 6962,
    /// section 2.1.4 (RSA, which it also knows, is refused by clients), and c2sp.org/tlog-witness.
    pub(crate) fn new(origin: Origin, keys: LogKeys) -> Result<Self, PublishError> {
        let require = |what: &str, key: &dyn Signer, wanted| {
            let found = key.public_key().algorithm();
            match found == wanted {
                true => Ok(()),
                false => Err(PublishError::Encode(format!(
                    "{what} with {wanted}, and the key is for {found}"
                ))),
            }
        };
        let log_id = match &keys {
            LogKeys::Issuance {
                signer,
                witness_signer,
            } => {
                require("a log signs", &**signer, Algorithm::EcdsaP256Sha256)?;
                let what = "a log signs for witnesses";
                require(what, &**witness_signer, Algorithm::Ed25519)?;
                LogId::of_spki(signer.public_key().spki_der())
            }
            LogKeys::Plain { signer } => {
                require("a ledger signs", &**signer, Algorithm::Ed25519)?;
                plain_log_id(&origin, signer.public_key())
            }
        };
        Ok(Self {
            log_id,
            origin,
            keys,
        })
    }

    /// Returns the key that the log is known by.
    pub(crate) fn key(&self) -> &dyn Signer {
        let (LogKeys::Issuance { signer, .. } | LogKeys::Plain { signer }) = &self.keys;
        &**signer
    }

    /// Returns the key that signs SCTs, where the log gives any.
    pub(crate) fn sct_key(&self) -> Option<&dyn Signer> {
        match &self.keys {
            LogKeys::Issuance { signer, .. } => Some(&**signer),
            LogKeys::Plain { .. } => None,
        }
    }

    /// Signs a head with every key. An RFC 6962 line is the first: some clients look no further.
    pub(crate) async fn sign(&self, head: Head) -> Result<(SignedHead, SignedNote), PublishError> {
        let body = Checkpoint {
            origin: self.origin.clone(),
            head: head.tree,
        }
        .body();
        let (signature, lines) = match &self.keys {
            LogKeys::Issuance {
                signer,
                witness_signer,
            } => {
                let signature = tree_head_signature(&**signer, &head).await?;
                let line = Rfc6962NoteSignature {
                    timestamp_ms: head.timestamp_ms,
                    signature: signature.clone(),
                };
                let lines = vec![
                    line.to_note_signature(&self.origin, &self.log_id),
                    ed25519_line(&**witness_signer, &self.origin, &body).await?,
                ];
                (Some(signature), lines)
            }
            LogKeys::Plain { signer } => {
                let line = ed25519_line(&**signer, &self.origin, &body).await?;
                (None, vec![line])
            }
        };
        let note = SignedNote::new(body, lines).map_err(|e| encode(&e))?;
        let signed = SignedHead {
            head,
            signature,
            checkpoint: note.encode().into(),
        };
        Ok((signed, note))
    }
}

async fn tree_head_signature(
    key: &dyn Signer,
    head: &Head,
) -> Result<DigitallySigned, PublishError> {
    let input = rfc6962_signature_input(&head.tree, head.timestamp_ms);
    let signature = key.sign(&input).await?;
    DigitallySigned::sha256_ecdsa(signature).map_err(|e| encode(&e))
}

/// Returns the id of a log whose checkpoints an Ed25519 key signs: the whole hash of which the key's
/// id in notes is the beginning (c2sp.org/signed-note), as Sigstore's clients name Rekor v2 logs.
pub fn plain_log_id(origin: &Origin, key: &PublicKey) -> LogId {
    let (name, key) = (origin.key_name(), key.subject_public_key());
    LogId::from_bytes(key_hash(name, SignatureType::Ed25519, key))
}

/// Signs the text of a log's note as c2sp.org/signed-note has it for Ed25519, which the key is for.
///
/// # Errors
///
/// When the key makes no signature.
pub async fn ed25519_line(
    key: &dyn Signer,
    origin: &Origin,
    body: &str,
) -> Result<NoteSignature, SignError> {
    let name = origin.key_name();
    let public_key = key.public_key().subject_public_key();
    Ok(NoteSignature {
        name: name.clone(),
        key_id: key_id(name, SignatureType::Ed25519, public_key),
        signature: key.sign(body.as_bytes()).await?,
    })
}

fn encode(error: &dyn Display) -> PublishError {
    PublishError::Encode(error.to_string())
}
