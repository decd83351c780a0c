//! What happens when the guard or the key cannot do its part: nothing is released meanwhile, and
//! what was committed is caught up with.

use std::sync::atomic::Ordering::SeqCst;

use chancery_keys::SignError;
use chancery_log::PublishedLog as _;
use chancery_log::{AppendError, OpenLogError, PoolLimits, PublishError, ReadError};

use crate::faulty::GuardFault::{self, AnswerLost, Unreachable};
use crate::world::{TestLog, World, refused};

#[tokio::test]
async fn a_head_is_not_published_until_the_guard_has_been_asked() {
    for fault in [Unreachable, AnswerLost] {
        fail_and_recover(&[fault]).await;
        fail_and_recover(&[fault, Unreachable]).await;
        fail_and_recover(&[fault, AnswerLost]).await;
        fail_and_recover(&[fault, AnswerLost, Unreachable]).await;
    }
}

/// Appends while the guard fails in a row, and then once more.
async fn fail_and_recover(faults: &[GuardFault]) {
    let log = TestLog::of_size(3).await;
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
    assert_eq!(
        audited.leaves.last().unwrap().leaf_index(),
        sequenced.leaf_index()
    );
    log.reopen().await.check_log().await;
}

#[tokio::test]
async fn readers_are_not_given_a_head_that_the_guard_has_not_seen() {
    let log = TestLog::of_size(3).await;
    log.guard.fail_next(&[Unreachable, Unreachable]);
    refused(&log).await;
    assert_eq!(log.world.stored_entries(), 4);
    let refusal = log.checkpoint().await.unwrap_err();
    assert!(matches!(refusal, ReadError::Unpublished(_)), "{refusal}");
    // What was published before stays readable; then the guard is back.
    let data = |width| chancery_tlog::TilePath::Data { index: 0, width };
    assert!(log.tile(data(3)).await.unwrap().is_some());
    assert!(log.tile(data(4)).await.unwrap().is_some());
    assert_eq!(log.check_log().await.leaves.len(), 4);
}

#[tokio::test]
async fn nothing_more_is_committed_while_the_last_batch_cannot_be_released() {
    let log = TestLog::of_size(3).await;
    log.guard.fail_next(&[Unreachable; 10]);
    for _ in 0..10 {
        refused(&log).await;
    }
    // One was committed before anybody knew; clients that try again add no more.
    assert_eq!(log.world.stored_entries(), 4);
    assert_eq!(log.append_one().await.unwrap().leaf_index().get(), 4);
    log.check_log().await;
}

#[tokio::test]
async fn a_key_that_cannot_be_reached_releases_nothing() {
    let log = TestLog::of_size(3).await;
    log.signer.failing.store(2, SeqCst);
    for _ in 0..2 {
        let refusal = refused(&log).await;
        assert!(matches!(refusal, AppendError::Unavailable(_)), "{refusal}");
    }
    assert_eq!(log.world.stored_entries(), 4);
    log.append_one().await.unwrap();
    log.check_log().await;
}

#[tokio::test]
async fn a_log_does_not_open_without_its_guard_or_its_key() {
    let log = TestLog::of_size(3).await;
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

#[tokio::test]
async fn a_guard_that_moved_unheard_is_caught_up_with_by_the_proof() {
    let log = TestLog::of_size(3).await;
    log.guard.asked.lock().unwrap().clear();
    log.guard.fail_next(&[AnswerLost]);
    refused(&log).await;
    log.append_one().await.unwrap();
    // It is asked from where it was last seen, answers where it stands, and is moved from there.
    let asked = log.guard.asked.lock().unwrap().clone();
    assert_eq!(asked, [(3, 4), (3, 4), (4, 5)]);
    log.check_log().await;
}
