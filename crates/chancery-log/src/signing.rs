//! The signatures of the log's own two keys under a head.

use std::fmt::Display;
use std::sync::Arc;

use chancery_keys::{Algorithm, SignError, Signer};
use chancery_tlog::ct::{DigitallySigned, LogId};
use chancery_tlog::{
    Checkpoint, NoteSignature, Origin, Rfc6962NoteSignature, SignatureType, SignedNote, key_id,
    rfc6962_signature_input,
};

use crate::publisher::PublishError;
use crate::snapshot::SignedHead;
use crate::store::Head;

/// The log's keys and name.
#[derive(Debug)]
pub(crate) struct HeadSigner {
    pub(crate) origin: Origin,
    pub(crate) log_id: LogId,
    /// The log's P-256 key, which signs SCTs and tree heads (RFC 6962, sections 3.2 and 3.5).
    pub(crate) key: Arc<dyn Signer>,
    /// The log's Ed25519 key: the one kind that every reader of notes and every witness knows.
    witness_key: Arc<dyn Signer>,
}

impl HeadSigner {
    /// Takes the keys, of which only these types make signatures that clients read: RFC 6962,
    /// section 2.1.4 (RSA, which it also knows, is refused by clients), and c2sp.org/tlog-witness.
    pub(crate) fn new(
        origin: Origin,
        key: Arc<dyn Signer>,
        witness_key: Arc<dyn Signer>,
    ) -> Result<Self, PublishError> {
        let found = key.public_key().algorithm();
        if found != Algorithm::EcdsaP256Sha256 {
            return Err(PublishError::Encode(format!(
                "a log signs with ECDSA P-256 and SHA-256, and its key is for {found}"
            )));
        }
        let found = witness_key.public_key().algorithm();
        if found != Algorithm::Ed25519 {
            return Err(PublishError::Encode(format!(
                "a log signs for witnesses with Ed25519, and that key is for {found}"
            )));
        }
        Ok(Self {
            log_id: LogId::of_spki(key.public_key().spki_der()),
            origin,
            key,
            witness_key,
        })
    }

    /// Signs a head with both keys. The RFC 6962 line is the first: some clients look no further.
    pub(crate) async fn sign(&self, head: Head) -> Result<(SignedHead, SignedNote), PublishError> {
        let input = rfc6962_signature_input(&head.tree, head.timestamp_ms);
        let signature = self.key.sign(&input).await?;
        let signature = DigitallySigned::sha256_ecdsa(signature).map_err(|e| encode(&e))?;
        let body = Checkpoint {
            origin: self.origin.clone(),
            head: head.tree,
        }
        .body();
        let lines = vec![
            Rfc6962NoteSignature {
                timestamp_ms: head.timestamp_ms,
                signature: signature.clone(),
            }
            .to_note_signature(&self.origin, &self.log_id),
            ed25519_line(&*self.witness_key, &self.origin, &body).await?,
        ];
        let note = SignedNote::new(body, lines).map_err(|e| encode(&e))?;
        let signed = SignedHead {
            head,
            signature,
            checkpoint: note.encode().into(),
        };
        Ok((signed, note))
    }
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
