//! Reading the `MerkleTreeLeaf` of RFC 6962: what the tree hashes, and what an SCT signs.
//!
//! RFC 6962, section 3.4: <https://www.rfc-editor.org/rfc/rfc6962#section-3.4>; the layout is shown
//! in the module `entry`.

use super::leaf_index::{LeafIndex, ParseExtensionsError};
use super::wire::{Reader, WireError};

/// A leaf, without what a data tile adds to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MerkleTreeLeaf {
    /// When the entry was logged, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// Its place in the log.
    pub leaf_index: LeafIndex,
    /// What was logged.
    pub signed_entry: SignedEntry,
}

/// What of an entry is hashed, and signed by its SCT.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SignedEntry {
    /// A precertificate's contents.
    Precert {
        /// SHA-256 of the key that signs the final certificate, as a `SubjectPublicKeyInfo`.
        issuer_key_hash: [u8; 32],
        /// The `TBSCertificate`, without poison and SCT list.
        tbs: Vec<u8>,
    },
    /// A certificate.
    X509(Vec<u8>),
}

impl MerkleTreeLeaf {
    /// Parses a leaf that carries its index.
    ///
    /// # Errors
    ///
    /// When the bytes are none, or something follows it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseMerkleTreeLeafError> {
        let mut reader = Reader::new(bytes);
        if let [version, leaf_type] = reader.array("version and leaf type")?
            && (version, leaf_type) != (0, 0)
        {
            return Err(ParseMerkleTreeLeafError::Kind { version, leaf_type });
        }
        let timestamp_ms = reader.u64("timestamp")?;
        let signed_entry = match u16::from_be_bytes(reader.array("entry type")?) {
            0 => SignedEntry::X509(reader.vector::<3>("certificate")?.to_vec()),
            1 => SignedEntry::Precert {
                issuer_key_hash: reader.array("issuer key hash")?,
                tbs: reader.vector::<3>("TBSCertificate")?.to_vec(),
            },
            found => return Err(ParseMerkleTreeLeafError::EntryType { found }),
        };
        let leaf_index = LeafIndex::from_extensions(reader.vector::<2>("extensions")?)?;
        reader.finish("Merkle tree leaf")?;
        Ok(Self {
            timestamp_ms,
            leaf_index,
            signed_entry,
        })
    }
}

/// Why bytes are not a leaf; each variant is the fault of whoever made them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseMerkleTreeLeafError {
    /// Neither a certificate nor a precertificate.
    #[error("entry type {found} is not known: 0 (x509_entry) and 1 (precert_entry) are")]
    EntryType {
        /// The type.
        found: u16,
    },
    /// The leaf does not say where it stands.
    #[error(transparent)]
    Extensions(#[from] ParseExtensionsError),
    /// Another version or type of leaf.
    #[error("version {version} and leaf type {leaf_type} are not known: 0 and 0 are")]
    Kind {
        /// The version.
        version: u8,
        /// The type.
        leaf_type: u8,
    },
    /// The leaf is cut off, or something follows it.
    #[error(transparent)]
    Malformed(#[from] WireError),
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAF: &[u8] = include_bytes!("../../tests/vectors/merkle-tree-leaf-1");

    #[test]
    fn a_published_leaf_is_read() {
        let leaf = MerkleTreeLeaf::parse(LEAF).unwrap();
        assert_eq!(leaf.timestamp_ms, 1_793_534_400_456);
        assert_eq!(leaf.leaf_index.get(), 1);
        let SignedEntry::Precert { tbs, .. } = leaf.signed_entry else {
            panic!("it is of a precertificate");
        };
        assert_eq!(tbs, &LEAF[47..LEAF.len() - 10]);
    }

    #[test]
    fn no_part_may_be_missing_or_of_another_kind_and_nothing_follows() {
        for length in 0..LEAF.len() {
            assert!(MerkleTreeLeaf::parse(&LEAF[..length]).is_err(), "{length}");
        }
        assert!(MerkleTreeLeaf::parse(&[LEAF, b"x"].concat()).is_err());
        for place in [0, 1, 10, 11] {
            let mut other = LEAF.to_vec();
            other[place] = 2;
            assert!(MerkleTreeLeaf::parse(&other).is_err(), "{place}");
        }
    }
}
