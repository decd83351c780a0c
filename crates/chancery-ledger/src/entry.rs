//! An entry as a leaf of the log, and what it is found by.

use chancery_keys::HashAlgorithm;
use chancery_log::{EncodedLeaf, IndexTerm, Leaf};
use chancery_tlog::ct::LeafIndex;
use chancery_tlog::{Hash, leaf_hash};

use crate::acceptance::AcceptedEntry;
use crate::issuance::LogPlace;
use crate::verify::VerifiedEntry;

impl Leaf for AcceptedEntry {
    /// Encodes the entry, which says neither its place nor its time: the tree hashes the body, and a
    /// tile has it with its length before it (c2sp.org/tlog-tiles).
    fn encode(&self, _: LeafIndex, _: u64) -> EncodedLeaf {
        let body = self.entry().body();
        EncodedLeaf {
            merkle_leaf: body.to_vec(),
            tile_leaf: tile_leaf(body),
        }
    }

    fn only_once(&self) -> Option<Hash> {
        Some(self.entry().leaf_hash())
    }
}

impl AcceptedEntry {
    /// Returns what the entry is found by.
    pub fn terms(&self) -> Vec<IndexTerm> {
        self.entry().terms(self.issued())
    }
}

impl VerifiedEntry {
    /// Returns the hash that the entry has in the tree.
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(self.body())
    }

    /// Returns what the entry is found by, besides its leaf hash, which the log adds: what was signed,
    /// the key that did, and where the certificate for that key stands in the log of issued ones.
    pub(crate) fn terms(&self, issued: Option<LogPlace>) -> Vec<IndexTerm> {
        let (hash, digest) = self.artifact();
        let prefix = match hash {
            HashAlgorithm::Sha256 => "sha256",
            HashAlgorithm::Sha384 => "sha384",
            HashAlgorithm::Sha512 => "sha512",
        };
        let term = |name, value| IndexTerm { name, value };
        let mut terms = vec![
            term("artifact", format!("{prefix}:{}", hex::encode(digest))),
            term("key", hex::encode(self.key().sha256())),
        ];
        terms.extend(issued.map(|place| term("issued", place.to_string())));
        terms
    }
}

fn tile_leaf(body: &[u8]) -> Vec<u8> {
    // No entry is verified with a longer body.
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], body].concat()
}
