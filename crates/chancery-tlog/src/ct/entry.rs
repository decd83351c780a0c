//! What is logged: certificates and precertificates, as Merkle tree leaves and as tile leaves.
//!
//! RFC 6962, section 3.4: <https://www.rfc-editor.org/rfc/rfc6962#section-3.4>; `TileLeaf`:
//! <https://c2sp.org/static-ct-api#log-entries>
//! ```text
//! MerkleTreeLeaf   = u8 version 0 ‖ u8 leaf_type 0 ‖ TimestampedEntry
//! TimestampedEntry = u64 timestamp (ms) ‖ u16 entry_type ‖ signed_entry ‖ u16-len extensions
//! signed_entry     = x509_entry (0):    u24-len certificate
//!                    precert_entry (1): issuer_key_hash (32) ‖ u24-len TBSCertificate
//! TileLeaf         = TimestampedEntry ‖ [precert_entry: u24-len precertificate]
//!                    ‖ u16-len { fingerprint (32) }*
//! ```
//! The Merkle tree leaf is also, byte for byte, what the log signs for the SCT: section 3.2 puts
//! `signature_type` (0) in the place of `leaf_type`.

use super::leaf_index::LeafIndex;
use super::wire::put_vector;

const V1_TIMESTAMPED_ENTRY: [u8; 2] = [0, 0];
const X509_ENTRY: [u8; 2] = [0, 0];
const PRECERT_ENTRY: [u8; 2] = [0, 1];

const U24_MAX: usize = 0xff_ffff;

/// A precertificate to be logged, or as logged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PrecertEntry {
    issuer_key_hash: [u8; 32],
    tbs: Vec<u8>,
    precertificate: Vec<u8>,
    chain_fingerprints: Vec<[u8; 32]>,
}

impl PrecertEntry {
    /// Puts together what is logged of a precertificate.
    ///
    /// `issuer_key_hash` is SHA-256 of the issuer's `SubjectPublicKeyInfo`; `tbs` the DER of the
    /// `TBSCertificate` without the poison extension; `precertificate` the whole DER as signed;
    /// `chain_fingerprints` SHA-256 of each certificate of the chain, the issuer first, the root
    /// last. None of it is looked into.
    ///
    /// # Errors
    ///
    /// When a part is empty or too long for its length field.
    pub fn new(
        issuer_key_hash: [u8; 32],
        tbs: Vec<u8>,
        precertificate: Vec<u8>,
        chain_fingerprints: Vec<[u8; 32]>,
    ) -> Result<Self, EntryError> {
        check_length("TBSCertificate", &tbs)?;
        check_length("precertificate", &precertificate)?;
        check_chain(&chain_fingerprints)?;
        Ok(Self {
            issuer_key_hash,
            tbs,
            precertificate,
            chain_fingerprints,
        })
    }

    /// Returns the `MerkleTreeLeaf`: what is hashed as the leaf, and what the SCT signs.
    pub fn merkle_tree_leaf(&self, leaf_index: LeafIndex, timestamp_ms: u64) -> Vec<u8> {
        merkle_tree_leaf(self.timestamped_entry(timestamp_ms, &leaf_index.to_extensions()))
    }

    /// Returns the `TileLeaf`: what stands in the data tile.
    pub fn tile_leaf(&self, leaf_index: LeafIndex, timestamp_ms: u64) -> Vec<u8> {
        self.tile_leaf_with(timestamp_ms, &leaf_index.to_extensions())
    }

    /// Returns SHA-256 of the issuer's `SubjectPublicKeyInfo`.
    pub fn issuer_key_hash(&self) -> &[u8; 32] {
        &self.issuer_key_hash
    }

    /// Returns the DER of the `TBSCertificate` without poison.
    pub fn tbs(&self) -> &[u8] {
        &self.tbs
    }

    /// Returns the DER of the precertificate.
    pub fn precertificate(&self) -> &[u8] {
        &self.precertificate
    }

    /// Returns SHA-256 of each certificate of the chain, the issuer first.
    pub fn chain_fingerprints(&self) -> &[[u8; 32]] {
        &self.chain_fingerprints
    }

    fn timestamped_entry(&self, timestamp_ms: u64, extensions: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.tbs.len() + self.precertificate.len());
        out.extend_from_slice(&timestamp_ms.to_be_bytes());
        out.extend_from_slice(&PRECERT_ENTRY);
        out.extend_from_slice(&self.issuer_key_hash);
        put_vector::<3>(&mut out, &self.tbs);
        put_vector::<2>(&mut out, extensions);
        out
    }

    fn tile_leaf_with(&self, timestamp_ms: u64, extensions: &[u8]) -> Vec<u8> {
        let mut out = self.timestamped_entry(timestamp_ms, extensions);
        put_vector::<3>(&mut out, &self.precertificate);
        put_vector::<2>(&mut out, self.chain_fingerprints.as_flattened());
        out
    }
}

