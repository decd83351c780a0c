//! What is signed: a SHA-256, whatever it is of.

use std::str::FromStr;
use std::sync::Arc;
use std::{fmt, io};

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// The SHA-256 of an artifact.
///
/// ```
/// use chancery_client::sign::ArtifactDigest;
///
/// let of_bytes = ArtifactDigest::of(b"a release");
/// let given: ArtifactDigest = of_bytes.to_string().parse()?;
/// assert_eq!(of_bytes, given);
/// assert!(given.to_string().starts_with("sha256:"));
/// # Ok::<(), chancery_client::sign::ArtifactError>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct ArtifactDigest([u8; 32]);

/// Why there is nothing to sign.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The artifact could not be read to its end.
    #[error("the artifact cannot be read")]
    Unreadable(#[from] Arc<io::Error>),
    /// A text is no digest.
    #[error("{0:?} is no digest such as sha256:2c26b46b…, with 64 hexadecimal digits")]
    NoDigest(String),
}

impl ArtifactDigest {
    /// Takes the digest of bytes that are at hand.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Takes the digest of what is read, which may be larger than memory.
    ///
    /// # Errors
    /// [`ArtifactError::Unreadable`] if it cannot be read to its end.
    pub async fn read(mut artifact: impl AsyncRead + Unpin) -> Result<Self, ArtifactError> {
        let mut hasher = Sha256::new();
        let mut piece = vec![0; PIECE];
        loop {
            let read = artifact.read(&mut piece).await.map_err(Arc::new)?;
            let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else {
                return Ok(Self(hasher.finalize().into()));
            };
            hasher.update(read);
        }
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the 64 hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl FromStr for ArtifactDigest {
    type Err = ArtifactError;

    /// Reads a digest as container registries write it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut digest = [0; 32];
        let digits = text.strip_prefix("sha256:");
        match digits.map(|digits| hex::decode_to_slice(digits, &mut digest)) {
            Some(Ok(())) => Ok(Self(digest)),
            _ => Err(ArtifactError::NoDigest(text.chars().take(80).collect())),
        }
    }
}

impl fmt::Display for ArtifactDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for ArtifactDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_artifact_has_the_same_digest_in_pieces_as_in_one() {
        let bytes: Vec<u8> = (0..=250).cycle().take(3 * PIECE + 17).collect();
        let read = ArtifactDigest::read(&*bytes).await.unwrap();
        assert_eq!(read, ArtifactDigest::of(&bytes));
        assert_eq!(read.to_string().parse::<ArtifactDigest>().unwrap(), read);
    }

    #[test]
    fn what_is_no_sha256_is_refused() {
        let short = "sha256:00";
        let other = format!("sha512:{}", "0".repeat(64));
        let long = format!("sha256:{}", "0".repeat(66));
        for text in [short, &other, &long, &"0".repeat(64)] {
            assert!(text.parse::<ArtifactDigest>().is_err(), "{text}");
        }
    }
}
