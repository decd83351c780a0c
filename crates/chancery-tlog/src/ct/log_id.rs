//! The id of a log.

use std::fmt;

use sha2::{Digest, Sha256};

/// The id of a log: SHA-256 of its public key's `SubjectPublicKeyInfo` (RFC 6962, section 3.2),
/// shown as lower-case hex.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct LogId([u8; 32]);

impl LogId {
    /// Returns the id of the log with this public key, given as `SubjectPublicKeyInfo` DER.
    pub fn of_spki(spki_der: &[u8]) -> Self {
        Self(Sha256::digest(spki_der).into())
    }

    /// Takes the 32 bytes of an id as they are.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes of the id.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
