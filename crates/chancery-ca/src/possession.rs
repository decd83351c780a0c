//! Proof that the caller holds the private key: a signature over their name, or a signed request.

mod csr;
mod pem_block;

use chancery_identity::Principal;
use chancery_keys::{Algorithm, HashAlgorithm, KeyType, PublicKey, PublicKeyError};
use const_oid::db::rfc5912;
use der::Encode;
use der::asn1::{AnyRef, BitStringRef};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use crate::key_policy::{KeyPolicy, refused_length};

/// What a caller sends to show that they hold a key.
#[derive(Debug)]
pub enum PossessionRequest {
    /// A certificate signing request (RFC 2986) in PEM. Only its key and signature count. An empty
    /// one is as good as none.
    Csr(Vec<u8>),
    /// Neither a key nor a request.
    Missing,
    /// A public key and a signature over the principal's name.
    PublicKey {
        /// The key: PEM, `PUBLIC KEY` (RFC 5280) or `RSA PUBLIC KEY` (RFC 8017), or a DER
        /// `SubjectPublicKeyInfo`.
        content: Vec<u8>,
        /// The signature, made with the hash that goes with the key.
        proof: Vec<u8>,
    },
}

/// A public key whose holder proved to have the private one. Only
/// [`PossessionRequest::verify`] makes it.
#[derive(Debug)]
pub struct ProvenKey(PublicKey);

/// Why possession was not proven.
#[derive(Debug, thiserror::Error)]
pub enum PossessionError {
    /// The operator blocked the key.
    #[error("the operator of this server has blocked this key; make a new one")]
    BlockedKey,
    /// Too many keys wait for the check that takes longest; this one is not at fault.
    #[error("too many RSA keys wait to be checked; try again, or use an ECDSA key")]
    Busy,
    /// The signing request cannot be read.
    #[error("{0}")]
    Csr(String),
    /// The key is of a kind or size that is refused.
    #[error("{0}")]
    InsecureKey(String),
    /// The key cannot be read.
    #[error("{0}")]
    Key(String),
    /// The operator did not permit this kind of key with this hash.
    #[error("{found}; this server permits {permitted}")]
    NotPermitted {
        /// Key and hash as Fulcio writes them, and ours.
        found: String,
        /// What is permitted, by Fulcio's names.
        permitted: String,
    },
    /// The signature does not verify.
    #[error("{0}")]
    Proof(String),
    /// The signing request is signed well, but in a way that Fulcio does not know.
    #[error("{0}; sign the request with ECDSA, Ed25519 or RSA PKCS#1 v1.5")]
    UnrecognizedAlgorithm(&'static str),
}

impl ProvenKey {
    /// Returns the key as DER `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> &[u8] {
        self.0.spki_der()
    }
}

impl PossessionRequest {
    /// Verifies that whoever sent this holds the key, and that a certificate may be for it.
    ///
    /// The checks come in Fulcio's order: the form, the key by itself, the signature, the permitted
    /// algorithms; and last what takes long.
    ///
    /// Clients choose what they sign by claim: sigstore-java signs `sub` where others sign
    /// `email`. Any of the token's names counts; all of them are the same caller's.
    ///
    /// # Errors
    /// [`PossessionError`] says what is wrong with the request. It is the caller's fault, but for
    /// [`PossessionError::Busy`].
    pub async fn verify(
        &self,
        principal: &Principal,
        policy: &KeyPolicy,
    ) -> Result<ProvenKey, PossessionError> {
        let names: Vec<_> = principal.proof_candidates().collect();
        self.verify_over(&names, policy).await
    }

    async fn verify_over(
        &self,
        names: &[&str],
        policy: &KeyPolicy,
    ) -> Result<ProvenKey, PossessionError> {
        let key = self.prove(names, policy)?;
        policy.admit_at_last(&key).await?;
        Ok(ProvenKey(key))
    }

    fn prove(&self, names: &[&str], policy: &KeyPolicy) -> Result<PublicKey, PossessionError> {
        match self {
            Self::Csr(pem) if !pem.is_empty() => csr::verify(pem, policy),
            Self::Csr(_) | Self::Missing => Err(PossessionError::Key(
                "send publicKeyRequest or certificateSigningRequest".to_owned(),
            )),
            Self::PublicKey { content, proof } => {
                let key = parse_key(content)?;
                policy.admit(&key)?;
                let proven = names
                    .iter()
                    .any(|name| key.verify_der_or_p1363(name.as_bytes(), proof).is_ok());
                if !proven {
                    return Err(unproven(&key, names));
                }
                policy.permit(&key, hash_of(key.algorithm()))?;
                Ok(key)
            }
        }
    }
}

