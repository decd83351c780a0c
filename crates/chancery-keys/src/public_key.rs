//! Public keys: `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7) read strictly, and verifying.
//!
//! ```text
//! SubjectPublicKeyInfo ::= SEQUENCE { algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING }
//! id-ecPublicKey   namedCurve OID        04 || x || y               RFC 5480, section 2
//! rsaEncryption    NULL                  RSAPublicKey in DER        RFC 3279, section 2.3.1
//! id-Ed25519       (no parameters)       32 bytes                   RFC 8410, section 4
//! ```

mod ec;
mod ed25519;
mod prehashed;
mod rsa;

pub use ed25519::is_weak_ed25519;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ParsedPublicKey, UnparsedPublicKey};
use const_oid::db::{rfc5912, rfc8410};
use der::{Decode, Encode};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use crate::{Algorithm, KeyType, SignatureScheme};

/// A public key that has passed every check that a key alone can be put to.
///
/// Cloning is cheap. Two keys are equal if their encodings are, and since only the one canonical
/// encoding of a key is accepted, that is the same as being the same key.
#[derive(Clone)]
pub struct PublicKey(Arc<Parsed>);

struct Parsed {
    algorithm: Algorithm,
    spki_der: Box<[u8]>,
    /// Where the content of the BIT STRING begins in `spki_der`; it runs to the end.
    key_offset: usize,
    sha256: [u8; 32],
    rsa: Option<rsa::Components>,
    /// Parsed once, so that `verify` costs no more than the primitive.
    verifier: ParsedPublicKey,
}

