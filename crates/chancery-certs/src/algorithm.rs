//! The signature algorithm of a certificate: it follows from the CA's key alone.

use const_oid::ObjectIdentifier;
use const_oid::db::{rfc5912, rfc8410};
use der::asn1::AnyRef;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

/// How a CA signs, by its key: each curve with the hash of its own strength, as Fulcio does. RSA is
/// PKCS#1 v1.5 with SHA-256, never PSS. An Ed25519 CA is refused, because at least one official
/// client rejects every chain that holds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// ecdsa-with-SHA256, for P-256 (RFC 5758, section 3.2).
    EcdsaWithSha256,
    /// ecdsa-with-SHA384, for P-384 (RFC 5758, section 3.2).
    EcdsaWithSha384,
    /// ecdsa-with-SHA512, for P-521 (RFC 5758, section 3.2).
    EcdsaWithSha512,
    /// sha256WithRSAEncryption (RFC 4055, section 5).
    Sha256WithRsa,
}

/// Why a key cannot be the key of an issuing CA.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedCaKey {
    /// The curve is not one of the three, or is not named at all.
    #[error("the curve of the CA's key is unsupported; use P-256, P-384 or P-521")]
    Curve,
    /// Ed25519 or Ed448.
    #[error("an Edwards-curve CA is refused, because official clients reject it; use P-256")]
    Edwards,
    /// Any other kind of key.
    #[error("the CA's key has the unsupported algorithm {0}; use P-256, P-384, P-521 or RSA")]
    Algorithm(ObjectIdentifier),
}

impl SignatureAlgorithm {
    /// Chooses the algorithm for the CA's public key.
    pub(crate) fn of_key(spki: &SubjectPublicKeyInfoRef<'_>) -> Result<Self, UnsupportedCaKey> {
        match spki.algorithm.oid {
            rfc5912::ID_EC_PUBLIC_KEY => match spki.algorithm.parameters_oid() {
                Ok(rfc5912::SECP_256_R_1) => Ok(Self::EcdsaWithSha256),
                Ok(rfc5912::SECP_384_R_1) => Ok(Self::EcdsaWithSha384),
                Ok(rfc5912::SECP_521_R_1) => Ok(Self::EcdsaWithSha512),
                _ => Err(UnsupportedCaKey::Curve),
            },
            rfc5912::RSA_ENCRYPTION => Ok(Self::Sha256WithRsa),
            rfc8410::ID_ED_25519 | rfc8410::ID_ED_448 => Err(UnsupportedCaKey::Edwards),
            other => Err(UnsupportedCaKey::Algorithm(other)),
        }
    }

    /// Returns the identifier that stands in the certificate. ECDSA has no parameters (RFC 5758,
    /// section 3.2), RSA has NULL (RFC 4055, section 5).
    pub(crate) fn identifier(self) -> AlgorithmIdentifierRef<'static> {
        let (oid, parameters) = match self {
            Self::EcdsaWithSha256 => (rfc5912::ECDSA_WITH_SHA_256, None),
            Self::EcdsaWithSha384 => (rfc5912::ECDSA_WITH_SHA_384, None),
            Self::EcdsaWithSha512 => (rfc5912::ECDSA_WITH_SHA_512, None),
            Self::Sha256WithRsa => (rfc5912::SHA_256_WITH_RSA_ENCRYPTION, Some(AnyRef::NULL)),
        };
        AlgorithmIdentifierRef { oid, parameters }
    }
}
