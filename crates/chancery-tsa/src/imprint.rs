//! What a timestamp is of: a hash by one of three functions.

use chancery_keys::HashAlgorithm;
use const_oid::db::rfc5912::{ID_SHA_256, ID_SHA_384, ID_SHA_512};
use der::asn1::{Any, ObjectIdentifier, OctetString};
use sha2::{Digest, Sha256, Sha384, Sha512};
use spki::AlgorithmIdentifierOwned;

use crate::asn1;

/// A hash with the function that made it, of the right length for it.
///
/// Whether a client wrote the function with NULL for parameters or with none is kept: RFC 3161
/// wants its imprint back as it was, and RFC 5754, section 2, allows both.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Imprint {
    algorithm: HashAlgorithm,
    digest: Box<[u8]>,
    null_parameters: bool,
}

/// Why an imprint is none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ImprintError {
    /// The function is not of the SHA-2 family, as SHA-1 is not, or has parameters.
    #[error("the hash algorithm {oid} is not taken; use SHA-256, SHA-384 or SHA-512")]
    Algorithm {
        /// The function's object identifier.
        oid: ObjectIdentifier,
    },
    /// The hash has another length than the function's.
    #[error("a hash by {algorithm} has {} octets, not {found}", length(*.algorithm))]
    Length {
        /// The function.
        algorithm: HashAlgorithm,
        /// How many octets there are.
        found: usize,
    },
}

impl Imprint {
    /// Takes a hash that was made elsewhere.
    ///
    /// # Errors
    /// [`ImprintError::Length`].
    pub fn new(algorithm: HashAlgorithm, digest: &[u8]) -> Result<Self, ImprintError> {
        if digest.len() != length(algorithm) {
            return Err(ImprintError::Length {
                algorithm,
                found: digest.len(),
            });
        }
        Ok(Self {
            algorithm,
            digest: digest.into(),
            null_parameters: true,
        })
    }

    /// Hashes `data`.
    #[must_use]
    pub fn of(algorithm: HashAlgorithm, data: &[u8]) -> Self {
        Self {
            algorithm,
            digest: hash(algorithm, data).into(),
            null_parameters: true,
        }
    }

    /// Returns the hash function.
    #[must_use]
    pub fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// Returns the hash.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// Says whether both are the same hash by the same function, however they were written.
    pub(crate) fn same_hash(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.digest == other.digest
    }

    pub(crate) fn from_asn1(imprint: &asn1::MessageImprint) -> Result<Self, ImprintError> {
        let id = &imprint.hash_algorithm;
        let algorithm = algorithm_of(id).ok_or(ImprintError::Algorithm { oid: id.oid })?;
        let read = Self::new(algorithm, imprint.hashed_message.as_bytes())?;
        Ok(Self {
            null_parameters: id.parameters.is_some(),
            ..read
        })
    }

    pub(crate) fn to_asn1(&self) -> der::Result<asn1::MessageImprint> {
        let mut hash_algorithm = identifier(self.algorithm);
        if !self.null_parameters {
            hash_algorithm.parameters = None;
        }
        Ok(asn1::MessageImprint {
            hash_algorithm,
            hashed_message: OctetString::new(&*self.digest)?,
        })
    }
}

/// Hashes `data`.
pub(crate) fn hash(algorithm: HashAlgorithm, data: &[u8]) -> Vec<u8> {
    match algorithm {
        HashAlgorithm::Sha256 => Sha256::digest(data).to_vec(),
        HashAlgorithm::Sha384 => Sha384::digest(data).to_vec(),
        HashAlgorithm::Sha512 => Sha512::digest(data).to_vec(),
    }
}

/// Reads an identifier of a hash function; its parameters are NULL or absent (RFC 5754, section 2).
pub(crate) fn algorithm_of(id: &AlgorithmIdentifierOwned) -> Option<HashAlgorithm> {
    if id
        .parameters
        .as_ref()
        .is_some_and(|found| *found != Any::null())
    {
        return None;
    }
    match id.oid {
        ID_SHA_256 => Some(HashAlgorithm::Sha256),
        ID_SHA_384 => Some(HashAlgorithm::Sha384),
        ID_SHA_512 => Some(HashAlgorithm::Sha512),
        _ => None,
    }
}

/// Returns the identifier of a hash function, with NULL, as most clients write it.
pub(crate) fn identifier(algorithm: HashAlgorithm) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid: match algorithm {
            HashAlgorithm::Sha256 => ID_SHA_256,
            HashAlgorithm::Sha384 => ID_SHA_384,
            HashAlgorithm::Sha512 => ID_SHA_512,
        },
        parameters: Some(Any::null()),
    }
}

fn length(algorithm: HashAlgorithm) -> usize {
    match algorithm {
        HashAlgorithm::Sha256 => 32,
        HashAlgorithm::Sha384 => 48,
        HashAlgorithm::Sha512 => 64,
    }
}
