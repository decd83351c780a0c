//! The [`Signer`] trait: the one thing that the rest of Chancery can do with a private key.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::PublicKey;

/// A private key, wherever it is kept.
///
/// Implementations sign concurrently: callers share one signer and do not queue. An error means
/// that no signature left the signer; the caller may try again.
#[async_trait]
pub trait Signer: Debug + Send + Sync {
    /// Returns the public half, which fixes the algorithm of every signature.
    fn public_key(&self) -> &PublicKey;

    /// Signs `message`, which is not hashed yet, with the algorithm of
    /// [`public_key`](Self::public_key). ECDSA answers ASN.1 DER.
    ///
    /// # Errors
    /// [`SignError::Unavailable`] is worth a retry, [`SignError::Failed`] is not.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// Why a signer made no signature.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SignError {
    /// The key was there, and the operation failed: a fault of the library, the device or the
    /// service, which trying again does not cure.
    #[error("the signing key made no signature: {reason}")]
    Failed {
        /// What the key's keeper said, free of secrets.
        reason: String,
    },
    /// The key could not be reached. A key in this process is always there; one kept elsewhere
    /// may be back later.
    #[error("the signing key cannot be reached: {reason}")]
    Unavailable {
        /// What stood in the way, free of secrets.
        reason: String,
    },
}
