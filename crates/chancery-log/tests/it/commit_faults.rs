//! What happens when a commit fails, in each way that it can, once and twice in a row.

use std::sync::atomic::Ordering::SeqCst;

use chancery_log::memory::Fault::{self, CommittedUnknown, LostUnknown, NotCommitted};
use chancery_log::{AppendError, IndexTerm};
use chancery_tlog::leaf_hash;

use crate::world::{Kind, TestLog, refused};

over_both_kinds! {
    #[tokio::test] a_failed_commit_is_not_answered_and_loses_nothing,
    #[tokio::test] two_failed_commits_in_a_row_are_not_answered_and_lose_nothing,
    #[tokio::test] all_of_a_failed_batch_are_refused,
    #[tokio::test] what_was_committed_without_an_answer_is_published_to_readers,
    #[tokio::test] an_entry_is_found_by_its_terms,
    #[tokio::test] a_database_that_is_away_refuses_and_what_is_published_stays_readable,
}

const FAULTS: [Fault; 3] = [NotCommitted, CommittedUnknown, LostUnknown];

/// Sizes from which a batch of one ends within, at the end of, and after a tile.
const SIZES: [usize; 4] = [0, 5, 255, 256];

async fn a_failed_commit_is_not_answered_and_loses_nothing(kind: Kind) {
    for fault in FAULTS {
        for size in SIZES {
            fail_and_recover(kind, size, &[fault], Then::GoOn).await;
            fail_and_recover(kind, size, &[fault], Then::Reopen).await;
        }
    }
}

async fn two_failed_commits_in_a_row_are_not_answered_and_lose_nothing(kind: Kind) {
    for first in FAULTS {
        for second in FAULTS {
            for size in SIZES {
                fail_and_recover(kind, size, &[first, second], Then::GoOn).await;
                fail_and_recover(kind, size, &[first, second], Then::Reopen).await;
            }
        }
    }
}

/// What comes after the failed commits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Then {
    GoOn,
    Reopen,
}

/// Appends to a log of `size` entries while commits fail in a row, and then once more.
async fn fail_and_recover(kind: Kind, size: usize, faults: &[Fault], then: Then) {
    let mut log = TestLog::of(kind, size).await;
    log.world.memory.fail_next(faults);
    for _ in faults {
        let refusal = refused(&log).await;
        assert!(matches!(refusal, AppendError::Unavailable(_)), "{refusal}");
    }
    if then == Then::Reopen {
        log = log.reopen().await;
    }
    let unanswered = faults.iter().filter(|f| **f == CommittedUnknown).count();
    assert_eq!(log.world.stored_entries(), size + unanswered);
    assert_eq!(log.check_log().await.leaves.len(), size + unanswered);

    let sequenced = log.append_one().await.unwrap();
    let place = u64::try_from(size + unanswered).unwrap();
    assert_eq!(sequenced.leaf_index().get(), place, "{size} {faults:?}");
    log.append_many(2).await;
    log.check_log().await;
}

async fn all_of_a_failed_batch_are_refused(kind: Kind) {
    let log = TestLog::of(kind, 3).await;
    log.world.memory.fail_next(&[CommittedUnknown]);
    log.store.gate.close();
    let first = log.spawn_append();
    log.store.gate.reached().await;
    let others = [log.spawn_append(), log.spawn_append()];
    log.waiting(2).await;
    log.store.gate.open();

    first.await.unwrap().unwrap_err();
    for other in others {
        other.await.unwrap().unwrap();
    }
    assert_eq!(log.check_log().await.leaves.len(), 6);
}

async fn what_was_committed_without_an_answer_is_published_to_readers(kind: Kind) {
    let log = TestLog::of(kind, 3).await;
    log.world.memory.fail_next(&[CommittedUnknown]);
    refused(&log).await;
    assert_eq!(log.status().tree.tree_size, 3);
    assert_eq!(log.published().await.tree_size, 4);
    log.check_log().await;
}

async fn an_entry_is_found_by_its_terms(kind: Kind) {
    let log = TestLog::of(kind, 0).await;
    let term = |value: &str| IndexTerm {
        name: "serial",
        value: value.to_owned(),
    };
    log.world.memory.fail_next(&[NotCommitted]);
    let leaf = Box::new(log.world.any_leaf());
    log.append(leaf.clone(), vec![term("aa")])
        .await
        .unwrap_err();
    log.append(leaf, vec![term("bb")]).await.unwrap();
    let leaf = Box::new(log.world.any_leaf());
    let sequenced = log.append(leaf, vec![]).await.unwrap();
    let leaf_hash = IndexTerm::leaf_hash(&leaf_hash(sequenced.merkle_leaf()));
    let terms = log.world.memory.state().terms.clone();
    assert_eq!(terms[0], (term("bb"), 0));
    assert_eq!(terms[2..], [(leaf_hash, 1)]);
}

async fn a_database_that_is_away_refuses_and_what_is_published_stays_readable(kind: Kind) {
    let log = TestLog::of(kind, 3).await;
    log.store.away.store(true, SeqCst);
    for _ in 0..3 {
        refused(&log).await;
    }
    log.probe().await.unwrap_err();
    assert_eq!(log.published().await.tree_size, 3);

    log.store.away.store(false, SeqCst);
    log.probe().await.unwrap();
    log.append_one().await.unwrap();
    assert_eq!(log.check_log().await.leaves.len(), 4);
}
