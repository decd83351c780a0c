//! Tests of the right edge against the tree that RFC 6962 defines.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::hash::leaf_hash;
use crate::naive_tree::TREE;
use crate::{TileHashes, inclusion_proof};

type Tiles = HashMap<TileId, Vec<u8>>;

fn store(tiles: &mut Tiles, writes: Vec<TileWrite>) {
    let ids: HashSet<_> = writes.iter().map(TileWrite::id).collect();
    assert_eq!(ids.len(), writes.len(), "each tile is written once");
    tiles.extend(writes.into_iter().map(|write| (write.id(), write.hashes)));
}

fn load(tree_size: u64, tiles: &Tiles) -> Result<RightEdge, EdgeError> {
    RightEdge::from_tiles(tree_size, |id| tiles.get(&id).map(Vec::as_slice))
}

#[test]
fn roots_agree_with_the_known_answers() {
    let leaves = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut edge = RightEdge::empty();
    assert_eq!(edge.tree_head(), TreeHead::EMPTY);
    for (tree_size, (leaf, root)) in (1..).zip(leaves.into_iter().zip(roots)) {
        edge.append(&[leaf_hash(&hex::decode(leaf).unwrap())]);
        let head = edge.tree_head();
        assert_eq!(
            (head.tree_size, head.root_hash.to_string()),
            (tree_size, root.to_owned())
        );
    }
}

#[test]
fn a_batch_over_several_tiles_gives_the_tiles_of_the_specifications_example() {
    let mut edge = RightEdge::empty();
    edge.append(TREE.leaf_hashes(0..300));
    let writes = edge.append(TREE.leaf_hashes(300..70_000));
    let of_level = |level| writes.iter().filter(move |write| write.level == level);
    let widths = |level| {
        of_level(level)
            .map(|write| write.hashes.len() / 32)
            .collect::<Vec<_>>()
    };
    let level_0 = widths(0);
    assert_eq!(
        (level_0.len(), level_0.first(), level_0.last()),
        (273, Some(&256), Some(&112))
    );
    assert_eq!(
        of_level(0).next().unwrap().index,
        1,
        "tile 0 was full already"
    );
    assert_eq!(
        (widths(1), widths(2), widths(3)),
        (vec![256, 17], vec![1], vec![])
    );

    assert_eq!(edge.tree_head().root_hash, TREE.root(0, 70_000));
    let tiles = TREE.tiles(70_000);
    for write in writes {
        assert_eq!(tiles[&write.id()], write.hashes, "{}", write.id());
    }
}

#[test]
fn the_edge_of_a_stored_tree_needs_only_its_partial_tiles() {
    let id = |level, index| TileId { level, index };
    assert_eq!(RightEdge::tiles_needed(0), []);
    assert_eq!(RightEdge::tiles_needed(255), [id(0, 0)]);
    assert_eq!(RightEdge::tiles_needed(256), [id(1, 0)]);
    assert_eq!(RightEdge::tiles_needed(65_536), [id(2, 0)]);
    assert_eq!(
        RightEdge::tiles_needed(70_000),
        [id(0, 273), id(1, 1), id(2, 0)]
    );
    assert_eq!(RightEdge::tiles_needed(MAX_TREE_SIZE), [id(5, 0)]);
    assert_eq!(RightEdge::tiles_needed(u64::MAX).len(), 8);
}

#[test]
fn a_tree_that_ends_with_a_tile_is_loaded_and_appended_to() {
    let mut tiles = Tiles::new();
    let mut edge = RightEdge::empty();
    let mut size = 0;
    for next in [
        256, 257, 512, 65_280, 65_535, 65_536, 65_537, 65_792, 70_000,
    ] {
        store(&mut tiles, edge.append(TREE.leaf_hashes(size..next)));
        size = next;
        edge = load(size as u64, &tiles).unwrap();
        assert_eq!(edge.tree_head().root_hash, TREE.root(0, size), "{size}");
    }
    assert_eq!(tiles, TREE.tiles(70_000));
    assert_eq!(edge.append(&[]), []);
}

proptest! {
    #[test]
    fn what_an_append_wrote_and_the_edge_prove_what_was_appended(
        before in prop_oneof![0..1_000_usize, 65_000..66_000_usize],
        count in 1..700_usize,
    ) {
        let mut edge = RightEdge::empty();
        edge.append(TREE.leaf_hashes(0..before));
        let size = before + count;
        let writes = edge.append(TREE.leaf_hashes(before..size));
        let mut tiles = TileHashes::new(size as u64);
        let written = writes.iter().map(|tile| (tile.id(), &tile.hashes[..]));
        for (id, hashes) in edge.tiles().chain(written) {
            tiles.insert(id, hashes).unwrap();
        }
        for leaf in before..size {
            let proof = inclusion_proof(leaf as u64, size as u64, &tiles);
            prop_assert_eq!(proof.unwrap(), TREE.path(leaf, 0, size));
        }
    }
}

#[test]
fn tiles_that_do_not_fit_the_tree_are_refused() {
    let mut tiles = Tiles::new();
    store(
        &mut tiles,
        RightEdge::empty().append(TREE.leaf_hashes(0..300)),
    );
    assert_eq!(load(300, &tiles).unwrap().tree_size(), 300);

    let tile = TileId { level: 0, index: 1 };
    let wrong_length = |tree_size, expected| {
        let found = 44 * 32;
        Err(EdgeError::WrongLength {
            tile,
            tree_size,
            expected,
            found,
        })
    };
    assert_eq!(load(299, &tiles).map(|_| ()), wrong_length(299, 43 * 32));
    assert_eq!(load(301, &tiles).map(|_| ()), wrong_length(301, 45 * 32));

    tiles.get_mut(&tile).unwrap().pop();
    assert!(matches!(
        load(300, &tiles),
        Err(EdgeError::WrongLength { .. })
    ));
    tiles.remove(&tile);
    assert_eq!(
        load(300, &tiles).map(|_| ()),
        Err(EdgeError::Missing { tile })
    );

    let tree_size = MAX_TREE_SIZE + 1;
    assert_eq!(
        load(tree_size, &tiles).map(|_| ()),
        Err(EdgeError::TooLarge { tree_size })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn batches_of_any_size_build_the_tree_and_its_tiles(
        batches in prop::collection::vec((0..600_usize, any::<bool>()), 1..8)
    ) {
        let mut edge = RightEdge::empty();
        let mut tiles = Tiles::new();
        let mut size = 0;
        for (batch, reload) in batches {
            if reload {
                edge = load(size as u64, &tiles).unwrap();
            }
            store(&mut tiles, edge.append(TREE.leaf_hashes(size..size + batch)));
            size += batch;
            prop_assert_eq!(edge.tree_head().tree_size, size as u64);
            prop_assert_eq!(edge.tree_head().root_hash, TREE.root(0, size));
            prop_assert_eq!(&tiles, &TREE.tiles(size));
        }
    }
}
