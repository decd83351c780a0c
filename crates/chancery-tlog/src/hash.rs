//! The hashes of a Merkle tree.
//!
//! RFC 6962, section 2.1: <https://www.rfc-editor.org/rfc/rfc6962#section-2.1>
//! ```text
//! empty tree   SHA-256("")
//! leaf         SHA-256(0x00 ‖ leaf)
//! node         SHA-256(0x01 ‖ left ‖ right)
//! ```

use std::fmt;

use sha2::{Digest, Sha256};

// The first byte tells leaves from nodes, so that no node can be passed off as a leaf.
const LEAF: [u8; 1] = [0];
const NODE: [u8; 1] = [1];

/// Returns the hash of a leaf's bytes.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Hash(
        Sha256::new()
            .chain_update(LEAF)
            .chain_update(leaf)
            .finalize()
            .into(),
    )
}

/// Returns the hash of the node above `left` and `right`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let node = Sha256::new()
        .chain_update(NODE)
        .chain_update(left.0)
        .chain_update(right.0);
    Hash(node.finalize().into())
}

/// The hash of a leaf, of a node or of a whole tree: a SHA-256 value, shown as lower-case hex.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The length of a hash in bytes.
    pub const LENGTH: usize = 32;

    /// The root of a tree without leaves: SHA-256 of nothing.
    pub const EMPTY_ROOT: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
        0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
        0xb8, 0x55,
    ]);

    /// Takes the 32 bytes of a hash as they are.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes of the hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl TryFrom<&[u8]> for Hash {
    type Error = WrongHashLength;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        let found = bytes.len();
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| WrongHashLength { found })
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Bytes that are not a hash, by their length.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a hash has 32 bytes, not {found}")]
pub struct WrongHashLength {
    /// How many bytes there were.
    pub found: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_agree_with_the_known_answers() {
        let cases = [
            (
                Hash::EMPTY_ROOT,
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                leaf_hash(b""),
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            ),
            (
                leaf_hash(b"L123456"),
                "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56",
            ),
        ];
        for (hash, expected) in cases {
            assert_eq!(hash.to_string(), expected);
        }
        assert_eq!(Hash(Sha256::digest(b"").into()), Hash::EMPTY_ROOT);
    }

    #[test]
    fn bytes_of_another_length_are_not_a_hash() {
        assert_eq!(
            Hash::try_from(&[0; 31][..]),
            Err(WrongHashLength { found: 31 })
        );
        assert_eq!(
            Hash::try_from(&[0; 33][..]),
            Err(WrongHashLength { found: 33 })
        );
        assert_eq!(Hash::try_from(&[7; 32][..]), Ok(Hash([7; 32])));
    }
}
