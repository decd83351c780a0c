//! The one use of a token that may be used once.

use std::time::SystemTime;

use aws_lc_rs::digest;

/// A use of a token, by the issuer's identifier of the token (`jti`, RFC 7519, section 4.1.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenUse {
    digest: [u8; 32],
    expires: SystemTime,
}

impl TokenUse {
    pub(crate) fn new(issuer: &str, id: &str, expires: SystemTime) -> Self {
        Self {
            digest: digest_of([issuer, id]),
            expires,
        }
    }

    /// Returns the SHA-256 of issuer and identifier, each after its length in eight octets.
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Returns when the token is refused in any case, so that its use need not be remembered.
    pub const fn expires(&self) -> SystemTime {
        self.expires
    }
}

/// Returns the SHA-256 of two texts, each after its length, so that no two pairs are hashed alike.
pub(crate) fn digest_of(pair: [&str; 2]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in pair {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn no_two_pairs_of_issuer_and_identifier_are_alike() {
        let digest = |issuer, id| TokenUse::new(issuer, id, UNIX_EPOCH).digest();
        assert_eq!(digest("https://a", "b"), digest("https://a", "b"));
        assert_ne!(digest("https://a", "b"), digest("https://", "ab"));
        assert_ne!(digest("https://a", "b"), digest("https://a", "c"));
        assert_eq!(
            hex(&digest("a", "b")),
            "3c9d591045bc8876f9d0399bbfb05c6a412096e906f73278f98406cd5dca86df"
        );
    }

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }
}
