//! Proof that the caller holds the private key: a signature over their name, or a signed request.

use chancery_identity::Principal;
use chancery_keys::{Algorithm, PublicKey};
use const_oid::db::rfc5912;
use der::asn1::AnyRef;
use der::{Decode, Encode};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use x509_cert::request::CertReq;

use crate::weak_rsa::weakness;

/// What a caller sends to show that they hold a key.
#[derive(Debug)]
pub enum PossessionRequest {
    /// A certificate signing request (RFC 2986) in PEM. Only its key and signature count.
    Csr(Vec<u8>),
    /// Neither a key nor a request.
    Missing,
    /// A public key and a signature over the principal's name.
    PublicKey {
        /// The key in PEM: `PUBLIC KEY` (RFC 5280) or `RSA PUBLIC KEY` (RFC 8017).
        content: String,
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
    /// The signing request cannot be read.
    #[error("{0}")]
    Csr(String),
    /// The key is of a kind or size that is refused.
    #[error("{0}")]
    InsecureKey(String),
    /// The key cannot be read.
    #[error("{0}")]
    Key(String),
    /// The signature does not verify.
    #[error("{0}")]
    Proof(String),
}

impl ProvenKey {
    /// Returns the key as DER `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> &[u8] {
        self.0.spki_der()
    }
}

impl PossessionRequest {
    /// Verifies that whoever sent this holds the key.
    ///
    /// Clients choose what they sign by claim: sigstore-java signs `sub` where others sign
    /// `email`. Any of the token's names counts; all of them are the same caller's.
    pub fn verify(&self, principal: &Principal) -> Result<ProvenKey, PossessionError> {
        match self {
            Self::Csr(pem) => verify_csr(pem),
            Self::Missing => Err(PossessionError::Key(
                "send publicKeyRequest or certificateSigningRequest".to_owned(),
            )),
            Self::PublicKey { content, proof } => {
                let key = allowed(parse_key(content)?)?;
                let proven = principal
                    .proof_candidates()
                    .any(|name| key.verify(name.as_bytes(), proof).is_ok());
                if proven {
                    Ok(ProvenKey(key))
                } else {
                    Err(unproven(&key, principal))
                }
            }
        }
    }
}

fn unproven(key: &PublicKey, principal: &Principal) -> PossessionError {
    PossessionError::Proof(format!(
        "expected a {} signature over {:?} by the key in the request",
        key.algorithm(),
        principal.name()
    ))
}

/// Reads a key as clients send it: one unwrapped line, CRLF, or text around the first block.
fn parse_key(content: &str) -> Result<PublicKey, PossessionError> {
    let block = pem::parse(content)
        .map_err(|e| PossessionError::Key(format!("publicKey.content is not PEM: {e}")))?;
    let parsed = match block.tag() {
        "PUBLIC KEY" => PublicKey::from_spki_der(block.contents()),
        "RSA PUBLIC KEY" => PublicKey::from_spki_der(&wrap_pkcs1(block.contents())?),
        other => {
            return Err(PossessionError::Key(format!(
                "publicKey.content holds a {other}; send a PUBLIC KEY"
            )));
        }
    };
    parsed.map_err(|e| PossessionError::Key(e.to_string()))
}

/// Wraps an `RSAPublicKey` (RFC 8017, A.1.1) into a `SubjectPublicKeyInfo`.
fn wrap_pkcs1(der: &[u8]) -> Result<Vec<u8>, PossessionError> {
    let unreadable = |e: der::Error| PossessionError::Key(format!("unreadable RSA key: {e}"));
    SubjectPublicKeyInfoRef {
        algorithm: AlgorithmIdentifierRef {
            oid: rfc5912::RSA_ENCRYPTION,
            parameters: Some(AnyRef::NULL),
        },
        subject_public_key: der::asn1::BitStringRef::from_bytes(der).map_err(unreadable)?,
    }
    .to_der()
    .map_err(unreadable)
}

/// Refuses keys that anybody can break.
fn allowed(key: PublicKey) -> Result<PublicKey, PossessionError> {
    match weakness(&key) {
        None => Ok(key),
        Some(why) => Err(PossessionError::InsecureKey(why)),
    }
}

fn verify_csr(bytes: &[u8]) -> Result<ProvenKey, PossessionError> {
    let block = pem::parse(bytes)
        .map_err(|e| PossessionError::Csr(format!("certificateSigningRequest is not PEM: {e}")))?;
    if !matches!(
        block.tag(),
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST"
    ) {
        return Err(PossessionError::Csr(format!(
            "certificateSigningRequest holds a {}",
            block.tag()
        )));
    }
    let unreadable = |e: der::Error| PossessionError::Csr(e.to_string());
    let request = CertReq::from_der(block.contents()).map_err(unreadable)?;
    let spki = request.info.public_key.to_der().map_err(unreadable)?;
    let key = PublicKey::from_spki_der(&spki).map_err(|e| PossessionError::Key(e.to_string()))?;
    let key = allowed(key)?;

    if request.algorithm.oid != signature_oid(key.algorithm()) {
        return Err(PossessionError::Proof(format!(
            "the request is signed with {}; for this key use {}",
            request.algorithm.oid,
            key.algorithm()
        )));
    }
    let signed = request.info.to_der().map_err(unreadable)?;
    key.verify(&signed, request.signature.raw_bytes())
        .map_err(|_| {
            PossessionError::Proof("the request's signature is not by the key in it".to_owned())
        })?;
    Ok(ProvenKey(key))
}

/// Returns the signature algorithm's object identifier (RFC 5758, RFC 8017, RFC 8410).
fn signature_oid(algorithm: Algorithm) -> const_oid::ObjectIdentifier {
    match algorithm {
        Algorithm::EcdsaP256Sha256 => rfc5912::ECDSA_WITH_SHA_256,
        Algorithm::EcdsaP384Sha384 => rfc5912::ECDSA_WITH_SHA_384,
        Algorithm::EcdsaP521Sha512 => rfc5912::ECDSA_WITH_SHA_512,
        Algorithm::Ed25519 => const_oid::db::rfc8410::ID_ED_25519,
        Algorithm::RsaPkcs1Sha256 => rfc5912::SHA_256_WITH_RSA_ENCRYPTION,
    }
}
