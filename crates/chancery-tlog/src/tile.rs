//! Tiles: where a tree's hashes and entries lie, and the paths that they are fetched by.
//!
//! <https://c2sp.org/tlog-tiles>, <https://c2sp.org/static-ct-api#merkle-tree>
//! ```text
//! <level>/<index>            hash tile, 256 hashes; position p of level l covers the 256^l leaves
//! <level>/<index>.p/<width>  … from p·256^l on; .p: only the first `width` hashes (1 to 255)
//! data/<index>               data tile: the entries whose leaf hashes are in 0/<index>
//! data/<index>.p/<width>
//!
//! index: groups of three digits, all but the last with an x in front: 1234067 = x001/x234/067
//! ```

use std::fmt;

/// How many hashes, or entries, a full tile has.
pub const TILE_WIDTH: u64 = 256;

/// The highest level of hash tiles that static-ct-api knows.
pub const MAX_TILE_LEVEL: u8 = 5;

/// The most leaves a tree may have: the leaf index extension has 40 bits.
pub const MAX_TREE_SIZE: u64 = 1 << 40;

// A tile is eight levels of the tree: 256 = 2^8.
pub(crate) const TILE_HEIGHT: u8 = 8;

/// Returns how many hashes a tree of `tree_size` leaves has at a level of tiles, counted over the
/// whole level: 256^level leaves each.
pub(crate) fn hashes_at(level: u8, tree_size: u64) -> u64 {
    tree_size
        .checked_shr(u32::from(level) * u32::from(TILE_HEIGHT))
        .unwrap_or(0)
}

/// Returns how many hashes of a tile are in a tree of `tree_size` leaves: 256 if the tile is full,
/// 0 if there is no such tile.
pub fn tile_width_at(level: u8, index: u64, tree_size: u64) -> u16 {
    let first = index.saturating_mul(TILE_WIDTH);
    let width = hashes_at(level, tree_size)
        .saturating_sub(first)
        .min(TILE_WIDTH);
    u16::try_from(width).unwrap_or(TilePath::FULL_WIDTH)
}

/// The place of a hash tile, whatever its width.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TileId {
    /// The level of tiles: each hash stands for 256^level leaves.
    pub level: u8,
    /// The number of the tile in its level, counted from the left.
    pub index: u64,
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.level, Number(self.index))
    }
}

/// The path of a hash tile or data tile, below the log's `tile/`.
///
/// What [`TilePath::parse`] returns is in range: no leaf below the tile has an index of
/// [`MAX_TREE_SIZE`] or more, so every number in it fits in an `i64`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum TilePath {
    /// Entries: static-ct-api's `TileLeaf` structures, one after the other.
    Data {
        /// The number of the tile.
        index: u64,
        /// How many entries: 256 is the full tile.
        width: u16,
    },
    /// Hashes, 32 bytes each.
    Hash {
        /// The level of tiles.
        level: u8,
        /// The number of the tile in its level.
        index: u64,
        /// How many hashes: 256 is the full tile.
        width: u16,
    },
}

impl TilePath {
    /// The width of a full tile.
    pub const FULL_WIDTH: u16 = 256;

