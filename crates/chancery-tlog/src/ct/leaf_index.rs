//! The leaf index, and the extension of entries and SCTs that carries it.
//!
//! <https://c2sp.org/static-ct-api#sct-extension>
//! ```text
//! CtExtensions = { u8 type ‖ u16-len data }*
//! leaf_index   = 00 ‖ 0005 ‖ u40 index
//! ```

use std::fmt;

use super::wire::{Reader, WireError};

const LEAF_INDEX: u8 = 0;

/// The place of an entry in its log, counted from 0: less than 2^40.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LeafIndex(u64);

impl LeafIndex {
    /// The largest index: 2^40 - 1.
    pub const MAX: Self = Self((1 << 40) - 1);

    /// Takes an index.
    ///
    /// # Errors
    ///
    /// When it does not fit in the 40 bits of the extension: then the log is full.
    pub fn new(index: u64) -> Result<Self, LeafIndexError> {
        if index <= Self::MAX.0 {
            Ok(Self(index))
        } else {
            Err(LeafIndexError { index })
        }
    }

    /// Returns the index as a number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the extensions of the entry and of its SCT: the leaf index and nothing else.
    pub fn to_extensions(self) -> [u8; 8] {
        let [_, _, _, a, b, c, d, e] = self.0.to_be_bytes();
        [LEAF_INDEX, 0, 5, a, b, c, d, e]
    }

    /// Finds the leaf index among extensions; those of other types are passed over.
    ///
    /// # Errors
    ///
    /// When the extensions are malformed, or do not have exactly one leaf index.
    pub fn from_extensions(extensions: &[u8]) -> Result<Self, ParseExtensionsError> {
        let mut reader = Reader::new(extensions);
        let mut found = None;
        while !reader.rest().is_empty() {
            let [extension_type] = reader.array("extension type")?;
            let data = reader.vector::<2>("extension data")?;
            if extension_type != LEAF_INDEX {
                continue;
            }
            let &[a, b, c, d, e] = data else {
                return Err(ParseExtensionsError::Length { found: data.len() });
            };
            let index = Self(u64::from_be_bytes([0, 0, 0, a, b, c, d, e]));
            if found.replace(index).is_some() {
                return Err(ParseExtensionsError::Repeated);
            }
        }
        found.ok_or(ParseExtensionsError::Missing)
    }
}

impl TryFrom<u64> for LeafIndex {
    type Error = LeafIndexError;

    fn try_from(index: u64) -> Result<Self, Self::Error> {
        Self::new(index)
    }
}

impl fmt::Display for LeafIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number that is too large for a leaf index: the log is full.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("leaf index {index} does not fit in 40 bits: the log is full, begin another one")]
pub struct LeafIndexError {
    /// The number.
    pub index: u64,
}

/// Why no leaf index can be taken from extensions; each variant is the fault of the log that made
/// them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseExtensionsError {
    /// The leaf index has not five bytes.
    #[error("the leaf_index extension has {found} bytes instead of 5")]
    Length {
        /// How many it has.
        found: usize,
    },
    /// They are not extensions at all.
    #[error("the extensions are malformed")]
    Malformed(#[from] WireError),
    /// There is none, as with logs that are not static-ct-api logs.
    #[error("there is no leaf_index extension")]
    Missing,
    /// There are several.
    #[error("there is more than one leaf_index extension")]
    Repeated,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_has_the_eight_bytes_of_the_specification() {
        let extension = |index| hex::encode(LeafIndex::new(index).unwrap().to_extensions());
        assert_eq!(extension(0), "0000050000000000");
        assert_eq!(extension(112), "0000050000000070");
        assert_eq!(extension((1 << 40) - 1), "000005ffffffffff");
        assert_eq!(
            LeafIndex::new(1 << 40),
            Err(LeafIndexError { index: 1 << 40 })
        );
    }

    #[test]
    fn the_leaf_index_is_found_among_other_extensions() {
        let parse = |text| LeafIndex::from_extensions(&hex::decode(text).unwrap());
        assert_eq!(parse("0000050000000102"), Ok(LeafIndex(258)));
        assert_eq!(parse("010001ff0000050000000102070000"), Ok(LeafIndex(258)));
    }

    #[test]
    fn extensions_without_exactly_one_leaf_index_are_refused() {
        let cases = [
            ("", "there is no leaf_index extension"),
            ("010001ff", "there is no leaf_index extension"),
            (
                "00000500000001020000050000000102",
                "there is more than one leaf_index extension",
            ),
            (
                "00000400000001",
                "the leaf_index extension has 4 bytes instead of 5",
            ),
            (
                "0000060000000102aa",
                "the leaf_index extension has 6 bytes instead of 5",
            ),
            ("00000500000001", "the extensions are malformed"),
            ("000005000000010200", "the extensions are malformed"),
        ];
        for (text, message) in cases {
            let error = LeafIndex::from_extensions(&hex::decode(text).unwrap()).unwrap_err();
            assert_eq!(error.to_string(), message, "{text}");
        }
    }
}
