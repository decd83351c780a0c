//! The entries of a data tile.
//!
//! <https://c2sp.org/static-ct-api#log-entries>; the layout is shown in the module `entry`. A data
//! tile is its leaves one after the other, without count or padding.

use super::entry::{Entry, EntryError, PrecertEntry, X509Entry};
use super::leaf_index::{LeafIndex, ParseExtensionsError};
use super::wire::{Reader, WireError};
use crate::hash::{Hash, leaf_hash};

/// One entry of a data tile.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TileLeaf {
    timestamp_ms: u64,
    entry: Entry,
    // Kept as they were: a leaf may carry extensions that are not known here, and they are hashed.
    extensions: Vec<u8>,
    leaf_index: LeafIndex,
}

impl TileLeaf {
    /// Parses the first leaf of `bytes` and returns it with the bytes that follow it.
    ///
    /// # Errors
    ///
    /// When the bytes do not begin with a tile leaf that carries its index.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), ParseTileLeafError> {
        let mut reader = Reader::new(bytes);
        let timestamp_ms = reader.u64("timestamp")?;
        let entry_type = u16::from_be_bytes(reader.array("entry type")?);
        let (entry, extensions) = match entry_type {
            0 => parse_x509_entry(&mut reader)?,
            1 => parse_precert_entry(&mut reader)?,
            found => return Err(ParseTileLeafError::EntryType { found }),
        };
        let leaf_index = LeafIndex::from_extensions(&extensions)?;
        Ok((
            Self {
                timestamp_ms,
                entry,
                extensions,
                leaf_index,
            },
            reader.rest(),
        ))
    }

    /// Parses a whole data tile; that it has as many leaves as it should is for the caller to see.
    ///
    /// # Errors
    ///
    /// When the bytes are not tile leaves only.
    pub fn parse_all(mut bytes: &[u8]) -> Result<Vec<Self>, ParseTileLeafError> {
        let mut leaves = Vec::new();
        while !bytes.is_empty() {
            let (leaf, rest) = Self::parse(bytes)?;
            leaves.push(leaf);
            bytes = rest;
        }
        Ok(leaves)
    }

    /// Returns the leaf as it stands in the tile.
    pub fn encode(&self) -> Vec<u8> {
        self.entry
            .tile_leaf_with(self.timestamp_ms, &self.extensions)
    }

    /// Returns the `MerkleTreeLeaf`: what is hashed as the leaf, and what the SCT signs.
    pub fn merkle_tree_leaf(&self) -> Vec<u8> {
        self.entry
            .merkle_tree_leaf_with(self.timestamp_ms, &self.extensions)
    }

    /// Returns the hash of the leaf in the tree.
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.merkle_tree_leaf())
    }

    /// Returns when the entry was logged, in milliseconds since 1970.
    pub fn timestamp_ms(&self) -> u64 {
        self.timestamp_ms
    }

    /// Returns what was logged.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Returns the place in the log that the leaf claims.
    pub fn leaf_index(&self) -> LeafIndex {
        self.leaf_index
    }

    /// Returns SHA-256 of each certificate of the chain, the issuer first.
    pub fn chain_fingerprints(&self) -> &[[u8; 32]] {
        self.entry.chain_fingerprints()
    }
}

fn parse_x509_entry(reader: &mut Reader<'_>) -> Result<(Entry, Vec<u8>), ParseTileLeafError> {
    let certificate = reader.vector::<3>("certificate")?.to_vec();
    let extensions = reader.vector::<2>("extensions")?.to_vec();
    let chain_fingerprints = parse_chain_fingerprints(reader)?;
    Ok((
        Entry::X509(X509Entry::new(certificate, chain_fingerprints)?),
        extensions,
    ))
}

fn parse_precert_entry(reader: &mut Reader<'_>) -> Result<(Entry, Vec<u8>), ParseTileLeafError> {
    let issuer_key_hash = reader.array("issuer key hash")?;
    let tbs = reader.vector::<3>("TBSCertificate")?.to_vec();
    let extensions = reader.vector::<2>("extensions")?.to_vec();
    let precertificate = reader.vector::<3>("precertificate")?.to_vec();
    let chain_fingerprints = parse_chain_fingerprints(reader)?;
    let entry = PrecertEntry::new(issuer_key_hash, tbs, precertificate, chain_fingerprints)?;
    Ok((Entry::Precert(entry), extensions))
}

fn parse_chain_fingerprints(reader: &mut Reader<'_>) -> Result<Vec<[u8; 32]>, ParseTileLeafError> {
    let bytes = reader.vector::<2>("chain fingerprints")?;
    match bytes.as_chunks() {
        (fingerprints, []) => Ok(fingerprints.to_vec()),
        _ => Err(ParseTileLeafError::ChainFingerprints { found: bytes.len() }),
    }
}

/// Why bytes are not a tile leaf; each variant is the fault of the log that served them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseTileLeafError {
    /// The fingerprints are not 32 bytes each.
    #[error("the chain fingerprints have {found} bytes, which is not a multiple of 32")]
    ChainFingerprints {
        /// How many bytes there are.
        found: usize,
    },
    /// A part is empty.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Neither a certificate nor a precertificate.
    #[error("entry type {found} is not known: 0 (x509_entry) and 1 (precert_entry) are")]
    EntryType {
        /// The type.
        found: u16,
    },
    /// The leaf does not say where it stands.
    #[error(transparent)]
    Extensions(#[from] ParseExtensionsError),
    /// The leaf is cut off.
    #[error(transparent)]
    Malformed(#[from] WireError),
}
