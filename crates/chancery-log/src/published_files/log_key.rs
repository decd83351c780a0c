//! The key of a log, by which its checkpoints are known.

use chancery_keys::{PublicKey, PublicKeyError};
use chancery_tlog::{Checkpoint, Origin, SignatureType, SignedNote, VerifierKey, key_id};

use super::{CheckpointError, verify_checkpoint};
use crate::{Form, Head};

/// What stands before the 32 bytes of an Ed25519 key in its `SubjectPublicKeyInfo` (RFC 8410).
const ED25519_SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// A log's key, and what it signs.
#[derive(Clone, Debug)]
pub enum LogKey {
    /// An RFC 6962 log's, whose checkpoints static-ct-api lays out (signature type 5).
    Rfc6962 {
        /// The key.
        key: PublicKey,
        /// The checkpoint's first line, where it is known.
        origin: Option<Origin>,
    },
    /// An Ed25519 key, which signs the text of a checkpoint (signature type 1).
    Ed25519 {
        /// The key.
        key: PublicKey,
        /// The checkpoint's first line, which is the key's name.
        origin: Origin,
    },
}

/// Why a text is not the key of a log.
#[derive(Debug, thiserror::Error)]
pub enum LogKeyError {
    /// The key itself is none.
    #[error(transparent)]
    Key(#[from] PublicKeyError),
    /// The name of the key is no origin that is understood here.
    #[error("the name of the key is no origin")]
    Origin(#[from] chancery_tlog::OriginError),
    /// It is a witness's key, which signs other logs' checkpoints.
    #[error("the key is a witness's, not a log's")]
    Witness,
}

impl LogKey {
    /// Takes a verifier key (c2sp.org/signed-note), whose name is the log's origin.
    ///
    /// # Errors
    ///
    /// When the key or the origin is one that cannot be used.
    pub fn of_verifier_key(key: &VerifierKey) -> Result<Self, LogKeyError> {
        let origin = Origin::parse(key.name().as_str())?;
        Ok(match key {
            VerifierKey::Ed25519 { public_key, .. } => Self::Ed25519 {
                key: PublicKey::from_spki_der(&[&ED25519_SPKI[..], public_key].concat())?,
                origin,
            },
            VerifierKey::Rfc6962 { spki_der, .. } => Self::Rfc6962 {
                key: PublicKey::from_spki_der(spki_der)?,
                origin: Some(origin),
            },
            VerifierKey::Cosignature { .. } => return Err(LogKeyError::Witness),
        })
    }

    /// Returns how a log with such a key lays out its entries.
    pub fn form(&self) -> Form {
        match self {
            Self::Rfc6962 { .. } => Form::StaticCt,
            Self::Ed25519 { .. } => Form::TlogTiles,
        }
    }

    /// Verifies a checkpoint and returns its origin and head. A checkpoint with an Ed25519 signature
    /// states no time: its head's is 0.
    ///
    /// # Errors
    ///
    /// When it is not the log's: see [`CheckpointError`].
    pub fn verify(&self, checkpoint: &[u8]) -> Result<(Origin, Head), CheckpointError> {
        let (key, origin) = match self {
            Self::Rfc6962 { key, origin } => {
                return verify_checkpoint(checkpoint, key, origin.as_ref());
            }
            Self::Ed25519 { key, origin } => (key, origin),
        };
        let note = SignedNote::parse(checkpoint)?;
        let parsed = Checkpoint::parse(note.text())?;
        if parsed.origin != *origin {
            return Err(CheckpointError::Origin {
                found: parsed.origin,
                wanted: origin.clone(),
            });
        }
        let name = origin.key_name();
        let id = key_id(name, SignatureType::Ed25519, key.subject_public_key());
        let line = note.signature_by(name, id);
        let line = line.ok_or(CheckpointError::Signature)?;
        key.verify(note.text().as_bytes(), &line.signature)
            .map_err(|_| CheckpointError::Signature)?;
        let tree = parsed.head;
        super::require_possible(&tree)?;
        let head = Head {
            tree,
            timestamp_ms: 0,
        };
        Ok((parsed.origin, head))
    }
}