impl PublicKey {
    /// Parses a DER `SubjectPublicKeyInfo`.
    ///
    /// Accepts P-256, P-384 and P-521 points in uncompressed form, RSA of 2048 to 8192 bits, and
    /// Ed25519 keys whose order is not small. Which of them a certificate may carry is not
    /// decided here.
    ///
    /// # Errors
    /// [`PublicKeyError`] says what is wrong with the key. It is always the fault of whoever
    /// supplied it.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, PublicKeyError> {
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(PublicKeyError::not_der)?;
        // The decoder is strict by itself. But the hash of the encoding names the key, so that
        // there is one encoding a key must not depend on how strict a decoder stays.
        if spki.to_der().map_err(PublicKeyError::not_der)? != der {
            return Err(PublicKeyError::NotCanonical);
        }
        let key = spki
            .subject_public_key
            .as_bytes()
            .ok_or(PublicKeyError::NotCanonical)?;
        let (algorithm, rsa) = check(&spki, key)?;
        let verifier = ParsedPublicKey::new(algorithm.verification(), key)
            .map_err(|_| PublicKeyError::invalid_for(algorithm))?;
        Ok(Self(Arc::new(Parsed {
            algorithm,
            spki_der: der.into(),
            key_offset: der.len().saturating_sub(key.len()),
            sha256: sha256(der),
            rsa,
            verifier,
        })))
    }

    /// Takes the 32 bytes of an Ed25519 key (RFC 8032), as verifier keys of notes carry them.
    ///
    /// # Errors
    /// When the order of the key is small, as for [`PublicKey::from_spki_der`].
    pub fn from_ed25519(key: &[u8; 32]) -> Result<Self, PublicKeyError> {
        Self::from_spki_der(&[&ed25519::SPKI_PREFIX[..], key].concat())
    }

    /// Returns the DER `SubjectPublicKeyInfo`, exactly as it was parsed.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki_der
    }

    /// Returns the content of the `subjectPublicKey` BIT STRING: the point, the DER
    /// `RSAPublicKey` or the 32 bytes of Ed25519. A subject key identifier hashes this
    /// (RFC 5280, section 4.2.1.2).
    #[must_use]
    pub fn subject_public_key(&self) -> &[u8] {
        self.0.spki_der.get(self.0.key_offset..).unwrap_or(&[])
    }

    /// Returns the algorithm of this key's signatures.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// Returns the SHA-256 of the `SubjectPublicKeyInfo`: a log's id (RFC 6962, section 3.2) and
    /// an issuer's key hash.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.0.sha256
    }

    /// Returns the length of the RSA modulus in bits, `None` for other keys.
    #[must_use]
    pub fn rsa_modulus_bits(&self) -> Option<usize> {
        self.0.rsa.as_ref().map(rsa::Components::modulus_bits)
    }

    /// Returns the RSA modulus, big-endian without leading zeros, `None` for other keys.
    #[must_use]
    pub fn rsa_modulus(&self) -> Option<&[u8]> {
        self.0.rsa.as_ref().map(rsa::Components::modulus)
    }

    /// Returns the RSA public exponent (odd, 3 to 2^33 - 1), `None` for other keys.
    #[must_use]
    pub fn rsa_exponent(&self) -> Option<u64> {
        self.0.rsa.as_ref().map(rsa::Components::exponent)
    }

    /// Returns which kind of key this is; `None` for RSA of other lengths than 2048, 3072 and
    /// 4096 bits.
    #[must_use]
    pub fn key_type(&self) -> Option<KeyType> {
        match self.algorithm() {
            Algorithm::EcdsaP256Sha256 => Some(KeyType::P256),
            Algorithm::EcdsaP384Sha384 => Some(KeyType::P384),
            Algorithm::EcdsaP521Sha512 => Some(KeyType::P521),
            Algorithm::Ed25519 => Some(KeyType::Ed25519),
            Algorithm::RsaPkcs1Sha256 => match self.rsa_modulus_bits() {
                Some(2048) => Some(KeyType::Rsa2048),
                Some(3072) => Some(KeyType::Rsa3072),
                Some(4096) => Some(KeyType::Rsa4096),
                _ => None,
            },
        }
    }

    /// Verifies `signature` over `message`, which is not hashed yet, with the key's own
    /// [algorithm](Self::algorithm).
    ///
    /// ECDSA signatures are strict ASN.1 DER; the fixed-length form of IEEE P1363 is refused.
    /// Ed25519 is verified without the cofactor, and no part of a signature may be of small order
    /// or have a second form.
    ///
    /// # Errors
    /// [`BadSignature`] says no more than that: why a signature fails is of no use to the honest.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.refuse_weak_signature(signature)?;
        self.0
            .verifier
            .verify_sig(message, signature)
            .map_err(|_| BadSignature)
    }

    /// Verifies as [`verify`](Self::verify) does, or takes an ECDSA signature for the fixed-length
    /// form `r || s` of IEEE P1363 (which Web Cryptography makes), but only if it is not the
    /// ASN.1 of two numbers.
    ///
    /// # Errors
    /// [`BadSignature`], as [`verify`](Self::verify).
    pub fn verify_der_or_p1363(
        &self,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        match ec::p1363_to_der(self.algorithm(), signature) {
            Some(der) => self.verify(message, &der),
            None => self.verify(message, signature),
        }
    }

    /// Verifies with the scheme that a message names, rather than the key's own algorithm.
    ///
    /// # Errors
    /// [`BadSignature`], also if the scheme is not one for keys of this kind.
    pub fn verify_scheme(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        self.refuse_weak_signature(signature)?;
        let algorithm = scheme.verification(self.algorithm()).ok_or(BadSignature)?;
        UnparsedPublicKey::new(algorithm, self.subject_public_key())
            .verify(message, signature)
            .map_err(|_| BadSignature)
    }

    fn refuse_weak_signature(&self, signature: &[u8]) -> Result<(), BadSignature> {
        match self.algorithm() {
            Algorithm::Ed25519 if ed25519::is_weak_signature(signature) => Err(BadSignature),
            _ => Ok(()),
        }
    }
}

/// Checks what aws-lc leaves open or would only find while verifying.
fn check(
    spki: &SubjectPublicKeyInfoRef<'_>,
    key: &[u8],
) -> Result<(Algorithm, Option<rsa::Components>), PublicKeyError> {
    let parameters = spki.algorithm.parameters;
    match spki.algorithm.oid {
        rfc5912::ID_EC_PUBLIC_KEY => Ok((ec::check(parameters, key)?, None)),
        rfc5912::RSA_ENCRYPTION => Ok((
            Algorithm::RsaPkcs1Sha256,
            Some(rsa::check(parameters, key)?),
        )),
        rfc8410::ID_ED_25519 => {
            ed25519::check(parameters, key)?;
            Ok((Algorithm::Ed25519, None))
        }
        oid => Err(PublicKeyError::UnsupportedAlgorithm { oid }),
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, bytes);
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.spki_der == other.0.spki_der
    }
}

impl Eq for PublicKey {}

