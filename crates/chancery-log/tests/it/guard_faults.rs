//! What happens when the guard or the key cannot do its part: nothing is released meanwhile, and
//! what was committed is caught up with.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use chancery_keys::SignError;
use chancery_log::PublishedLog as _;
use chancery_log::{AppendError, OpenLogError, PoolLimits, PublishError, ReadError};

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::faulty::GuardFault::{self, AnswerLost, Unreachable};
use crate::faulty::until;
use crate::world::{Kind, TestLog, World, refused};

over_both_kinds! {
    #[tokio::test] a_head_is_not_published_until_the_guard_has_been_asked,
    #[tokio::test] readers_are_not_given_a_head_that_the_guard_has_not_seen,
    #[tokio::test] readers_of_a_log_whose_guard_hangs_are_served_what_is_released_and_ask_once,
    #[tokio::test] nothing_more_is_committed_while_the_last_batch_cannot_be_released,
    #[tokio::test] a_key_that_cannot_be_reached_releases_nothing,
    #[tokio::test] a_log_does_not_open_without_its_guard_or_its_key,
    #[tokio::test] a_guard_that_moved_unheard_is_caught_up_with_by_the_proof,
    #[tokio::test] a_reader_who_waited_for_a_newer_head_notices_that_the_database_went_back,
}

/// Far more than anything here takes that does not wait for ever.
const FOR_EVER: Duration = Duration::from_secs(20);

async fn a_head_is_not_published_until_the_guard_has_been_asked(kind: Kind) {
    for fault in [Unreachable, AnswerLost] {
        fail_and_recover(kind, &[fault]).await;
        fail_and_recover(kind, &[fault, Unreachable]).await;
        fail_and_recover(kind, &[fault, AnswerLost]).await;
        fail_and_recover(kind, &[fault, AnswerLost, Unreachable]).await;
    }
}

/// Appends while the guard fails in a row, and then once more.
async fn fail_and_recover(kind: Kind, faults: &[GuardFault]) {
    let log = TestLog::of(kind, 3).await;
    let signed = log.world.released.lock().unwrap().heads_signed();
    log.guard.fail_next(faults);
    for _ in faults {
        let refusal = refused(&log).await;
        assert!(matches!(refusal, AppendError::Unavailable(_)), "{refusal}");
        assert_eq!(log.status().tree.tree_size, 3, "{faults:?}");
    }
    let released = log.world.released.lock().unwrap().heads_signed();
    assert_eq!(released, signed, "{faults:?}");

    let sequenced = log.append_one().await.unwrap();
    assert!(log.status().halted.is_none());
    let audited = log.check_log().await;
    let last = audited.leaves.len() as u64 - 1;
    assert_eq!(last, sequenced.leaf_index().get());
    log.reopen().await.check_log().await;
}

async fn readers_are_not_given_a_head_that_the_guard_has_not_seen(kind: Kind) {
    let log = TestLog::of(kind, 3).await;
    let asked = log.guard.asked.lock().unwrap().len();
    log.guard.fail_next(&[Unreachable, Unreachable]);
    refused(&log).await;
    assert_eq!(log.world.stored_entries(), 4);
    tokio::time::pause();
    let data = |width| chancery_tlog::TilePath::Data { index: 0, width };
    // What was published before stays readable, and the guard is not asked for each reader.
    for _ in 0..10 {
        assert_eq!(log.published().await.tree_size, 3);
        assert!(log.tile(data(3)).await.unwrap().is_some());
        assert!(log.tile(data(4)).await.unwrap().is_none());
    }
    assert_eq!(log.guard.asked.lock().unwrap().len(), asked + 2);
    let probed = log.probe().await.unwrap_err();
    assert!(matches!(probed, ReadError::Unpublished(_)), "{probed}");
    // Then the guard is back.
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(log.tile(data(4)).await.unwrap().is_some());
    assert_eq!(log.check_log().await.leaves.len(), 4);
}

