//! How far a long run has come, kept in the place, so that one that ends early need not begin anew.
//!
//! A tree of many entries takes hours to write, and there is no checkpoint of its parts. The file
//! holds a size, and the partial hash tiles of the tree of that size. It is believed no more than the
//! entries are: what follows from it has to hash to the checkpoint.

use std::fmt::Write as _;

use chancery_tlog::{RightEdge, TileId};

use super::ExportError;
use crate::published_files::{FilePlace, NewFile};
use crate::read::edge_from_tiles;

/// The file's name in the place.
pub(super) const FILE: &str = ".progress";

/// At most 255 hashes of 6 levels, in hex, and a little more.
const LONGEST: u64 = 256 * 1024;

/// The right edge of a tree, with its partial tiles.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) edge: RightEdge,
    pub(super) tiles: Vec<(TileId, Vec<u8>)>,
}

impl Progress {
    pub(super) fn empty() -> Self {
        Self {
            edge: RightEdge::empty(),
            tiles: Vec::new(),
        }
    }

    pub(super) fn of_tiles(size: u64, tiles: Vec<(TileId, Vec<u8>)>) -> Result<Self, String> {
        let tree = chancery_tlog::TreeHead {
            tree_size: size,
            root_hash: chancery_tlog::Hash::EMPTY_ROOT,
        };
        let edge = edge_from_tiles(&tree, &tiles)?;
        Ok(Self { edge, tiles })
    }

    /// Reads what was kept, if it can be understood.
    pub(super) async fn read(place: &dyn FilePlace) -> Result<Option<Self>, ExportError> {
        let bytes = place.read(FILE, LONGEST).await?;
        Ok(bytes.and_then(|bytes| parse(str::from_utf8(&bytes).ok()?)))
    }

    /// Returns the file.
    pub(super) fn file(&self) -> NewFile {
        let mut text = format!("{}\n", self.edge.tree_size());
        for (TileId { level, index }, hashes) in &self.tiles {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{level} {index} {}", hex::encode(hashes));
        }
        NewFile {
            name: FILE.to_owned(),
            bytes: text.into_bytes(),
        }
    }
}

fn parse(text: &str) -> Option<Progress> {
    let mut lines = text.lines();
    let size = lines.next()?.parse().ok()?;
    let tiles = lines.map(|line| {
        let mut words = line.split(' ');
        let level = words.next()?.parse().ok()?;
        let index = words.next()?.parse().ok()?;
        Some((TileId { level, index }, hex::decode(words.next()?).ok()?))
    });
    Progress::of_tiles(size, tiles.collect::<Option<_>>()?).ok()
}

#[cfg(test)]
mod tests {
    use chancery_tlog::leaf_hash;

    use super::*;

    #[test]
    fn what_is_kept_reads_back_and_anything_else_is_nothing() {
        let mut edge = RightEdge::empty();
        let hashes: Vec<_> = (0..70_000_u64)
            .map(|n| leaf_hash(&n.to_be_bytes()))
            .collect();
        let writes = edge.append(&hashes);
        let tiles = RightEdge::tiles_needed(edge.tree_size()).into_iter();
        let tiles = tiles.map(|id| {
            let write = writes.iter().find(|write| write.id() == id).unwrap();
            (id, write.hashes.clone())
        });
        let progress = Progress {
            tiles: tiles.collect(),
            edge,
        };
        let text = String::from_utf8(progress.file().bytes).unwrap();
        let back = parse(&text).unwrap();
        assert_eq!(back.edge.tree_head(), progress.edge.tree_head());
        assert_eq!(back.tiles, progress.tiles);
        for wrong in ["", "x\n", "3\n", &text[..text.len() - 3], "1\n0 0 zz\n"] {
            assert!(parse(wrong).is_none(), "{wrong:.20}");
        }
    }
}