impl std::hash::Hash for PublicKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.sha256.hash(state);
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sha256 = hex::encode(self.0.sha256);
        write!(f, "PublicKey({}, sha256:{sha256})", self.0.algorithm)
    }
}

/// Why bytes are not an acceptable public key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PublicKeyError {
    /// The key is of another algorithm than ECDSA, RSA or Ed25519.
    #[error("unsupported public key algorithm {oid}: use ECDSA, RSA or Ed25519")]
    UnsupportedAlgorithm {
        /// The algorithm's object identifier, as found.
        oid: ObjectIdentifier,
    },
    /// The curve is not one of the three NIST curves.
    #[error("unsupported elliptic curve {oid}: use P-256, P-384 or P-521")]
    UnsupportedCurve {
        /// The curve's object identifier, as found.
        oid: ObjectIdentifier,
    },
    /// The algorithm's parameters are not the ones that its standard demands. An elliptic curve
    /// given by explicit parameters is refused here, whatever they are (CVE-2020-0601).
    #[error("wrong algorithm parameters in the public key: {expected}")]
    WrongParameters {
        /// What should have been there.
        expected: &'static str,
    },
    /// The point is not on its curve, is at infinity or is not in uncompressed form.
    #[error("invalid elliptic curve point in the public key: {reason}")]
    InvalidPoint {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The Ed25519 key is malformed.
    #[error("invalid Ed25519 public key: {reason}")]
    InvalidEd25519 {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The Ed25519 key has a second encoding or is of small order.
    #[error("weak Ed25519 public key: {reason}")]
    WeakEd25519 {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The RSA modulus or exponent cannot be one.
    #[error("invalid RSA public key: {reason}")]
    InvalidRsa {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The RSA modulus or exponent is one that nobody should use.
    #[error("weak RSA public key: {reason}")]
    WeakRsa {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The RSA modulus is shorter than 2048 or longer than 8192 bits.
    #[error("unsupported RSA modulus of {bits} bits: it must have 2048 to 8192")]
    RsaModulusLength {
        /// The modulus's length in bits.
        bits: usize,
    },
    /// The bytes are not a `SubjectPublicKeyInfo` in DER.
    #[error("the public key is not a SubjectPublicKeyInfo in DER: {reason}")]
    NotDer {
        /// What the decoder said.
        reason: String,
    },
    /// The bytes decode, but are not the one DER encoding of what they say.
    #[error("the public key is not canonical DER")]
    NotCanonical,
}

impl PublicKeyError {
    /// Tells whether the bytes are a key, but one that must not be used: of a kind that is too
    /// weak or does not sign, or weak by itself. Otherwise they are no key that can be read.
    ///
    /// The line runs where Fulcio's does, which reads keys with Go's `crypto/x509` (that knows
    /// P-224, DSA and X25519, and RSA of any size) and looks at their strength afterwards.
    #[must_use]
    pub fn is_insecure(&self) -> bool {
        match self {
            Self::UnsupportedAlgorithm { oid } => {
                matches!(*oid, rfc5912::ID_DSA | rfc8410::ID_X_25519)
            }
            Self::UnsupportedCurve { oid } => *oid == rfc5912::SECP_224_R_1,
            Self::WeakEd25519 { .. } | Self::WeakRsa { .. } | Self::RsaModulusLength { .. } => true,
            Self::WrongParameters { .. }
            | Self::InvalidPoint { .. }
            | Self::InvalidEd25519 { .. }
            | Self::InvalidRsa { .. }
            | Self::NotDer { .. }
            | Self::NotCanonical => false,
        }
    }

    fn not_der(error: der::Error) -> Self {
        Self::NotDer {
            reason: error.to_string(),
        }
    }

    /// Names the fault of a key that aws-lc refused after our own checks had passed.
    fn invalid_for(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::EcdsaP256Sha256
            | Algorithm::EcdsaP384Sha384
            | Algorithm::EcdsaP521Sha512 => Self::InvalidPoint {
                reason: "it is not on its curve",
            },
            Algorithm::Ed25519 => Self::InvalidEd25519 {
                reason: "it is not a key",
            },
            Algorithm::RsaPkcs1Sha256 => Self::WeakRsa {
                reason: "modulus and exponent do not make a key",
            },
        }
    }
}

/// The signature is not one over this message by this key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

#[cfg(test)]
mod tests;
