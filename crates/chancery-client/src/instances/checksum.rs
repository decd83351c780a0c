//! The checksum that people compare before they trust an instance.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// The SHA-256 of an instance's `root.json`, which its users get by another way than from its server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RootChecksum([u8; 32]);

/// A text is no SHA-256 in hexadecimal.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a root's checksum is a SHA-256: 64 hexadecimal digits, as `chancery trust root-checksum` prints them"
)]
pub struct RootChecksumError;

impl RootChecksum {
    /// Returns the checksum of a root.
    #[must_use]
    pub fn of(root: &[u8]) -> Self {
        Self(Sha256::digest(root).into())
    }
}

impl FromStr for RootChecksum {
    type Err = RootChecksumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let text = text.strip_prefix("sha256:").unwrap_or(text);
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map_err(|_| RootChecksumError)?;
        Ok(Self(digest))
    }
}

impl fmt::Display for RootChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
