//! What callers put into the log: leaves, the terms to find them by, and what became of them.

use std::borrow::Cow;
use std::fmt::Debug;

use bytes::Bytes;
use chancery_tlog::Hash;
use chancery_tlog::ct::LeafIndex;
use sha2::{Digest, Sha256};

/// Something that can take a place in the log.
///
/// A leaf is encoded by the sequencer, because its bytes hold its place and its time.
pub trait Leaf: Debug + Send + Sync {
    /// Encodes the leaf for its place.
    ///
    /// `timestamp_ms` is the time of the head that will first cover it.
    fn encode(&self, leaf_index: LeafIndex, timestamp_ms: u64) -> EncodedLeaf;

    /// Returns certificates that the leaf names by their SHA-256 and that the store may lack: they
    /// are written with it, in the same transaction. None unless said otherwise.
    fn new_issuers(&self) -> &[IssuerCertificate] {
        &[]
    }

    /// Returns the hash of a leaf that the log has once at most, whichever process appends it. Such a
    /// leaf says neither place nor time, so that its hash is known before. None unless said otherwise.
    fn only_once(&self) -> Option<Hash> {
        None
    }

    /// Tells whether the log may have the leaf as its first only, whichever process appends it. Such a
    /// leaf is [`Leaf::only_once`], too, and is refused as logged already once there is another. Not unless said otherwise.
    fn only_first(&self) -> bool {
        false
    }
}

/// A certificate that entries name in their chains (c2sp.org/static-ct-api: `issuer/<SHA-256>`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IssuerCertificate {
    fingerprint: [u8; 32],
    der: Bytes,
}

impl IssuerCertificate {
    /// Takes a certificate in DER, which is not looked into.
    pub fn new(der: impl Into<Bytes>) -> Self {
        let der = der.into();
        Self {
            fingerprint: Sha256::digest(&der).into(),
            der,
        }
    }

    /// Returns the SHA-256 of the DER, by which entries name it.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// Returns the DER.
    pub fn der(&self) -> &Bytes {
        &self.der
    }
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

impl IndexTerm {
    /// The name of the term that each entry is found by as a leaf of the tree.
    pub const LEAF_HASH: &'static str = "leaf-hash";

    /// Returns the term that the log itself gives each entry: the first half of its leaf hash, in
    /// lower-case hex. Half is enough to find an entry by; who finds one compares the whole hash.
    pub fn leaf_hash(hash: &Hash) -> Self {
        Self {
            name: Self::LEAF_HASH,
            value: hex::encode(&hash.as_bytes()[..Hash::LENGTH / 2]),
        }
    }

    /// Returns the value as it is stored.
    ///
    /// PostgreSQL refuses index rows of more than 2704 bytes and U+0000 in text. A name in a token,
    /// which a stranger chose, must not be able to stop a batch, so such values stand as their
    /// digest.
    pub fn stored_value(&self) -> Cow<'_, str> {
        const LONGEST: usize = 1024;
        if self.value.len() <= LONGEST && !self.value.contains('\0') {
            return Cow::Borrowed(&self.value);
        }
        let digest = hex::encode(Sha256::digest(&self.value));
        Cow::Owned(format!("sha256:{digest}"))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_postgresql_would_refuse_stands_as_its_digest() {
        let stored = |value: &str| {
            let value = value.to_owned();
            IndexTerm { name: "san", value }.stored_value().into_owned()
        };
        assert_eq!(stored("alice@example.com"), "alice@example.com");
        let digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(stored("abc").len(), 3);
        assert_eq!(stored("a\0c").len(), digest.len());
        assert_eq!(stored(&"a".repeat(1025)).len(), digest.len());
        assert_ne!(stored(&"a".repeat(1025)), stored(&"a".repeat(1026)));
    }
}
