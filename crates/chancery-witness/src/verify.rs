//! Verifying cosignatures.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chancery_keys::{Algorithm, PublicKey};
use chancery_tlog::{Cosignature, NoteSignature, ParseCosignatureError, VerifierKey};

/// How far a witness's clock may be from ours.
const APART: Duration = Duration::from_secs(24 * 60 * 60);

/// A witness's key, ready to verify.
#[derive(Clone, Debug)]
pub(crate) struct CosignatureKey {
    pub(crate) verifier_key: VerifierKey,
    public_key: PublicKey,
}

/// Why a line is not the cosignature that it should be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadCosignature {
    /// The key does not sign cosignatures that can be read here.
    #[error("the key is no witness's: {0}")]
    Key(String),
    /// It is by another key.
    #[error("the line is not by the witness's key")]
    OtherKey,
    /// It is no cosignature.
    #[error(transparent)]
    Malformed(#[from] ParseCosignatureError),
    /// The signature does not verify over this checkpoint.
    #[error("the cosignature does not verify over the checkpoint")]
    Signature,
    /// It was made at another time.
    #[error("the cosignature's time, {timestamp_s}, is more than a day from this machine's")]
    Time {
        /// Seconds since 1970.
        timestamp_s: u64,
    },
}

/// Returns the 32 bytes of a witness's own key.
pub(crate) fn ed25519(key: &PublicKey) -> Result<[u8; 32], BadCosignature> {
    let bytes = key.subject_public_key().try_into();
    match (key.algorithm(), bytes) {
        (Algorithm::Ed25519, Ok(bytes)) => Ok(bytes),
        _ => Err(BadCosignature::Key(
            "a witness signs with Ed25519".to_owned(),
        )),
    }
}

/// Verifies that a line under a checkpoint is a cosignature by a witness's key, and returns it.
/// When it was made is not judged.
///
/// # Errors
///
/// Says what is wrong with it.
pub fn verify_cosignature(
    checkpoint_text: &str,
    line: &NoteSignature,
    key: &VerifierKey,
) -> Result<Cosignature, BadCosignature> {
    CosignatureKey::new(key)?.verify(checkpoint_text, line)
}

impl CosignatureKey {
    pub(crate) fn new(key: &VerifierKey) -> Result<Self, BadCosignature> {
        let VerifierKey::Cosignature { public_key, .. } = key else {
            return Err(BadCosignature::Key("its type is not 0x04".to_owned()));
        };
        let public_key =
            PublicKey::from_ed25519(public_key).map_err(|e| BadCosignature::Key(e.to_string()))?;
        Ok(Self {
            verifier_key: key.clone(),
            public_key,
        })
    }

    pub(crate) fn made(&self, line: &NoteSignature) -> bool {
        line.name == *self.verifier_key.name() && line.key_id == self.verifier_key.key_id()
    }

    pub(crate) fn verify(
        &self,
        checkpoint_text: &str,
        line: &NoteSignature,
    ) -> Result<Cosignature, BadCosignature> {
        if !self.made(line) {
            return Err(BadCosignature::OtherKey);
        }
        let cosignature = Cosignature::parse(&line.signature)?;
        let message = Cosignature::message(checkpoint_text, cosignature.timestamp_s);
        self.public_key
            .verify(&message, &cosignature.signature)
            .map_err(|_| BadCosignature::Signature)?;
        Ok(cosignature)
    }

    /// Verifies a cosignature that was made just now.
    pub(crate) fn verify_fresh(
        &self,
        checkpoint_text: &str,
        line: &NoteSignature,
        now: SystemTime,
    ) -> Result<Cosignature, BadCosignature> {
        let cosignature = self.verify(checkpoint_text, line)?;
        let timestamp_s = cosignature.timestamp_s;
        let now_s = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        match timestamp_s.abs_diff(now_s) <= APART.as_secs() {
            true => Ok(cosignature),
            false => Err(BadCosignature::Time { timestamp_s }),
        }
    }
}