    /// Parses a path such as `0/x001/067.p/12` or `data/005`.
    ///
    /// Each tile has exactly one path: other spellings are refused, so that no cache and no access
    /// rule in front of the log can be walked around.
    ///
    /// # Errors
    ///
    /// When the path is not one that static-ct-api gives to a tile; always the reader's fault.
    pub fn parse(path: &str) -> Result<Self, TilePathError> {
        let (kind, rest) = path.split_once('/').ok_or(TilePathError::Kind)?;
        let level = match kind.as_bytes() {
            b"data" => None,
            [digit @ b'0'..=b'5'] => Some(digit - b'0'),
            _ => return Err(TilePathError::Kind),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, parse_width(width)?),
            None => (rest, Self::FULL_WIDTH),
        };
        let index = parse_number(number)?;
        if tile_width_at(level.unwrap_or(0), index, MAX_TREE_SIZE) < width {
            return Err(TilePathError::OutOfRange);
        }
        Ok(match level {
            Some(level) => Self::Hash {
                level,
                index,
                width,
            },
            None => Self::Data { index, width },
        })
    }

    /// Returns the number of the tile in its level.
    pub fn index(&self) -> u64 {
        let (Self::Data { index, .. } | Self::Hash { index, .. }) = self;
        *index
    }

    /// Returns how many hashes or entries are asked for.
    pub fn width(&self) -> u16 {
        let (Self::Data { width, .. } | Self::Hash { width, .. }) = self;
        *width
    }

    /// Returns the hash tile with the same level and index; for a data tile the one of level 0,
    /// which has its leaf hashes.
    pub fn tile_id(&self) -> TileId {
        match *self {
            Self::Data { index, .. } => TileId { level: 0, index },
            Self::Hash { level, index, .. } => TileId { level, index },
        }
    }

    /// Tells whether a tree of `tree_size` leaves has all that the path asks for.
    pub fn is_covered_by(&self, tree_size: u64) -> bool {
        let TileId { level, index } = self.tile_id();
        (1..=tile_width_at(level, index, tree_size)).contains(&self.width())
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data { index, .. } => write!(f, "data/{}", Number(*index))?,
            Self::Hash { level, index, .. } => write!(f, "{level}/{}", Number(*index))?,
        }
        match self.width() {
            Self::FULL_WIDTH => Ok(()),
            width => write!(f, ".p/{width}"),
        }
    }
}

/// Shows a tile's number in groups of three digits.
struct Number(u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number) = *self;
        write_leading_groups(number / 1000, f)?;
        write!(f, "{:03}", number % 1000)
    }
}

fn write_leading_groups(number: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if number == 0 {
        return Ok(());
    }
    write_leading_groups(number / 1000, f)?;
    write!(f, "x{:03}/", number % 1000)
}

fn parse_number(text: &str) -> Result<u64, TilePathError> {
    let (leading, last) = match text.rsplit_once('/') {
        Some((leading, last)) => (Some(leading), last),
        None => (None, text),
    };
    let mut number = 0_u64;
    for group in leading.into_iter().flat_map(|groups| groups.split('/')) {
        let group = group.strip_prefix('x').ok_or(TilePathError::Number)?;
        number = push_group(number, group)?;
        // A leading group of zeros would be a second path to the same tile.
        if number == 0 {
            return Err(TilePathError::Number);
        }
    }
    push_group(number, last)
}

fn push_group(number: u64, group: &str) -> Result<u64, TilePathError> {
    if group.len() != 3 || !group.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TilePathError::Number);
    }
    let group: u64 = group.parse().map_err(|_| TilePathError::Number)?;
    let shifted = number.checked_mul(1000).ok_or(TilePathError::OutOfRange)?;
    shifted.checked_add(group).ok_or(TilePathError::OutOfRange)
}

fn parse_width(text: &str) -> Result<u16, TilePathError> {
    if text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TilePathError::Width);
    }
    let width = text.parse().map_err(|_| TilePathError::Width)?;
    if (1..TilePath::FULL_WIDTH).contains(&width) {
        Ok(width)
    } else {
        Err(TilePathError::Width)
    }
}

/// Why a path leads to no tile; each variant is the reader's fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TilePathError {
    /// It does not begin with a level or `data`.
    #[error("a tile path begins with a level from 0 to 5, or `data`, and a slash")]
    Kind,
    /// The tile's number is not written as it must be.
    #[error(
        "a tile's number is groups of three digits, all but the last with an x in front, \
         as in x001/x234/067, without leading groups of zeros"
    )]
    Number,
    /// No tree can have this tile.
    #[error("the tile lies beyond the largest possible tree of 2^40 leaves")]
    OutOfRange,
    /// The width of a partial tile is not written as it must be.
    #[error("the width of a partial tile is a number from 1 to 255 without leading zeros")]
    Width,
}

#[cfg(test)]
mod tests;
