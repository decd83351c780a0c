//! What callers put into the log: leaves, the terms to find them by, and what became of them.

use std::fmt::Debug;

use bytes::Bytes;
use chancery_tlog::ct::LeafIndex;

/// Something that can take a place in the log.
///
/// A leaf is encoded by the sequencer, because its bytes hold its place and its time.
pub trait Leaf: Debug + Send + Sync {
    /// Encodes the leaf for its place.
    ///
    /// `timestamp_ms` is the time of the head that will first cover it.
    fn encode(&self, leaf_index: LeafIndex, timestamp_ms: u64) -> EncodedLeaf;
}

/// A leaf's bytes, now that its place is known.
#[derive(Clone, Debug)]
pub struct EncodedLeaf {
    /// What the Merkle tree hashes; for RFC 6962 the `MerkleTreeLeaf`, which is also what an SCT
    /// signs.
    pub merkle_leaf: Vec<u8>,
    /// What a data tile holds and the store keeps.
    pub tile_leaf: Vec<u8>,
}

impl Leaf for chancery_tlog::ct::PrecertEntry {
    fn encode(&self, leaf_index: LeafIndex, timestamp_ms: u64) -> EncodedLeaf {
        EncodedLeaf {
            merkle_leaf: self.merkle_tree_leaf(leaf_index, timestamp_ms),
            tile_leaf: self.tile_leaf(leaf_index, timestamp_ms),
        }
    }
}

/// One way to find an entry: `name` = `value`, such as `serial` = `0a1b…`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IndexTerm {
    /// The kind of term; few and fixed.
    pub name: &'static str,
    /// The value to search for, exactly as written.
    pub value: String,
}

/// What was handed out for an entry after it was logged: for an issuance log the final
/// certificate.
///
/// It is recorded with the next batch. An entry without one reads "precertificate logged, delivery
/// unknown".
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The entry's place.
    pub leaf_index: u64,
    /// What was handed out, whole.
    pub body: Bytes,
    /// SHA-256 of `body`.
    pub sha256: [u8; 32],
}
