//! The signature algorithms in use, each fixed by its key, and the kinds of key that can be made.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature as aws;
use aws_lc_rs::signature::{EcdsaSigningAlgorithm, VerificationAlgorithm};

/// A signature algorithm: key and hash together.
///
/// The key decides the hash, as in sigstore's `LoadDefaultVerifier`: a caller never chooses, so
/// nothing that a caller says can weaken a verification.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256; signatures are ASN.1 DER (RFC 3279, section 2.2.3).
    EcdsaP256Sha256,
    /// ECDSA on P-384 with SHA-384; signatures are ASN.1 DER.
    EcdsaP384Sha384,
    /// ECDSA on P-521 with SHA-512; signatures are ASN.1 DER.
    EcdsaP521Sha512,
    /// Pure Ed25519 (RFC 8032, section 5.1), never Ed25519ph.
    Ed25519,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2), whatever the modulus.
    RsaPkcs1Sha256,
}

impl Algorithm {
    pub(crate) fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::EcdsaP256Sha256 => &aws::ECDSA_P256_SHA256_ASN1,
            Self::EcdsaP384Sha384 => &aws::ECDSA_P384_SHA384_ASN1,
            Self::EcdsaP521Sha512 => &aws::ECDSA_P521_SHA512_ASN1,
            Self::Ed25519 => &aws::ED25519,
            Self::RsaPkcs1Sha256 => &aws::RSA_PKCS1_2048_8192_SHA256,
        }
    }

    /// Returns aws-lc's signing algorithm if this is ECDSA.
    pub(crate) fn ecdsa_signing(self) -> Option<&'static EcdsaSigningAlgorithm> {
        match self {
            Self::EcdsaP256Sha256 => Some(&aws::ECDSA_P256_SHA256_ASN1_SIGNING),
            Self::EcdsaP384Sha384 => Some(&aws::ECDSA_P384_SHA384_ASN1_SIGNING),
            Self::EcdsaP521Sha512 => Some(&aws::ECDSA_P521_SHA512_ASN1_SIGNING),
            Self::Ed25519 | Self::RsaPkcs1Sha256 => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EcdsaP256Sha256 => "ECDSA P-256 with SHA-256",
            Self::EcdsaP384Sha384 => "ECDSA P-384 with SHA-384",
            Self::EcdsaP521Sha512 => "ECDSA P-521 with SHA-512",
            Self::Ed25519 => "Ed25519",
            Self::RsaPkcs1Sha256 => "RSA PKCS#1 v1.5 with SHA-256",
        })
    }
}

/// A kind of key that [`LocalKey::generate`](crate::LocalKey::generate) makes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum KeyType {
    /// Ed25519.
    Ed25519,
    /// The NIST curve P-256.
    P256,
    /// The NIST curve P-384.
    P384,
    /// The NIST curve P-521.
    P521,
    /// RSA with a modulus of 2048 bits and the exponent 65537.
    Rsa2048,
    /// RSA with a modulus of 3072 bits and the exponent 65537.
    Rsa3072,
    /// RSA with a modulus of 4096 bits and the exponent 65537.
    Rsa4096,
}

impl KeyType {
    /// Every kind, in the order in which messages list them.
    pub const ALL: [Self; 7] = [
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Ed25519,
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
    ];

    /// Returns the algorithm with which a key of this kind signs.
    #[must_use]
    pub fn algorithm(self) -> Algorithm {
        match self {
            Self::Ed25519 => Algorithm::Ed25519,
            Self::P256 => Algorithm::EcdsaP256Sha256,
            Self::P384 => Algorithm::EcdsaP384Sha384,
            Self::P521 => Algorithm::EcdsaP521Sha512,
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => Algorithm::RsaPkcs1Sha256,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::P256 => "p256",
            Self::P384 => "p384",
            Self::P521 => "p521",
            Self::Rsa2048 => "rsa2048",
            Self::Rsa3072 => "rsa3072",
            Self::Rsa4096 => "rsa4096",
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KeyType {
    type Err = UnknownKeyType;

    fn from_str(name: &str) -> Result<Self, UnknownKeyType> {
        Self::ALL
            .into_iter()
            .find(|key_type| key_type.name() == name)
            .ok_or(UnknownKeyType)
    }
}

/// The name is not that of a [`KeyType`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown key type: use one of p256, p384, p521, ed25519, rsa2048, rsa3072, rsa4096")]
pub struct UnknownKeyType;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_type_is_found_by_its_name_and_named_in_the_refusal() {
        for key_type in KeyType::ALL {
            assert_eq!(key_type.to_string().parse(), Ok(key_type));
            assert!(UnknownKeyType.to_string().contains(key_type.name()));
        }
        assert_eq!("P256".parse::<KeyType>(), Err(UnknownKeyType));
    }
}