fn unproven(key: &PublicKey, names: &[&str]) -> PossessionError {
    PossessionError::Proof(format!(
        "expected a signature over {:?} by the key in the request, {}",
        names.first().copied().unwrap_or_default(),
        key.algorithm()
    ))
}

/// Returns the hash that a proof by such a key is made with.
fn hash_of(algorithm: Algorithm) -> Option<HashAlgorithm> {
    match algorithm {
        Algorithm::EcdsaP256Sha256 | Algorithm::RsaPkcs1Sha256 => Some(HashAlgorithm::Sha256),
        Algorithm::EcdsaP384Sha384 => Some(HashAlgorithm::Sha384),
        Algorithm::EcdsaP521Sha512 => Some(HashAlgorithm::Sha512),
        Algorithm::Ed25519 => None,
    }
}

/// Reads a key as clients send it: PEM, however it is broken into lines and whatever is around it,
/// or DER.
fn parse_key(content: &[u8]) -> Result<PublicKey, PossessionError> {
    /// The first byte of a SEQUENCE; no text begins with it that is PEM.
    const SEQUENCE: u8 = 0x30;
    let block = match pem_block::first(content) {
        Ok(block) => block,
        Err(_) if content.first() == Some(&SEQUENCE) => {
            return PublicKey::from_spki_der(content).map_err(refused);
        }
        Err(why) => {
            return Err(PossessionError::Key(format!(
                "publicKey.content is not PEM: {why}"
            )));
        }
    };
    match block.tag() {
        "PUBLIC KEY" => PublicKey::from_spki_der(block.contents()).map_err(refused),
        "RSA PUBLIC KEY" => {
            PublicKey::from_spki_der(&wrap_pkcs1(block.contents())?).map_err(refused)
        }
        other => Err(PossessionError::Key(format!(
            "publicKey.content holds a {other:?}; send a PUBLIC KEY"
        ))),
    }
}

fn refused(error: PublicKeyError) -> PossessionError {
    insecure(&error).unwrap_or_else(|| PossessionError::Key(error.to_string()))
}

/// Tells a key that must not be used from what is no key.
fn insecure(error: &PublicKeyError) -> Option<PossessionError> {
    let why = match *error {
        // More lengths can be read than are accepted.
        PublicKeyError::RsaModulusLength { bits } => refused_length(bits),
        _ if error.is_insecure() => error.to_string(),
        _ => return None,
    };
    Some(PossessionError::InsecureKey(why))
}

/// Wraps an `RSAPublicKey` (RFC 8017, A.1.1) into a `SubjectPublicKeyInfo`.
fn wrap_pkcs1(der: &[u8]) -> Result<Vec<u8>, PossessionError> {
    let unreadable = |e: der::Error| PossessionError::Key(format!("unreadable RSA key: {e}"));
    SubjectPublicKeyInfoRef {
        algorithm: AlgorithmIdentifierRef {
            oid: rfc5912::RSA_ENCRYPTION,
            parameters: Some(AnyRef::NULL),
        },
        subject_public_key: BitStringRef::from_bytes(der).map_err(unreadable)?,
    }
    .to_der()
    .map_err(unreadable)
}

impl PossessionError {
    /// Begins as Fulcio's sentence goes on, which names Go's types.
    pub(crate) fn not_permitted(
        key: &PublicKey,
        hash: Option<HashAlgorithm>,
        permitted: &str,
    ) -> Self {
        let (go_type, kind) = match key.key_type() {
            Some(KeyType::Ed25519) => ("ed25519.PublicKey", "Ed25519"),
            Some(KeyType::P256) => ("*ecdsa.PublicKey", "P-256"),
            Some(KeyType::P384) => ("*ecdsa.PublicKey", "P-384"),
            Some(KeyType::P521) => ("*ecdsa.PublicKey", "P-521"),
            Some(KeyType::Rsa2048) => ("*rsa.PublicKey", "RSA 2048"),
            Some(KeyType::Rsa3072) => ("*rsa.PublicKey", "RSA 3072"),
            Some(KeyType::Rsa4096) => ("*rsa.PublicKey", "RSA 4096"),
            None => ("*rsa.PublicKey", "RSA"),
        };
        let hash = hash.map_or_else(
            || "unknown hash value 0".to_owned(),
            |hash| hash.to_string(),
        );
        Self::NotPermitted {
            found: format!("{go_type}, {hash} ({kind} key)"),
            permitted: permitted.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
