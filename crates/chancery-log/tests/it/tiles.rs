//! Tiles as readers get them: every width of the published tree, and nothing beyond it.

use std::time::Duration;

use chancery_log::PublishedLog as _;
use chancery_log::memory::Fault::CommittedUnknown;
use chancery_tlog::TilePath;
use chancery_tlog::ct::TileLeaf;

use crate::audit::AuditedLeaf;
use crate::faulty::GuardFault::Unreachable;
use crate::world::{TestLog, refused};

fn data(index: u64, width: u16) -> TilePath {
    TilePath::Data { index, width }
}

fn hashes(level: u8, index: u64, width: u16) -> TilePath {
    TilePath::Hash {
        level,
        index,
        width,
    }
}

#[tokio::test]
async fn every_width_up_to_the_published_tree_is_served_and_none_beyond() {
    let log = TestLog::of_size(256 + 70).await;
    let whole = log.check_log().await.leaves;
    let whole: Vec<_> = whole.into_iter().map(AuditedLeaf::of_issuance).collect();
    for (index, published) in [(0, 256), (1, 70), (2, 0)] {
        for width in 1..=256 {
            let tile = log.tile(data(index, width)).await.unwrap();
            let hashes = log.tile(hashes(0, index, width)).await.unwrap();
            if width > published {
                assert_eq!((tile, hashes), (None, None), "{index}.p/{width}");
                continue;
            }
            let leaves = TileLeaf::parse_all(&tile.unwrap()).unwrap();
            let first = usize::try_from(index * 256).unwrap();
            assert_eq!(leaves, whole[first..first + usize::from(width)]);
            let computed: Vec<u8> = leaves
                .iter()
                .flat_map(|leaf| *leaf.leaf_hash().as_bytes())
                .collect();
            assert_eq!(hashes.unwrap(), computed, "{index}.p/{width}");
        }
    }
    assert!(log.tile(hashes(1, 0, 1)).await.unwrap().is_some());
    for path in [
        hashes(1, 0, 2),
        hashes(1, 1, 1),
        hashes(2, 0, 1),
        data(u64::MAX, 1),
        data(0, 0),
    ] {
        assert_eq!(log.tile(path).await.unwrap(), None, "{path:?}");
    }
}

#[tokio::test]
async fn a_narrow_tile_stays_the_same_bytes_while_the_log_grows() {
    let log = TestLog::of_size(10).await;
    let before = log.tile(data(0, 7)).await.unwrap();
    let before_hashes = log.tile(hashes(0, 0, 7)).await.unwrap();
    for size in [1, 200, 300] {
        log.append_many(size).await;
        assert_eq!(log.tile(data(0, 7)).await.unwrap(), before);
        assert_eq!(log.tile(hashes(0, 0, 7)).await.unwrap(), before_hashes);
    }
}

#[tokio::test]
async fn entries_beyond_the_guarded_head_are_not_served() {
    let log = TestLog::of_size(10).await;
    log.guard.fail_next(&[Unreachable; 3]);
    refused(&log).await;
    assert_eq!(log.world.stored_entries(), 11);
    tokio::time::pause();
    for _ in 0..2 {
        assert_eq!(log.tile(data(0, 11)).await.unwrap(), None);
        assert_eq!(log.tile(hashes(0, 0, 11)).await.unwrap(), None);
        tokio::time::advance(Duration::from_secs(2)).await;
    }
    assert!(log.tile(data(0, 11)).await.unwrap().is_some());
    log.check_log().await;
}

#[tokio::test]
async fn a_tile_that_another_process_completed_is_served_once_its_head_is_published() {
    let log = TestLog::of_size(10).await;
    let other = log.world.open().await.unwrap();
    other.append_many(5).await;
    assert_eq!(log.status().tree.tree_size, 10);
    assert!(log.tile(data(0, 15)).await.unwrap().is_some());
    assert_eq!(log.status().tree.tree_size, 15);
    log.world.memory.fail_next(&[CommittedUnknown]);
    refused(&log).await;
    assert!(other.tile(data(0, 16)).await.unwrap().is_some());
    assert_eq!(log.tile(data(0, 17)).await.unwrap(), None);
    log.check_log().await;
    other.check_log().await;
}
