//! The whole log, verified from its published bytes, against what clients hold.

use chancery_certs::{CertificateDetails, precert_tbs_of_final};
use chancery_keys::Signer;
use chancery_log::Log;
use chancery_log::PublishedLog as _;
use chancery_tests::checkpoint;
use chancery_tlog::ct::{Entry, TileLeaf, parse_sct_list};
use chancery_tlog::{RightEdge, TILE_WIDTH, TileId, TilePath, TreeHead, tile_width_at};

use super::world::World;

/// Verifies a checkpoint's signature and returns its head.
pub(crate) fn verified(note: &[u8], world: &World) -> TreeHead {
    let (_, seen) = checkpoint::verify(note, world.keys.log.public_key()).unwrap();
    seen.head
}

/// Every entry is in its place, every tile and every head is of this tree, and everything that a
/// client holds is in it.
pub(crate) async fn whole(log: &Log, world: &World, heads: &[TreeHead]) {
    let head = verified(&log.checkpoint().await.unwrap(), world);
    let leaves = read_leaves(log, head.tree_size).await;
    let mut edge = RightEdge::empty();
    let mut last_ms = 0;
    for (index, leaf) in (0..).zip(&leaves) {
        check_heads(heads, &edge.tree_head());
        assert_eq!(leaf.leaf_index().get(), index);
        assert!(leaf.timestamp_ms() >= last_ms, "entry {index} is older");
        last_ms = leaf.timestamp_ms();
        for tile in edge.append(&[leaf.leaf_hash()]) {
            check_tile(log, tile.id(), &tile.hashes).await;
        }
    }
    assert_eq!(edge.tree_head(), head);
    check_heads(heads, &head);
    assert!(heads.iter().all(|seen| seen.tree_size <= head.tree_size));
    for (index, certificate) in world.all_received() {
        check_received(world, &leaves, index, &certificate);
    }
}

fn check_heads(heads: &[TreeHead], tree: &TreeHead) {
    for seen in heads.iter().filter(|seen| seen.tree_size == tree.tree_size) {
        assert_eq!(seen, tree, "a head that was published is no part of this");
    }
}

async fn check_tile(log: &Log, tile: TileId, hashes: &[u8]) {
    let width = u16::try_from(hashes.len() / 32).unwrap();
    let path = TilePath::Hash {
        level: tile.level,
        index: tile.index,
        width,
    };
    assert_eq!(log.tile(path).await.unwrap().unwrap(), hashes, "{path}");
}

async fn read_leaves(log: &Log, size: u64) -> Vec<TileLeaf> {
    let mut leaves = Vec::new();
    for index in 0..size.div_ceil(TILE_WIDTH) {
        let width = tile_width_at(0, index, size);
        let path = TilePath::Data { index, width };
        let tile = log.tile(path).await.unwrap().unwrap();
        leaves.extend(TileLeaf::parse_all(&tile).unwrap());
    }
    leaves
}

fn check_received(world: &World, leaves: &[TileLeaf], index: usize, certificate: &[u8]) {
    let leaf = leaves
        .get(index)
        .unwrap_or_else(|| panic!("the log lacks certificate {index}"));
    let Entry::Precert(entry) = leaf.entry() else {
        panic!("entry {index} is no precertificate");
    };
    assert_eq!(entry.tbs(), precert_tbs_of_final(certificate).unwrap());
    let details = CertificateDetails::from_der(certificate).unwrap();
    let scts = parse_sct_list(&details.sct_list.unwrap()).unwrap();
    let signature = scts[0].signature().signature_der();
    let key = world.keys.log.public_key();
    key.verify(&leaf.merkle_tree_leaf(), signature).unwrap();
}
