//! A database that went back, or aside: nothing is released on it.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use chancery_log::PublishedLog as _;
use chancery_log::{AppendError, ReadError, ServerRun};
use chancery_tlog::TreeHead;

use crate::faulty::GuardFault;
use crate::world::{Kind, TestLog, refused};

over_both_kinds! {
    #[tokio::test] nothing_is_answered_on_a_database_that_went_back,
    #[tokio::test] a_process_does_not_start_on_a_database_that_went_back,
    #[tokio::test] readers_are_not_served_a_database_that_went_back,
    #[tokio::test] a_lost_database_is_not_begun_anew,
    #[tokio::test] a_database_that_comes_back_whole_is_taken_by_a_new_process,
    #[tokio::test] a_fork_is_refused_at_every_size,
    #[tokio::test] a_guard_behind_the_database_is_moved_with_a_proof,
    #[tokio::test] a_standby_that_was_behind_is_noticed_before_anything_is_written_to_it,
    #[tokio::test] a_server_that_was_started_again_with_all_it_had_is_taken,
    #[tokio::test] a_new_server_waits_for_the_guard,
}

const HOUR: Duration = Duration::from_secs(3_600);

/// Both heads must be said, and that it is for good.
fn check_reason(reason: &str, heads: &[&TreeHead]) {
    for TreeHead {
        tree_size,
        root_hash,
    } in heads
    {
        let said = format!("size {tree_size} root {root_hash}");
        assert!(reason.contains(&said), "{said:?} is not in {reason:?}");
    }
}

/// Appends `count` entries to a log that was put back from 9 entries to 5, `later`.
async fn append_after_rollback(kind: Kind, later: Duration, count: usize) {
    let log = TestLog::of(kind, 5).await;
    let backup = log.world.backup();
    log.append_many(4).await;
    let released = log.status().tree;
    log.world.restore(&backup);
    log.world.tick(later);

    log.store.gate.close();
    let first = log.spawn_append();
    log.store.gate.reached().await;
    let others: Vec<_> = (1..count).map(|_| log.spawn_append()).collect();
    log.waiting(count - 1).await;
    log.store.gate.open();
    for append in std::iter::once(first).chain(others) {
        let refusal = append.await.unwrap().unwrap_err();
        let AppendError::Halted(reason) = &refusal else {
            panic!("{count} appended {later:?} after: {refusal}");
        };
        check_reason(reason, &[&released]);
    }

    assert_eq!(log.world.stored_entries(), 5, "it wrote to what went back");
    assert!(log.status().halted.is_some());
    log.probe().await.unwrap_err();
    let commits = log.store.commits.load(SeqCst);
    assert!(matches!(refused(&log).await, AppendError::Halted(_)));
    assert_eq!(log.store.commits.load(SeqCst), commits, "it tried again");
    check_reason(&log.world.refusal_to_open().await, &[&released]);
}

async fn nothing_is_answered_on_a_database_that_went_back(kind: Kind) {
    // Within the same millisecond, or with a slow clock, the times of the lost heads come again.
    for later in [Duration::ZERO, Duration::from_millis(3), HOUR] {
        for count in [1, 4, 5, 20] {
            append_after_rollback(kind, later, count).await;
        }
    }
}

async fn a_process_does_not_start_on_a_database_that_went_back(kind: Kind) {
    let log = TestLog::of(kind, 5).await;
    let (backup, old) = (log.world.backup(), log.status().tree);
    log.append_many(4).await;
    log.close().await;
    let released = log.status().tree;
    log.world.restore(&backup);
    let reason = log.world.refusal_to_open().await;
    check_reason(&reason, &[&old, &released]);
    assert!(reason.contains("rolled back"), "{reason}");
    assert_eq!(log.world.guard().read().await.unwrap(), released);
}

async fn readers_are_not_served_a_database_that_went_back(kind: Kind) {
    let log = TestLog::of(kind, 5).await;
    let (backup, old) = (log.world.backup(), log.status().tree);
    log.append_many(4).await;
    let released = log.status().tree;
    log.world.restore(&backup);
    let refusal = log.checkpoint().await.unwrap_err();
    assert!(matches!(refusal, ReadError::Unpublished(_)), "{refusal}");
    check_reason(&log.status().halted.unwrap(), &[&old, &released]);
}

async fn a_lost_database_is_not_begun_anew(kind: Kind) {
    let log = TestLog::of(kind, 5).await;
    log.world.restore(&Default::default());
    assert!(matches!(refused(&log).await, AppendError::Halted(_)));
    log.world.restore(&Default::default());
    log.world.refusal_to_open().await;
}

