//! Signature schemes that a message names, as a certificate signing request does.

use std::fmt;

use aws_lc_rs::signature as aws;
use aws_lc_rs::signature::VerificationAlgorithm;
use const_oid::db::{rfc5912, rfc8410};
use spki::AlgorithmIdentifierRef;

use crate::Algorithm;

/// A hash function of the SHA-2 family (FIPS 180-4).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        })
    }
}

/// A kind of signature with its hash, apart from the key.
///
/// For what lets its sender choose, such as a certificate signing request (RFC 2986). Everything
/// else is verified with the [`Algorithm`] of the key.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SignatureScheme {
    /// ECDSA on any of the three curves; signatures are ASN.1 DER (RFC 5758, section 3.2).
    Ecdsa(HashAlgorithm),
    /// Pure Ed25519 (RFC 8410).
    Ed25519,
    /// RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2).
    RsaPkcs1(HashAlgorithm),
    /// RSASSA-PSS with MGF1 of the same hash and a salt of the hash's length (RFC 8017, section
    /// 8.1).
    RsaPss(HashAlgorithm),
}

impl SignatureScheme {
    /// Reads the signature algorithm of a certificate (RFC 5758, section 3.2; RFC 4055, section 5;
    /// RFC 8410, section 3): ECDSA or RSA PKCS#1 v1.5 with a hash of the SHA-2 family, or Ed25519.
    /// `None` for any other, such as those with SHA-1.
    #[must_use]
    pub fn of_certificate(algorithm: &AlgorithmIdentifierRef<'_>) -> Option<Self> {
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        Some(match algorithm.oid {
            rfc5912::ECDSA_WITH_SHA_256 => Self::Ecdsa(Sha256),
            rfc5912::ECDSA_WITH_SHA_384 => Self::Ecdsa(Sha384),
            rfc5912::ECDSA_WITH_SHA_512 => Self::Ecdsa(Sha512),
            rfc5912::SHA_256_WITH_RSA_ENCRYPTION => Self::RsaPkcs1(Sha256),
            rfc5912::SHA_384_WITH_RSA_ENCRYPTION => Self::RsaPkcs1(Sha384),
            rfc5912::SHA_512_WITH_RSA_ENCRYPTION => Self::RsaPkcs1(Sha512),
            rfc8410::ID_ED_25519 => Self::Ed25519,
            _ => return None,
        })
    }

    /// Returns the hash; Ed25519 has its own.
    #[must_use]
    pub fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::Ecdsa(hash) | Self::RsaPkcs1(hash) | Self::RsaPss(hash) => Some(hash),
            Self::Ed25519 => None,
        }
    }

    /// Returns how to verify with a key of `key`'s kind, if the scheme is one for it.
    pub(crate) fn verification(self, key: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        let algorithm: &'static dyn VerificationAlgorithm = match (key, self) {
            (Algorithm::EcdsaP256Sha256, Self::Ecdsa(Sha256)) => &aws::ECDSA_P256_SHA256_ASN1,
            (Algorithm::EcdsaP256Sha256, Self::Ecdsa(Sha384)) => &aws::ECDSA_P256_SHA384_ASN1,
            (Algorithm::EcdsaP256Sha256, Self::Ecdsa(Sha512)) => &aws::ECDSA_P256_SHA512_ASN1,
            (Algorithm::EcdsaP384Sha384, Self::Ecdsa(Sha256)) => &aws::ECDSA_P384_SHA256_ASN1,
            (Algorithm::EcdsaP384Sha384, Self::Ecdsa(Sha384)) => &aws::ECDSA_P384_SHA384_ASN1,
            (Algorithm::EcdsaP384Sha384, Self::Ecdsa(Sha512)) => &aws::ECDSA_P384_SHA512_ASN1,
            (Algorithm::EcdsaP521Sha512, Self::Ecdsa(Sha256)) => &aws::ECDSA_P521_SHA256_ASN1,
            (Algorithm::EcdsaP521Sha512, Self::Ecdsa(Sha384)) => &aws::ECDSA_P521_SHA384_ASN1,
            (Algorithm::EcdsaP521Sha512, Self::Ecdsa(Sha512)) => &aws::ECDSA_P521_SHA512_ASN1,
            (Algorithm::Ed25519, Self::Ed25519) => &aws::ED25519,
            (Algorithm::RsaPkcs1Sha256, Self::RsaPkcs1(hash)) => match hash {
                Sha256 => &aws::RSA_PKCS1_2048_8192_SHA256,
                Sha384 => &aws::RSA_PKCS1_2048_8192_SHA384,
                Sha512 => &aws::RSA_PKCS1_2048_8192_SHA512,
            },
            (Algorithm::RsaPkcs1Sha256, Self::RsaPss(hash)) => match hash {
                Sha256 => &aws::RSA_PSS_2048_8192_SHA256,
                Sha384 => &aws::RSA_PSS_2048_8192_SHA384,
                Sha512 => &aws::RSA_PSS_2048_8192_SHA512,
            },
            _ => return None,
        };
        Some(algorithm)
    }
}