async fn readers_of_a_log_whose_guard_hangs_are_served_what_is_released_and_ask_once(kind: Kind) {
    for by_sequencer in [true, false] {
        let log = TestLog::of(kind, 3).await;
        let batch = by_sequencer.then(|| {
            log.guard.gate.close();
            log.spawn_append()
        });
        if batch.is_some() {
            log.guard.gate.reached().await;
        } else {
            log.guard.fail_next(&[Unreachable]);
            refused(&log).await;
            log.guard.gate.close();
        }
        let asked = log.guard.asked.lock().unwrap().len();
        let mut readers = JoinSet::new();
        for _ in 0..200 {
            let log = log.log.clone();
            readers.spawn(async move { log.newest().await.unwrap().head().tree.tree_size });
        }
        let read = timeout(FOR_EVER, readers.join_all()).await;
        assert_eq!(read.expect("readers wait for the guard"), [3; 200]);

        log.guard.gate.open();
        until("release", || log.status().tree.tree_size == 4).await;
        if let Some(batch) = batch {
            batch.await.unwrap().unwrap();
        }
        assert_eq!(log.guard.asked.lock().unwrap().len(), asked + 1);
        log.check_log().await;
    }
}

async fn nothing_more_is_committed_while_the_last_batch_cannot_be_released(kind: Kind) {
    let log = TestLog::of(kind, 3).await;
    log.guard.fail_next(&[Unreachable; 10]);
    for _ in 0..10 {
        refused(&log).await;
    }
    // One was committed before anybody knew; clients that try again add no more.
    assert_eq!(log.world.stored_entries(), 4);
    assert_eq!(log.append_one().await.unwrap().leaf_index().get(), 4);
    log.check_log().await;
}

async fn a_key_that_cannot_be_reached_releases_nothing(kind: Kind) {
    let log = TestLog::of(kind, 3).await;
    log.signer.failing.store(2, SeqCst);
    for _ in 0..2 {
        let refusal = refused(&log).await;
        assert!(matches!(refusal, AppendError::Unavailable(_)), "{refusal}");
    }
    assert_eq!(log.world.stored_entries(), 4);
    log.append_one().await.unwrap();
    log.check_log().await;
}

async fn a_log_does_not_open_without_its_guard_or_its_key(kind: Kind) {
    let log = TestLog::of(kind, 3).await;
    let world = log.world.clone();
    drop(log);
    let limits = PoolLimits::default();
    let unguarded = world.open_prepared(limits, |guard, _| guard.fail_next(&[Unreachable]));
    let refusal = unguarded.await.unwrap_err();
    assert!(matches!(refusal, OpenLogError::Guard(_)), "{refusal}");

    let unsigned = world.open_prepared(limits, |_, signer| signer.failing.store(1, SeqCst));
    let refusal = unsigned.await.unwrap_err();
    let expected = |e: &OpenLogError| {
        matches!(
            e,
            OpenLogError::Publish(PublishError::Sign(SignError::Unavailable { .. }))
        )
    };
    assert!(expected(&refusal), "{refusal}");
    world.open().await.unwrap().check_log().await;
}

#[tokio::test]
async fn a_key_whose_signatures_no_client_could_read_is_refused() {
    let world = World::with_key(chancery_keys::KeyType::P384);
    let refusal = world.open().await.unwrap_err();
    assert!(
        matches!(refusal, OpenLogError::Publish(PublishError::Encode(_))),
        "{refusal}"
    );
}

async fn a_guard_that_moved_unheard_is_caught_up_with_by_the_proof(kind: Kind) {
    let log = TestLog::of(kind, 3).await;
    log.guard.asked.lock().unwrap().clear();
    log.guard.fail_next(&[AnswerLost]);
    refused(&log).await;
    log.append_one().await.unwrap();
    // It is asked from where it was last seen, answers where it stands, and is moved from there.
    let asked = log.guard.asked.lock().unwrap().clone();
    assert_eq!(asked, [(3, 4), (3, 4), (4, 5)]);
    log.check_log().await;
}

async fn a_reader_who_waited_for_a_newer_head_notices_that_the_database_went_back(kind: Kind) {
    let log = TestLog::of(kind, 2).await;
    let earlier = log.world.backup();
    log.append_one().await.unwrap();
    let other = log.world.open().await.unwrap();
    other.append_one().await.unwrap();
    log.guard.gate.close();
    let first = {
        let log = log.log.clone();
        tokio::spawn(async move { log.newest().await.map(drop) })
    };
    log.guard.gate.reached().await;
    log.world.restore(&earlier);
    let (read, ()) = tokio::join!(log.newest(), async { log.guard.gate.open() });
    first.await.unwrap().unwrap();
    let refusal = read.unwrap_err().to_string();
    assert!(refusal.contains("rolled back"), "{refusal}");
    assert!(log.status().halted.is_some());
}
