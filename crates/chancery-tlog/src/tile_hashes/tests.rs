//! Tests of proofs made from hash tiles.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::*;
use crate::naive_tree::TREE;
use crate::proof::{
    MakeProofError, consistency_proof, consistency_tiles, inclusion_proof, inclusion_tiles,
    verify_consistency, verify_inclusion,
};
use crate::tree::TreeHead;

// Sizes around the borders of tiles, and that of the stored tree.
const SIZES: [usize; 11] = [
    1, 2, 255, 256, 257, 511, 65_279, 65_535, 65_536, 65_537, SIZE,
];
const SIZE: usize = 70_000;

static STORED: LazyLock<HashMap<TileId, Vec<u8>>> = LazyLock::new(|| TREE.tiles(SIZE));

fn reader(tree_size: usize, needed: &[TileId]) -> TileHashes {
    let mut tiles = TileHashes::new(tree_size as u64);
    for id in needed {
        tiles.insert(*id, &STORED[id]).unwrap();
    }
    tiles
}

#[test]
fn inclusion_is_proven_from_the_named_tiles_of_a_tree_that_has_grown() {
    for size in SIZES {
        let root_hash = TREE.root(0, size);
        for index in SIZES
            .map(|size| size - 1)
            .into_iter()
            .filter(|index| *index < size)
        {
            let (leaf, tree_size) = (index as u64, size as u64);
            let tiles = reader(size, &inclusion_tiles(leaf, tree_size));
            let proof = inclusion_proof(leaf, tree_size, &tiles).unwrap();
            let leaf_hash = TREE.root(index, index + 1);
            verify_inclusion(leaf, tree_size, &leaf_hash, &proof, &root_hash).unwrap();
        }
    }
}

#[test]
fn consistency_is_proven_from_the_named_tiles_of_a_tree_that_has_grown() {
    let head = |size| TreeHead {
        tree_size: size as u64,
        root_hash: TREE.root(0, size),
    };
    for new in SIZES {
        for old in SIZES.into_iter().filter(|old| *old <= new) {
            let tiles = reader(new, &consistency_tiles(old as u64, new as u64));
            let proof = consistency_proof(old as u64, new as u64, &tiles).unwrap();
            verify_consistency(&head(old), &head(new), &proof).unwrap();
        }
    }
}

#[test]
fn each_of_the_named_tiles_is_needed() {
    let needed = inclusion_tiles(300, SIZE as u64);
    let id = |level, index| TileId { level, index };
    // The level 1 tiles sum up all full tiles but that of the leaf.
    assert_eq!(needed, [id(0, 1), id(0, 273), id(1, 0), id(1, 1)]);
    for absent in &needed {
        let others: Vec<_> = needed.iter().copied().filter(|id| id != absent).collect();
        let proof = inclusion_proof(300, SIZE as u64, &reader(SIZE, &others));
        assert!(
            matches!(proof, Err(MakeProofError::MissingNode { .. })),
            "{absent}"
        );
    }
}

#[test]
fn bytes_that_cannot_be_the_tile_are_refused() {
    let mut tiles = TileHashes::new(300);
    let tile = TileId { level: 0, index: 1 };
    for hashes in [44, 45, 256] {
        assert_eq!(tiles.insert(tile, &vec![0; hashes * 32]), Ok(()));
    }
    for found in [0, 43 * 32, 44 * 32 + 1, 257 * 32] {
        assert_eq!(
            tiles.insert(tile, &vec![0; found]),
            Err(InsertTileError::WrongLength {
                tile,
                expected: 44 * 32,
                found
            })
        );
    }
    for tile in [TileId { level: 0, index: 2 }, TileId { level: 2, index: 0 }] {
        let error = InsertTileError::NoSuchTile {
            tile,
            tree_size: 300,
        };
        assert_eq!(tiles.insert(tile, &[0; 32]), Err(error));
    }
}

#[test]
fn nodes_beyond_the_tree_are_not_read_from_a_wider_tile() {
    let mut tiles = TileHashes::new(3);
    tiles
        .insert(TileId { level: 0, index: 0 }, &[7; 256 * 32])
        .unwrap();
    assert!(tiles.read(0, 2).is_some() && tiles.read(1, 0).is_some());
    assert_eq!(
        (tiles.read(0, 3), tiles.read(1, 1), tiles.read(2, 0)),
        (None, None, None)
    );
    assert_eq!((tiles.read(8, 0), tiles.read(255, u64::MAX)), (None, None));
}
