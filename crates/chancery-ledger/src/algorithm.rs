//! The kinds of keys whose signatures are entered: the ones that Rekor v2 takes.

use std::fmt;

use chancery_keys::{HashAlgorithm, KeyType, PublicKey};
use serde::{Deserialize, Deserializer};

/// What a request says of its key (`dev.sigstore.common.v1.PublicKeyDetails`), as far as Rekor v2
/// takes it. Signatures are over digests, so an Ed25519 key signs as Ed25519ph.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum KeyDetails {
    /// RSA of 2048 bits, PKCS#1 v1.5, SHA-256.
    Rsa2048,
    /// RSA of 3072 bits, PKCS#1 v1.5, SHA-256.
    Rsa3072,
    /// RSA of 4096 bits, PKCS#1 v1.5, SHA-256.
    Rsa4096,
    /// ECDSA on P-256 with SHA-256.
    P256,
    /// ECDSA on P-384 with SHA-384.
    P384,
    /// ECDSA on P-521 with SHA-512.
    P521,
    /// Ed25519ph (RFC 8032, section 5.1), which hashes with SHA-512.
    Ed25519Ph,
}

impl KeyDetails {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Ed25519Ph,
    ];

    /// Returns what a key is, if its signatures are taken.
    pub fn of_key(key: &PublicKey) -> Option<Self> {
        Some(match key.key_type()? {
            KeyType::Rsa2048 => Self::Rsa2048,
            KeyType::Rsa3072 => Self::Rsa3072,
            KeyType::Rsa4096 => Self::Rsa4096,
            KeyType::P256 => Self::P256,
            KeyType::P384 => Self::P384,
            KeyType::P521 => Self::P521,
            KeyType::Ed25519 => Self::Ed25519Ph,
        })
    }

    /// Returns the name of the enumeration's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rsa2048 => "PKIX_RSA_PKCS1V15_2048_SHA256",
            Self::Rsa3072 => "PKIX_RSA_PKCS1V15_3072_SHA256",
            Self::Rsa4096 => "PKIX_RSA_PKCS1V15_4096_SHA256",
            Self::P256 => "PKIX_ECDSA_P256_SHA_256",
            Self::P384 => "PKIX_ECDSA_P384_SHA_384",
            Self::P521 => "PKIX_ECDSA_P521_SHA_512",
            Self::Ed25519Ph => "PKIX_ED25519_PH",
        }
    }

    /// Returns the number of the enumeration's value.
    pub fn number(self) -> i32 {
        match self {
            Self::Rsa2048 => 9,
            Self::Rsa3072 => 10,
            Self::Rsa4096 => 11,
            Self::P256 => 5,
            Self::P384 => 12,
            Self::P521 => 13,
            Self::Ed25519Ph => 8,
        }
    }

    /// Returns the one with that number; `None` for those that are not taken.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Returns the one with that name; `None` for those that are not taken.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for KeyDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What stands in the field: protobuf's JSON has an enumeration by name, and reads numbers, too.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Written {
    Number(i32),
    Name(String),
}

/// Reads the field; those that are not taken are an error that names them.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<KeyDetails>, D::Error> {
    let refuse = |what: String| {
        let named = KeyDetails::ALL.map(KeyDetails::name).join(", ");
        serde::de::Error::custom(format!("keyDetails {what} is not one of {named}"))
    };
    match Option::deserialize(deserializer)? {
        None | Some(Written::Number(0)) => Ok(None),
        Some(Written::Number(number)) => match KeyDetails::from_number(number) {
            Some(details) => Ok(Some(details)),
            None => Err(refuse(number.to_string())),
        },
        Some(Written::Name(name)) if name == "PUBLIC_KEY_DETAILS_UNSPECIFIED" => Ok(None),
        Some(Written::Name(name)) => match KeyDetails::from_name(&name) {
            Some(details) => Ok(Some(details)),
            None => Err(refuse(name.chars().take(64).collect())),
        },
    }
}

/// Returns the name of a hash in `dev.sigstore.common.v1.HashAlgorithm`.
pub(crate) fn hash_name(hash: HashAlgorithm) -> &'static str {
    match hash {
        HashAlgorithm::Sha256 => "SHA2_256",
        HashAlgorithm::Sha384 => "SHA2_384",
        HashAlgorithm::Sha512 => "SHA2_512",
    }
}

/// Returns how many bytes a digest has.
pub(crate) fn digest_length(hash: HashAlgorithm) -> usize {
    match hash {
        HashAlgorithm::Sha256 => 32,
        HashAlgorithm::Sha384 => 48,
        HashAlgorithm::Sha512 => 64,
    }
}

#[cfg(test)]
mod tests {
    use super::KeyDetails;

    #[test]
    fn names_and_numbers_are_told_apart() {
        for details in KeyDetails::ALL {
            assert_eq!(KeyDetails::from_name(details.name()), Some(details));
            assert_eq!(KeyDetails::from_number(details.number()), Some(details));
        }
        assert_eq!(KeyDetails::from_name("PKIX_ED25519"), None);
        assert_eq!(KeyDetails::from_number(7), None);
    }
}
