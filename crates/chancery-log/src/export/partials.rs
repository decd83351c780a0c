//! Partial tiles that nobody needs any more.
//!
//! Whoever has an older checkpoint may still ask for the partial tiles of its size, and falls back to
//! the full tile where there is one (c2sp.org/tlog-tiles). So they go only once the log is a good
//! deal larger than the full tile. What is left behind by a process that ended early is harmless.

use chancery_tlog::{MAX_TILE_LEVEL, TILE_WIDTH, TileId};

use crate::Form;

/// How many entries later a full tile's partial ones are removed.
const LATER: u64 = 4 * TILE_WIDTH;

/// Returns the folders of partial tiles that have to go when a place grows from one size to another.
pub(super) fn outdated(from: u64, to: u64, form: Form) -> Vec<String> {
    let mut folders = Vec::new();
    for level in 0..=MAX_TILE_LEVEL {
        let leaves = TILE_WIDTH.saturating_pow(u32::from(level) + 1);
        // Only a tile that a checkpoint ended in has partial ones; this writer knows of the last.
        for index in from.saturating_sub(LATER) / leaves..=from / leaves {
            let goes_at = (index + 1).saturating_mul(leaves).saturating_add(LATER);
            if (from + 1..=to).contains(&goes_at) {
                folders.push(folder(&super::hash_tile_name(TileId { level, index }, 1)));
                if level == 0 {
                    folders.push(folder(&form.data_tile_name(index, 1)));
                }
            }
        }
    }
    folders.retain(|folder| !folder.is_empty());
    folders
}

/// Takes the folder of a partial tile's name.
fn folder(name: &str) -> String {
    let folder = name.strip_suffix("/1").unwrap_or_default();
    debug_assert!(folder.ends_with(".p"), "{name} is that of a partial tile");
    folder.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_tiles_go_a_while_after_the_full_one_has_come() {
        let at = |from, to| outdated(from, to, Form::StaticCt);
        let first = ["tile/0/000.p", "tile/data/000.p"];
        assert_eq!(at(0, 255 + LATER), [""; 0]);
        assert_eq!(at(10, 256 + LATER), first);
        assert_eq!(at(255 + LATER, 256 + LATER), first);
        assert_eq!(at(256 + LATER, 257 + LATER), [""; 0]);
        let later = at(65_530, 70_000);
        assert!(later.contains(&"tile/1/000.p".to_owned()), "{later:?}");
        assert!(later.contains(&"tile/data/255.p".to_owned()), "{later:?}");
    }

    #[test]
    fn bundles_of_entries_have_a_folder_of_their_own_name() {
        assert_eq!(
            Form::TlogTiles.data_tile_name(1_000, 3),
            "tile/entries/x001/000.p/3"
        );
    }
}
