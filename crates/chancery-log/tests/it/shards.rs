//! Logs that follow one another: where the one ends the other begins, whatever the clocks say.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use bytes::Bytes;
use chancery_log::clock::{FixedClock, from_unix_ms};
use chancery_log::{
    AppendError, FrozenLog, FrozenLogParts, LastHeadError, LogStore, OpenFrozenLogError,
    PublishedLog, Sequenced,
};
use chancery_tlog::{Origin, TilePath};

use crate::world::{ORIGIN, START_MS, TestLog, World};

/// When the old log ends and the new one begins: 10 s after every world's start.
const CUT_MS: u64 = START_MS + 10_000;

/// The old log's world and the new one's, on one clock.
fn two_logs() -> (World, World) {
    let old = World::new();
    old.memory.state().ends_ms = Some(CUT_MS);
    let mut new = World::new();
    new.begins_ms = CUT_MS;
    new.clock = Arc::clone(&old.clock);
    (old, new)
}

/// Does what an authority does: enters into the new log what the old one has no time for.
async fn enter(old: &TestLog, new: &TestLog) -> (bool, Sequenced) {
    match old.append_one().await {
        Ok(sequenced) => (false, sequenced),
        Err(AppendError::Ended) => (true, new.append_one().await.unwrap()),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_old_log_takes_entries_up_to_the_last_millisecond_and_the_new_one_from_then_on() {
    let (old, new) = two_logs();
    let (old, new) = (old.open().await.unwrap(), new.open().await.unwrap());
    let early = new.append_one().await.unwrap_err().to_string();
    assert!(early.contains("begins only in 10000 ms"), "{early}");

    old.world.clock.set(from_unix_ms(CUT_MS - 1));
    let last = old.append_one().await.unwrap();
    assert_eq!(last.timestamp_ms(), CUT_MS - 1);
    // There is no millisecond left.
    let (in_new, first) = enter(&old, &new).await;
    assert!(in_new);
    assert_eq!(first.timestamp_ms(), CUT_MS);
    old.world.tick(Duration::from_secs(3_600));
    for _ in 0..2 {
        let ended = old.append_one().await;
        assert!(matches!(ended, Err(AppendError::Ended)), "{ended:?}");
    }
    new.append_one().await.unwrap();
    assert_eq!(
        (old.world.stored_entries(), new.world.stored_entries()),
        (1, 2)
    );
    old.check_log().await;
    new.check_log().await;
}

#[tokio::test]
async fn replicas_whose_clocks_are_apart_cut_at_the_same_time_and_lose_nothing() {
    let (old, new) = two_logs();
    let mut replicas = Vec::new();
    for off_ms in [-1_000, 0, 1_000] {
        let now_ms = START_MS.checked_add_signed(off_ms).unwrap();
        let clock = Arc::new(FixedClock::at(from_unix_ms(now_ms)));
        let [old, new] = [&old, &new].map(|world| {
            let mut world = world.clone();
            world.clock = Arc::clone(&clock);
            world
        });
        replicas.push((old.open().await.unwrap(), new.open().await.unwrap()));
    }
    let mut entered = HashSet::new();
    let mut count = 0;
    for _ in 0..130 {
        for (old, new) in &replicas {
            let (in_new, sequenced) = enter(old, new).await;
            assert_eq!(in_new, sequenced.timestamp_ms() >= CUT_MS);
            entered.insert((in_new, sequenced.leaf_index().get()));
            count += 1;
            old.world.tick(Duration::from_millis(100));
        }
    }
    assert_eq!(entered.len(), count);
    for in_new in [false, true] {
        assert!(entered.iter().filter(|(new, _)| *new == in_new).count() > 50);
    }
    for (old, new) in &replicas {
        old.check_log().await;
        new.check_log().await;
    }
}

#[tokio::test]
async fn a_process_that_learns_of_the_end_only_under_the_lock_obeys_it() {
    let (old, _) = two_logs();
    old.memory.state().ends_ms = None;
    let log = old.open().await.unwrap();
    log.append_one().await.unwrap();
    old.clock.set(from_unix_ms(CUT_MS));
    log.append_one().await.unwrap();
    old.memory.state().ends_ms = Some(CUT_MS + 500);
    log.append_one().await.unwrap();
    old.tick(Duration::from_millis(500));
    assert!(matches!(log.append_one().await, Err(AppendError::Ended)));
    assert_eq!(log.check_log().await.leaves.len(), 3);
}

#[tokio::test]
async fn an_ended_log_that_is_opened_again_takes_nothing_and_shows_its_last_head() {
    let (old, _) = two_logs();
    let log = old.open().await.unwrap();
    log.append_many(3).await;
    old.clock.set(from_unix_ms(CUT_MS));
    let last = log.published().await;
    let log = log.reopen().await;
    assert!(matches!(log.append_one().await, Err(AppendError::Ended)));
    assert_eq!(log.published().await, last);
    log.check_log().await;
}

#[tokio::test]
async fn an_ended_log_refuses_before_anything_is_lost_by_trying() {
    let (old, _) = two_logs();
    let ends = |log: &TestLog| matches!(log.check_open(), Err(AppendError::Ended));
    // Told by who reads the record.
    let log = old.open().await.unwrap();
    old.clock.set(from_unix_ms(CUT_MS - 1));
    log.note_end(CUT_MS);
    assert!(!ends(&log));
    old.clock.set(from_unix_ms(CUT_MS));
    assert!(ends(&log));
    // An end is not put off.
    log.note_end(CUT_MS + 5_000);
    assert!(ends(&log));
    // Found by a batch, and kept in mind.
    let log = old.open().await.unwrap();
    assert!(!ends(&log));
    let ended = log.append_one().await;
    assert!(matches!(ended, Err(AppendError::Ended)), "{ended:?}");
    assert!(ends(&log));
    // The last millisecond is taken, whatever this clock says.
    old.clock.set(from_unix_ms(CUT_MS - 1));
    let log = old.open().await.unwrap();
    log.append_one().await.unwrap();
    old.tick_back(Duration::from_millis(500));
    assert!(ends(&log));
}

#[tokio::test]
async fn the_last_head_is_the_stored_one_or_none() {
    let world = World::new();
    let (log, other) = (world.open().await.unwrap(), world.open().await.unwrap());
    log.append_one().await.unwrap();
    let earlier = log.checkpoint().await.unwrap();
    other.append_one().await.unwrap();
    log.close().await;
    log.store.away.store(true, SeqCst);
    assert_eq!(log.checkpoint().await.unwrap(), earlier);
    let last = log.last().await;
    assert!(matches!(last, Err(LastHeadError::Store(_))), "{last:?}");
    log.store.away.store(false, SeqCst);
    let last = log.last().await.unwrap().signed;
    assert_eq!(last.head, world.memory.state().head);
    assert_eq!(last.head.tree.tree_size, 2);
    assert_eq!(log.checkpoint().await.unwrap(), last.checkpoint);
}

#[tokio::test]
async fn a_database_that_went_back_has_no_last_head() {
    let log = TestLog::of_size(2).await;
    let earlier = log.world.backup();
    log.append_one().await.unwrap();
    log.world.restore(&earlier);
    let last = log.last().await;
    assert!(matches!(last, Err(LastHeadError::Publish(_))), "{last:?}");
}

fn frozen_parts(log: &TestLog, checkpoint: Bytes) -> FrozenLogParts {
    FrozenLogParts {
        name: "2027".to_owned(),
        origin: Origin::parse(ORIGIN).unwrap(),
        public_key: log.key().clone(),
        store: Arc::new(log.world.memory.clone()) as Arc<dyn LogStore>,
        final_checkpoint: checkpoint,
    }
}

#[tokio::test]
async fn a_frozen_log_is_read_as_it_was_without_its_key() {
    let log = TestLog::of_size(300).await;
    let checkpoint = log.checkpoint().await.unwrap();
    log.close().await;
    let frozen = FrozenLog::open(frozen_parts(&log, checkpoint.clone()));
    let frozen = frozen.await.unwrap();
    assert_eq!(frozen.checkpoint().await.unwrap(), checkpoint);
    let (open, shut) = (log.newest().await.unwrap(), frozen.newest().await.unwrap());
    assert_eq!(open.head(), shut.head());
    assert_eq!(open.signed_head().signature, shut.signed_head().signature);
    for path in [
        "0/000",
        "0/001.p/44",
        "data/000",
        "data/001.p/44",
        "1/000.p/1",
    ] {
        let path = TilePath::parse(path).unwrap();
        let (one, other) = (
            open.tile(path).await.unwrap(),
            frozen.tile(path).await.unwrap(),
        );
        assert!(one.is_some() && one == other, "{path:?}");
    }
    assert_eq!(frozen.pruned_below().await.unwrap(), 0);
    log.world.memory.prune(256).await.unwrap();
    assert_eq!(frozen.pruned_below().await.unwrap(), 256);
    let beyond = TilePath::parse("data/001.p/45").unwrap();
    assert_eq!(frozen.tile(beyond).await.unwrap(), None);
}

#[tokio::test]
async fn a_frozen_log_whose_database_went_back_or_was_changed_is_not_opened() {
    let log = TestLog::of_size(3).await;
    let earlier = log.world.backup();
    let earlier_checkpoint = log.checkpoint().await.unwrap();
    log.append_one().await.unwrap();
    let checkpoint = log.checkpoint().await.unwrap();
    log.close().await;

    let other = FrozenLog::open(frozen_parts(&log, earlier_checkpoint)).await;
    assert!(
        matches!(other, Err(OpenFrozenLogError::Differs { .. })),
        "{other:?}"
    );
    let mut changed = checkpoint.to_vec();
    let size = changed.iter().position(|byte| *byte == b'4').unwrap();
    changed[size] = b'3';
    let forged = FrozenLog::open(frozen_parts(&log, changed.into())).await;
    assert!(
        matches!(forged, Err(OpenFrozenLogError::Checkpoint(_))),
        "{forged:?}"
    );
    log.world.restore(&earlier);
    let back = FrozenLog::open(frozen_parts(&log, checkpoint)).await;
    assert!(
        matches!(back, Err(OpenFrozenLogError::Differs { .. })),
        "{back:?}"
    );
}
