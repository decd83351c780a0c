//! How a log lays out its entries, and entries read back from it.

use std::borrow::Cow;

use chancery_tlog::ct::TileLeaf;
use chancery_tlog::{Hash, TilePath, leaf_hash};

/// How a log lays out its entries.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Form {
    /// `tile/data/…` of `TileLeaf` structures (c2sp.org/static-ct-api).
    #[default]
    StaticCt,
    /// `tile/entries/…` of entries of any kind with two bytes of length each (c2sp.org/tlog-tiles).
    TlogTiles,
}

/// An entry as a tile holds it, parsed.
#[derive(Clone, Debug)]
pub enum StoredLeaf {
    /// That of a log of certificates, which says its place and time.
    Certificate(TileLeaf),
    /// That of a plain log: what the tree hashes, without its length.
    Plain(Vec<u8>),
}

impl Form {
    /// Returns the name of the tile or bundle that holds `width` entries, 1 to 256, of which the first
    /// is at 256 times `index`.
    pub fn data_tile_name(self, index: u64, width: u16) -> String {
        let name = format!("tile/{}", TilePath::Data { index, width });
        match self {
            Self::StaticCt => name,
            Self::TlogTiles => name.replacen("tile/data/", "tile/entries/", 1),
        }
    }

    /// Takes the first entry off a tile, with the length that stands before it where there is one, and
    /// returns it and the rest.
    ///
    /// # Errors
    ///
    /// In words that follow "entry n", when the tile does not begin with an entry.
    pub fn split_first(self, tile: &[u8]) -> Result<(&[u8], &[u8]), String> {
        let length = match self {
            Self::StaticCt => {
                let (_, rest) =
                    TileLeaf::parse(tile).map_err(|e| format!("cannot be read: {e}"))?;
                tile.len() - rest.len()
            }
            Self::TlogTiles => match tile.split_first_chunk() {
                Some((length, _)) => 2 + usize::from(u16::from_be_bytes(*length)),
                None => 2,
            },
        };
        tile.split_at_checked(length)
            .ok_or_else(|| "is cut off".to_owned())
    }

    /// Parses an entry, which must be one and nothing else, and where it says its place, that of
    /// `leaf_index`.
    ///
    /// # Errors
    ///
    /// In words that follow "entry n".
    pub fn parse(self, leaf_index: u64, bytes: &[u8]) -> Result<StoredLeaf, String> {
        match self {
            Self::StaticCt => {
                let (leaf, rest) =
                    TileLeaf::parse(bytes).map_err(|e| format!("cannot be read: {e}"))?;
                require_end(rest)?;
                match leaf.leaf_index().get() {
                    claimed if claimed == leaf_index => Ok(StoredLeaf::Certificate(leaf)),
                    claimed => Err(format!("says that it is entry {claimed}")),
                }
            }
            Self::TlogTiles => {
                let (entry, rest) = self.split_first(bytes)?;
                require_end(rest)?;
                let body = entry.get(2..).unwrap_or_default();
                Ok(StoredLeaf::Plain(body.to_vec()))
            }
        }
    }
}

fn require_end(rest: &[u8]) -> Result<(), String> {
    match rest.len() {
        0 => Ok(()),
        more => Err(format!("is followed by {more} bytes")),
    }
}

impl StoredLeaf {
    /// Returns the hash that the entry has in the tree.
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.merkle_leaf())
    }

    /// Returns what the tree hashes.
    pub fn merkle_leaf(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Certificate(leaf) => Cow::Owned(leaf.merkle_tree_leaf()),
            Self::Plain(body) => Cow::Borrowed(body),
        }
    }

    /// Returns the entry's time in milliseconds since the Unix epoch, if it says one.
    pub fn timestamp_ms(&self) -> Option<u64> {
        match self {
            Self::Certificate(leaf) => Some(leaf.timestamp_ms()),
            Self::Plain(_) => None,
        }
    }

    /// Returns the SHA-256 of the certificates that the entry names, its issuer's first.
    pub fn chain_fingerprints(&self) -> &[[u8; 32]] {
        match self {
            Self::Certificate(leaf) => leaf.chain_fingerprints(),
            Self::Plain(_) => &[],
        }
    }

    /// Returns the entry of a log of certificates.
    ///
    /// # Errors
    ///
    /// In a sentence of its own, when it is another log's.
    pub fn certificate(&self) -> Result<&TileLeaf, String> {
        match self {
            Self::Certificate(leaf) => Ok(leaf),
            Self::Plain(_) => Err("it is none of a log of certificates".to_owned()),
        }
    }

    /// Returns what the tree of a plain log hashes.
    ///
    /// # Errors
    ///
    /// In a sentence of its own, when it is another log's.
    pub fn plain(&self) -> Result<&[u8], String> {
        match self {
            Self::Plain(body) => Ok(body),
            Self::Certificate(_) => Err("it is a certificate".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_entry_is_its_length_and_its_body() {
        let form = Form::TlogTiles;
        let tile = b"\0\x03abc\0\0\0\x09rest";
        let (first, rest) = form.split_first(tile).unwrap();
        assert_eq!(first, b"\0\x03abc");
        let (second, rest) = form.split_first(rest).unwrap();
        assert_eq!(second, b"\0\0");
        assert!(form.split_first(rest).is_err());
        assert!(form.split_first(b"\0").is_err());
        assert!(Form::StaticCt.split_first(tile).is_err());

        let leaf = form.parse(7, first).unwrap();
        assert_eq!(leaf.plain().unwrap(), b"abc");
        assert_eq!(leaf.leaf_hash(), leaf_hash(b"abc"));
        assert!(leaf.certificate().is_err());
        assert_eq!(form.parse(7, tile).unwrap_err(), "is followed by 8 bytes");
    }
}