/// A certificate to be logged, or as logged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct X509Entry {
    certificate: Vec<u8>,
    chain_fingerprints: Vec<[u8; 32]>,
}

impl X509Entry {
    /// Puts together what is logged of a certificate: its DER, and SHA-256 of each certificate of
    /// its chain, the issuer first, the root last. None of it is looked into.
    ///
    /// # Errors
    ///
    /// When a part is empty or too long for its length field.
    pub fn new(
        certificate: Vec<u8>,
        chain_fingerprints: Vec<[u8; 32]>,
    ) -> Result<Self, EntryError> {
        check_length("certificate", &certificate)?;
        check_chain(&chain_fingerprints)?;
        Ok(Self {
            certificate,
            chain_fingerprints,
        })
    }

    /// Returns the DER of the certificate.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Returns SHA-256 of each certificate of the chain, the issuer first.
    pub fn chain_fingerprints(&self) -> &[[u8; 32]] {
        &self.chain_fingerprints
    }

    fn timestamped_entry(&self, timestamp_ms: u64, extensions: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.certificate.len());
        out.extend_from_slice(&timestamp_ms.to_be_bytes());
        out.extend_from_slice(&X509_ENTRY);
        put_vector::<3>(&mut out, &self.certificate);
        put_vector::<2>(&mut out, extensions);
        out
    }

    fn tile_leaf_with(&self, timestamp_ms: u64, extensions: &[u8]) -> Vec<u8> {
        let mut out = self.timestamped_entry(timestamp_ms, extensions);
        put_vector::<2>(&mut out, self.chain_fingerprints.as_flattened());
        out
    }
}

/// What is logged, of either type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Entry {
    /// A precertificate.
    Precert(PrecertEntry),
    /// A certificate.
    X509(X509Entry),
}

impl Entry {
    /// Returns the `MerkleTreeLeaf`: what is hashed as the leaf, and what the SCT signs.
    pub fn merkle_tree_leaf(&self, leaf_index: LeafIndex, timestamp_ms: u64) -> Vec<u8> {
        self.merkle_tree_leaf_with(timestamp_ms, &leaf_index.to_extensions())
    }

    /// Returns the `TileLeaf`: what stands in the data tile.
    pub fn tile_leaf(&self, leaf_index: LeafIndex, timestamp_ms: u64) -> Vec<u8> {
        self.tile_leaf_with(timestamp_ms, &leaf_index.to_extensions())
    }

    /// Returns SHA-256 of each certificate of the chain, the issuer first.
    pub fn chain_fingerprints(&self) -> &[[u8; 32]] {
        match self {
            Self::Precert(entry) => entry.chain_fingerprints(),
            Self::X509(entry) => entry.chain_fingerprints(),
        }
    }

    /// Returns what an SCT of any log over this entry signs (RFC 6962, section 3.2), given the
    /// SCT's own time and extensions: logs that are not static-ct-api logs have other ones.
    pub fn sct_input(&self, timestamp_ms: u64, extensions: &[u8]) -> Vec<u8> {
        self.merkle_tree_leaf_with(timestamp_ms, extensions)
    }

    pub(super) fn merkle_tree_leaf_with(&self, timestamp_ms: u64, extensions: &[u8]) -> Vec<u8> {
        merkle_tree_leaf(match self {
            Self::Precert(entry) => entry.timestamped_entry(timestamp_ms, extensions),
            Self::X509(entry) => entry.timestamped_entry(timestamp_ms, extensions),
        })
    }

    pub(super) fn tile_leaf_with(&self, timestamp_ms: u64, extensions: &[u8]) -> Vec<u8> {
        match self {
            Self::Precert(entry) => entry.tile_leaf_with(timestamp_ms, extensions),
            Self::X509(entry) => entry.tile_leaf_with(timestamp_ms, extensions),
        }
    }
}

fn merkle_tree_leaf(timestamped_entry: Vec<u8>) -> Vec<u8> {
    [&V1_TIMESTAMPED_ENTRY[..], &timestamped_entry].concat()
}

pub(super) fn check_length(field: &'static str, bytes: &[u8]) -> Result<(), EntryError> {
    match bytes.len() {
        1..=U24_MAX => Ok(()),
        length => Err(EntryError::Length { field, length }),
    }
}

fn check_chain(chain_fingerprints: &[[u8; 32]]) -> Result<(), EntryError> {
    match chain_fingerprints.len() {
        0..=2047 => Ok(()),
        certificates => Err(EntryError::Chain { certificates }),
    }
}

/// Why something cannot be logged: its caller did not bound what it took in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EntryError {
    /// The chain has too many certificates.
    #[error("a chain of {certificates} certificates cannot be logged: 2047 can")]
    Chain {
        /// How many it has.
        certificates: usize,
    },
    /// A part is empty or too long.
    #[error("a {field} of {length} bytes cannot be logged: 1 to 2^24 - 1 can")]
    Length {
        /// The part.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
    },
}
