//! What is said to be signed: a file that is hashed as it is read, or a digest alone.

use std::io::{self, Read};
use std::str::FromStr;

use chancery_keys::HashAlgorithm;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::bundle::UnverifiedBundle;

/// How much of a file is held at once, in bytes.
const PIECE: usize = 128 * 1024;

/// The digests of an artifact that are known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Artifact {
    sha256: Option<[u8; 32]>,
    sha384: Option<[u8; 48]>,
    sha512: Option<[u8; 64]>,
}

/// Why an artifact has no digest.
#[derive(Debug, thiserror::Error)]
#[error("the artifact cannot be read")]
pub struct DigestError(#[from] io::Error);

/// Why a text is no digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a digest is sha256:, sha384: or sha512: and as many bytes in hex")]
pub struct ParseDigestError;

impl Artifact {
    /// Reads an artifact to its end. Which hashes are made depends on what the bundle may need.
    ///
    /// # Errors
    /// [`DigestError`] if it cannot be read.
    pub fn read(mut from: impl Read, bundle: &UnverifiedBundle) -> Result<Self, DigestError> {
        let wants = |algorithm| bundle.may_need(algorithm);
        let mut sha256 = Sha256::new();
        let mut sha384 = wants(HashAlgorithm::Sha384).then(Sha384::new);
        let mut sha512 = wants(HashAlgorithm::Sha512).then(Sha512::new);
        let mut piece = vec![0; PIECE];
        loop {
            let length = match from.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let read = piece.get(..length).unwrap_or_default();
            sha256.update(read);
            if let Some(sha384) = &mut sha384 {
                sha384.update(read);
            }
            if let Some(sha512) = &mut sha512 {
                sha512.update(read);
            }
        }
        Ok(Self {
            sha256: Some(sha256.finalize().into()),
            sha384: sha384.map(|hash| hash.finalize().into()),
            sha512: sha512.map(|hash| hash.finalize().into()),
        })
    }

    /// Returns the digest by a hash function, if it is known.
    #[must_use]
    pub fn digest(&self, algorithm: HashAlgorithm) -> Option<&[u8]> {
        match algorithm {
            HashAlgorithm::Sha256 => self.sha256.as_ref().map(<[u8; 32]>::as_slice),
            HashAlgorithm::Sha384 => self.sha384.as_ref().map(<[u8; 48]>::as_slice),
            HashAlgorithm::Sha512 => self.sha512.as_ref().map(<[u8; 64]>::as_slice),
        }
    }
}

impl FromStr for Artifact {
    type Err = ParseDigestError;

    /// Reads a digest alone, such as `sha256:6b86…`: of an image in a registry, or of a file that is
    /// somewhere else.
    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let (algorithm, digest) = text.split_once(':').ok_or(ParseDigestError)?;
        let mut artifact = Self::default();
        let read = match algorithm {
            "sha256" => hex::decode_to_slice(digest, artifact.sha256.insert([0; 32])),
            "sha384" => hex::decode_to_slice(digest, artifact.sha384.insert([0; 48])),
            "sha512" => hex::decode_to_slice(digest, artifact.sha512.insert([0; 64])),
            _ => return Err(ParseDigestError),
        };
        read.map_err(|_| ParseDigestError)?;
        Ok(artifact)
    }
}

impl UnverifiedBundle {
    /// Tells whether a hash of the artifact may be asked for. A wrong answer makes verification
    /// fail, and no more.
    fn may_need(&self, algorithm: HashAlgorithm) -> bool {
        let Some(message) = &self.wire.message_signature else {
            return true;
        };
        let hinted = message.message_digest.as_ref();
        if hinted.is_some_and(|hint| HashAlgorithm::from(hint.algorithm) == algorithm) {
            return true;
        }
        let leaf = super::chain::Leaf::read(self.wire.certificate());
        leaf.is_ok_and(|leaf| leaf.key.digest_algorithm() == algorithm)
    }
}