async fn a_database_that_comes_back_whole_is_taken_by_a_new_process(kind: Kind) {
    let log = TestLog::of(kind, 5).await;
    let backup = log.world.backup();
    log.append_many(4).await;
    let whole = log.world.backup();
    log.world.restore(&backup);
    refused(&log).await;
    log.world.restore(&whole);
    // This process has seen too much to go on.
    assert!(matches!(refused(&log).await, AppendError::Halted(_)));
    let log = log.reopen().await;
    log.append_one().await.unwrap();
    assert_eq!(log.check_log().await.leaves.len(), 10);
}

async fn a_fork_is_refused_at_every_size(kind: Kind) {
    for later in [Duration::ZERO, HOUR] {
        for (ours, theirs) in [(4, 4), (4, 1), (4, 9), (4, 300), (252, 251), (300, 300)] {
            check_fork(kind, ours, theirs, later).await;
        }
    }
}

/// Swaps the database for one that went its own way from 5 entries on, at the same time or `later`.
async fn check_fork(kind: Kind, ours: usize, theirs: usize, later: Duration) {
    let log = TestLog::of(kind, 5).await;
    let other = log.world.fork().await.open().await.unwrap();
    log.append_many(ours).await;
    log.world.tick(later);
    other.append_many(theirs).await;
    other.check_log().await;

    let swapped = other.world.in_place_of(&log.world);
    let reason = swapped.refusal_to_open().await;
    check_reason(&reason, &[&log.status().tree, &other.status().tree]);

    log.world.restore(&other.world.backup());
    let refusal = refused(&log).await;
    let AppendError::Halted(reason) = &refusal else {
        panic!("{ours} against {theirs}, {later:?}: {refusal}");
    };
    check_reason(reason, &[&log.status().tree]);
}

async fn a_guard_behind_the_database_is_moved_with_a_proof(kind: Kind) {
    let log = TestLog::of(kind, 5).await;
    let guard = *log.world.memory_guard().0.lock().unwrap();
    log.append_many(300).await;
    log.close().await;
    *log.world.memory_guard().0.lock().unwrap() = guard;

    let log = log.world.open().await.unwrap();
    assert_eq!(log.world.guard().read().await.unwrap(), log.status().tree);
    log.append_one().await.unwrap();
    log.check_log().await;
}

fn server_run(started_us: i64, connection: u64) -> ServerRun {
    ServerRun {
        started_us,
        connection,
    }
}

/// Two processes; the first knows 5 entries only when its database server is another one, which
/// lacks what the second has released meanwhile.
async fn fail_over_to_a_stale_standby(kind: Kind, run: ServerRun) -> (TestLog, TreeHead) {
    let log = TestLog::of(kind, 5).await;
    *log.store.server_run.lock().unwrap() = Some(server_run(1, 1));
    log.append_one().await.unwrap();
    let standby = log.world.backup();
    let other = log.world.open().await.unwrap();
    other.append_many(3).await;
    log.world.restore(&standby);
    *log.store.server_run.lock().unwrap() = Some(run);
    (log, other.status().tree)
}

async fn a_standby_that_was_behind_is_noticed_before_anything_is_written_to_it(kind: Kind) {
    for run in [server_run(2, 1), server_run(1, 2)] {
        let (log, released) = fail_over_to_a_stale_standby(kind, run).await;
        let refusal = refused(&log).await;
        let AppendError::Halted(reason) = &refusal else {
            panic!("{refusal}");
        };
        assert!(reason.contains("rolled back"), "{reason}");
        check_reason(reason, &[&log.status().tree, &released]);
        assert_eq!(log.world.stored_entries(), 6, "it wrote to what was behind");
    }
}

async fn a_server_that_was_started_again_with_all_it_had_is_taken(kind: Kind) {
    let log = TestLog::of(kind, 5).await;
    for run in 1..4 {
        *log.store.server_run.lock().unwrap() = Some(server_run(run, 1));
        let other = log.world.open().await.unwrap();
        other.append_many(2).await;
        log.append_one().await.unwrap();
        log.append_one().await.unwrap();
    }
    assert_eq!(log.check_log().await.leaves.len(), 5 + 3 * 4);
}

async fn a_new_server_waits_for_the_guard(kind: Kind) {
    let log = TestLog::of(kind, 5).await;
    *log.store.server_run.lock().unwrap() = Some(server_run(1, 1));
    log.guard.fail_next(&[GuardFault::Unreachable]);
    assert!(matches!(refused(&log).await, AppendError::Unavailable(_)));
    assert_eq!(log.world.stored_entries(), 5);
    log.append_one().await.unwrap();
}
