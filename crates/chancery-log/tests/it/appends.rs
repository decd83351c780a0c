//! What appending does when nothing fails: places, batches, and the sizes where tiles begin.

use std::collections::HashSet;
use std::sync::atomic::Ordering::SeqCst;

use chancery_log::PoolLimits;

use crate::world::{TestLog, World};

#[tokio::test]
async fn an_empty_log_has_a_checkpoint_and_no_tiles() {
    let log = TestLog::new().await;
    assert_eq!(log.check_log().await.head, chancery_tlog::TreeHead::EMPTY);
}

#[tokio::test]
async fn a_lone_append_costs_one_commit_and_is_covered_at_once() {
    let log = TestLog::new().await;
    let sequenced = log.append_one().await.unwrap();
    assert_eq!(sequenced.leaf_index().get(), 0);
    assert_eq!(log.store.commits.load(SeqCst), 1);

    let audited = log.check_log().await;
    assert_eq!(audited.head, *sequenced.tree());
    assert_eq!(audited.timestamp_ms, sequenced.timestamp_ms());
    assert_eq!(audited.leaves.len(), 1);
}

#[tokio::test]
async fn a_thousand_appends_at_once_share_few_commits_and_leave_no_gap() {
    let log = TestLog::new().await;
    let places = log.append_many(1_000).await;
    assert_eq!(places, (0..1_000).collect::<HashSet<_>>());
    let commits = log.store.commits.load(SeqCst);
    assert!(commits <= 4, "{commits} commits");
    log.check_log().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_from_many_threads_leave_no_gap() {
    let log = TestLog::new().await;
    let mut places = HashSet::new();
    for _ in 0..4 {
        places.extend(log.append_many(250).await);
    }
    assert_eq!(places, (0..1_000).collect::<HashSet<_>>());
    log.check_log().await;
}

#[tokio::test]
async fn no_batch_is_larger_than_the_limit() {
    let limits = PoolLimits {
        capacity: 100,
        max_batch: 7,
    };
    let log = World::new().open_with(limits).await.unwrap();
    log.append_many(50).await;
    let batches = log.store.batches.lock().unwrap().clone();
    assert!(batches.iter().all(|size| *size <= 7), "{batches:?}");
    assert_eq!(batches.iter().sum::<usize>(), 50);
    log.check_log().await;
}

#[tokio::test]
async fn batches_end_before_on_and_after_the_end_of_a_tile() {
    for batches in [[255, 1, 1], [255, 2, 255], [256, 256, 1], [300, 212, 300]] {
        let log = TestLog::new().await;
        for size in batches {
            log.append_many(size).await;
            log.check_log().await;
        }
    }
}

#[tokio::test]
async fn every_size_up_to_two_tiles_is_right() {
    let log = TestLog::new().await;
    for size in 1..=2 * 256 + 1 {
        log.append_one().await.unwrap();
        if size % 256 < 3 || size % 64 == 0 {
            assert_eq!(log.check_log().await.head.tree_size, size);
        }
    }
}

#[tokio::test]
async fn the_third_level_of_tiles_begins_at_65536() {
    let limits = PoolLimits {
        capacity: 70_000,
        max_batch: 70_000,
    };
    let mut log = World::new().open_with(limits).await.unwrap();
    log.append_many(65_534).await;
    for size in [65_535, 65_536, 65_537] {
        // Each from tiles read back.
        log = log.reopen().await;
        log.append_one().await.unwrap();
        assert_eq!(log.status().tree.tree_size, size);
    }
    log.append_many(300).await;
    log.check_log().await;
}
