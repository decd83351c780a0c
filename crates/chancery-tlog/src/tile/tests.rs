//! Tests of tile paths and widths.

use proptest::prelude::*;

use super::*;

#[test]
fn paths_are_read_and_written_as_in_the_specification() {
    let hash = |level, index, width| TilePath::Hash {
        level,
        index,
        width,
    };
    let data = |index, width| TilePath::Data { index, width };
    let cases = [
        ("0/000", hash(0, 0, 256)),
        ("0/005", hash(0, 5, 256)),
        ("1/999", hash(1, 999, 256)),
        ("0/x001/000", hash(0, 1000, 256)),
        ("0/x001/067.p/12", hash(0, 1067, 12)),
        ("0/x001/x234/067", hash(0, 1_234_067, 256)),
        ("data/x001/x234/067.p/255", data(1_234_067, 255)),
        ("data/000.p/1", data(0, 1)),
        ("5/000.p/1", hash(5, 0, 1)),
        ("4/000", hash(4, 0, 256)),
        ("0/x004/x294/x967/295", hash(0, (1 << 32) - 1, 256)),
    ];
    for (text, path) in cases {
        assert_eq!(TilePath::parse(text), Ok(path), "{text}");
        assert_eq!(path.to_string(), text);
    }
}

#[test]
fn every_other_path_is_refused() {
    use TilePathError::{Kind, Number, OutOfRange, Width};
    let cases = [
        ("", Kind),
        ("0", Kind),
        ("data", Kind),
        ("/0/000", Kind),
        ("tile/0/000", Kind),
        ("6/000", Kind),
        ("63/000", Kind),
        ("00/000", Kind),
        ("-1/000", Kind),
        ("+0/000", Kind),
        (" 0/000", Kind),
        ("0\0/000", Kind),
        ("DATA/000", Kind),
        ("entries/000", Kind),
        ("names/000", Kind),
        ("../0/000", Kind),
        ("\u{0660}/000", Kind),
        ("0/", Number),
        ("0//000", Number),
        ("0/../000", Number),
        ("0/x../000", Number),
        ("0/0", Number),
        ("0/0000", Number),
        ("0/000/", Number),
        ("0/000/000", Number),
        ("0/x000/000", Number),
        ("0/x000/x001/000", Number),
        ("0/x001/x000", Number),
        ("0/x001", Number),
        ("0/xx01/000", Number),
        ("0/X001/000", Number),
        ("0/+01", Number),
        ("0/-01", Number),
        ("0/ 01", Number),
        ("0/01a", Number),
        ("0/0x1", Number),
        ("0/000\n", Number),
        ("0/000%00", Number),
        ("0/\u{0660}\u{0660}\u{0660}", Number),
        ("0/000.p", Number),
        ("0/000.P/1", Number),
        ("0/.p/1", Number),
        ("0/000/.p/1", Number),
        ("0/000.p/", Width),
        ("0/000.p/0", Width),
        ("0/000.p/00", Width),
        ("0/000.p/01", Width),
        ("0/000.p/+1", Width),
        ("0/000.p/-1", Width),
        ("0/000.p/1 ", Width),
        ("0/000.p/1/", Width),
        ("0/000.p/256", Width),
        ("0/000.p/65537", Width),
        ("0/000.p/99999999999999999999", Width),
        ("0/000.p/1.p/1", Width),
        ("0/000.p/../1", Width),
        ("0/x004/x294/x967/296", OutOfRange),
        ("0/x018/x446/x744/x073/x709/x551/616", OutOfRange),
        ("0/x999/x999/x999/x999/x999/x999/x999/x999/999", OutOfRange),
        ("data/x004/x294/x967/296.p/1", OutOfRange),
        ("4/001", OutOfRange),
        ("5/000", OutOfRange),
        ("5/000.p/2", OutOfRange),
        ("5/001.p/1", OutOfRange),
    ];
    for (path, error) in cases {
        assert_eq!(TilePath::parse(path), Err(error), "{path:?}");
    }
}

#[test]
fn widths_are_those_of_the_specifications_examples() {
    let width = |level, index, size| tile_width_at(level, index, size);
    assert_eq!(
        (width(0, 0, 256), width(0, 1, 256), width(1, 0, 256)),
        (256, 0, 1)
    );
    assert_eq!(
        (
            width(0, 272, 70_000),
            width(0, 273, 70_000),
            width(0, 274, 70_000)
        ),
        (256, 112, 0)
    );
    assert_eq!(
        (
            width(1, 0, 70_000),
            width(1, 1, 70_000),
            width(1, 2, 70_000)
        ),
        (256, 17, 0)
    );
    assert_eq!(
        (
            width(2, 0, 70_000),
            width(2, 1, 70_000),
            width(3, 0, 70_000)
        ),
        (1, 0, 0)
    );
    assert_eq!(
        (
            width(0, 0, 0),
            width(255, 0, u64::MAX),
            width(0, u64::MAX, u64::MAX)
        ),
        (0, 0, 0)
    );
}

#[test]
fn a_path_is_covered_once_the_tree_has_all_its_hashes() {
    let covered = |path, size| TilePath::parse(path).unwrap().is_covered_by(size);
    assert!(covered("0/000.p/3", 3) && covered("0/000.p/3", 300));
    assert!(covered("data/001.p/44", 300) && !covered("data/001.p/45", 300));
    assert!(covered("1/000.p/1", 511) && !covered("1/000.p/2", 511));
    assert!(covered("0/000", 256) && !covered("0/000", 255));
    assert!(!TilePath::Data { index: 0, width: 0 }.is_covered_by(300));
}

proptest! {
    #[test]
    fn every_tile_of_a_possible_tree_has_a_path_that_leads_back_to_it(
        level in 0..=MAX_TILE_LEVEL,
        leaf in 0..MAX_TREE_SIZE,
        partial in any::<bool>(),
        width in 1..256_u16,
    ) {
        let index = leaf >> (8 * (level + 1));
        let full = tile_width_at(level, index, MAX_TREE_SIZE);
        let width = if partial { width.min(full) } else { full };
        let path = TilePath::Hash { level, index, width };
        prop_assert_eq!(TilePath::parse(&path.to_string()), Ok(path));
        if level == 0 {
            let path = TilePath::Data { index, width };
            prop_assert_eq!(TilePath::parse(&path.to_string()), Ok(path));
        }
    }

    #[test]
    fn a_path_that_is_accepted_is_the_only_one_of_its_tile(
        path in "[0-5]/(x?[0-9]{3}/){0,3}[0-9]{3}(\\.p/[0-9]{1,3})?",
    ) {
        if let Ok(tile) = TilePath::parse(&path) {
            prop_assert_eq!(tile.to_string(), path);
        }
    }
}
