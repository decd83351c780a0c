//! Stored tiles that do not hash to the stored head: nothing is built on them.

use chancery_log::PublishedLog as _;
use chancery_log::memory::Fault::NotCommitted;
use chancery_log::{AppendError, OpenLogError};

use crate::world::{Kind, TestLog, refused};

over_both_kinds! {
    #[tokio::test] a_damaged_right_edge_is_refused_by_a_new_process,
    #[tokio::test] a_damaged_right_edge_is_refused_after_an_error,
    #[tokio::test] a_lost_right_edge_is_refused,
    #[tokio::test] a_running_process_writes_the_right_edge_anew,
    #[tokio::test] a_stored_head_that_was_altered_is_refused,
    #[tokio::test] lost_entries_are_not_served_as_shorter_tiles,
}

/// A log with partial tiles on two levels.
const SIZE: usize = 300;

type Damage = fn(&mut Vec<u8>);

/// A tile may have grown since the head was read: what follows is not looked at by a new process, and
/// written over.
const LONG: &str = "too long";
const ODD: &str = "no whole hashes";

const DAMAGES: [(&str, Damage); 4] = [
    ("a flipped bit", |tile| tile[5] ^= 0x10),
    ("cut off", |tile| tile.truncate(tile.len() - 32)),
    (LONG, |tile| tile.extend([0; 32])),
    (ODD, |tile| tile.push(0)),
];

const RIGHT_EDGE: [(u8, u64); 2] = [(0, 1), (1, 0)];

/// Appends to `log`, whose database is damaged and whose edge must be read back.
async fn check_refused(log: &TestLog, what: &str) {
    for _ in 0..2 {
        let refusal = refused(log).await;
        assert!(
            matches!(refusal, AppendError::Unavailable(_)),
            "{what}: {refusal}"
        );
        let said = refusal.to_string();
        assert!(
            said.contains("do not hash to the stored head"),
            "{what}: {said}"
        );
    }
    assert_eq!(log.world.stored_entries(), SIZE, "{what}");
}

/// Tries to open the log in a new process.
async fn check_not_opened(log: &TestLog, what: &str) {
    let stored = log.world.memory.state().head.tree;
    match log.world.open().await {
        Err(OpenLogError::Damaged { stored: said, .. }) => assert_eq!(said, stored, "{what}"),
        other => panic!("{what}: {other:?}"),
    }
}

async fn a_damaged_right_edge_is_refused_by_a_new_process(kind: Kind) {
    for place in RIGHT_EDGE {
        let damages = DAMAGES.into_iter();
        for (what, damage) in damages.filter(|(what, _)| ![LONG, ODD].contains(what)) {
            let log = TestLog::of(kind, SIZE).await;
            log.close().await;
            let whole = log.world.backup();
            damage(log.world.memory.state().tiles.get_mut(&place).unwrap());
            check_not_opened(&log, what).await;

            log.world.restore(&whole);
            let log = log.world.open().await.unwrap();
            log.append_one().await.unwrap();
            log.check_log().await;
        }
    }
}

async fn a_damaged_right_edge_is_refused_after_an_error(kind: Kind) {
    for place in RIGHT_EDGE {
        for (what, damage) in DAMAGES {
            let log = TestLog::of(kind, SIZE).await;
            let whole = log.world.backup();
            damage(log.world.memory.state().tiles.get_mut(&place).unwrap());
            log.world.memory.fail_next(&[NotCommitted]);
            refused(&log).await;
            check_refused(&log, what).await;

            log.world.restore(&whole);
            log.append_one().await.unwrap();
            log.check_log().await;
        }
    }
}

async fn a_lost_right_edge_is_refused(kind: Kind) {
    for place in RIGHT_EDGE {
        let log = TestLog::of(kind, SIZE).await;
        log.world.memory.state().tiles.remove(&place);
        check_not_opened(&log, "lost").await;
        log.world.memory.fail_next(&[NotCommitted]);
        refused(&log).await;
        check_refused(&log, "lost").await;
    }
}

async fn a_running_process_writes_the_right_edge_anew(kind: Kind) {
    for place in RIGHT_EDGE {
        let log = TestLog::of(kind, SIZE).await;
        log.world.memory.state().tiles.get_mut(&place).unwrap()[5] ^= 0x10;
        log.append_many(256).await;
        log.check_log().await;
    }
}

async fn a_stored_head_that_was_altered_is_refused(kind: Kind) {
    let log = TestLog::of(kind, SIZE).await;
    log.world.memory.state().head.tree.root_hash = chancery_tlog::leaf_hash(b"another");
    refused(&log).await;
    assert_eq!(log.world.stored_entries(), SIZE);
    check_not_opened(&log, "another root").await;
}

async fn lost_entries_are_not_served_as_shorter_tiles(kind: Kind) {
    let log = TestLog::of(kind, SIZE).await;
    log.world.memory.state().entries.truncate(290);
    let data = chancery_tlog::TilePath::Data {
        index: 1,
        width: 44,
    };
    log.tile(data).await.unwrap_err();
    log.world
        .memory
        .state()
        .tiles
        .get_mut(&(0, 1))
        .unwrap()
        .truncate(32);
    let hashes = chancery_tlog::TilePath::Hash {
        level: 0,
        index: 1,
        width: 44,
    };
    log.tile(hashes).await.unwrap_err();
}
