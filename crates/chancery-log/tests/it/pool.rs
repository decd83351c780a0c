//! The pool: how much waits, who may leave, and what closing does with it.

use std::time::Duration;

use chancery_log::{AppendError, PoolLimits};

use crate::world::{TestLog, World};

const SMALL: PoolLimits = PoolLimits {
    capacity: 3,
    max_batch: 2,
};

#[tokio::test]
async fn a_full_pool_refuses_at_once_and_takes_entries_again_later() {
    let log = World::new().open_with(SMALL).await.unwrap();
    log.store.gate.close();
    let first = log.spawn_append();
    log.store.gate.reached().await;
    let waiting = [log.spawn_append(), log.spawn_append(), log.spawn_append()];
    log.waiting(3).await;
    let refusal = log.append_one().await.unwrap_err();
    assert!(matches!(refusal, AppendError::PoolFull), "{refusal}");

    log.store.gate.open();
    for append in std::iter::once(first).chain(waiting) {
        append.await.unwrap().unwrap();
    }
    log.append_one().await.unwrap();
    assert_eq!(log.status().waiting, 0);
    assert_eq!(log.check_log().await.leaves.len(), 5);
}

#[tokio::test]
async fn limits_of_nothing_still_let_one_through() {
    let nothing = PoolLimits {
        capacity: 0,
        max_batch: 0,
    };
    let log = World::new().open_with(nothing).await.unwrap();
    log.append_one().await.unwrap();
    log.append_one().await.unwrap();
    log.check_log().await;
    let endless = PoolLimits {
        capacity: usize::MAX,
        max_batch: usize::MAX,
    };
    let log = World::new().open_with(endless).await.unwrap();
    log.append_one().await.unwrap();
    log.check_log().await;
}

#[tokio::test]
async fn the_entry_of_a_caller_that_left_is_sequenced_all_the_same() {
    let log = TestLog::new().await;
    log.store.gate.close();
    let in_flight = log.spawn_append();
    log.store.gate.reached().await;
    let waiting = [log.spawn_append(), log.spawn_append()];
    log.waiting(2).await;
    in_flight.abort();
    waiting[0].abort();
    log.store.gate.open();
    let [_, stayed] = waiting;
    assert_eq!(stayed.await.unwrap().unwrap().leaf_index().get(), 2);
    assert_eq!(log.append_one().await.unwrap().leaf_index().get(), 3);
    assert_eq!(log.check_log().await.leaves.len(), 4);
}

#[tokio::test]
async fn closing_finishes_what_waits_and_refuses_what_comes_later() {
    let log = World::new().open_with(SMALL).await.unwrap();
    log.store.gate.close();
    let first = log.spawn_append();
    log.store.gate.reached().await;
    let waiting = [log.spawn_append(), log.spawn_append(), log.spawn_append()];
    log.waiting(3).await;
    let closers: Vec<_> = (0..2)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(async move { log.close().await })
        })
        .collect();
    tokio::task::yield_now().await;
    assert!(closers.iter().all(|closer| !closer.is_finished()));
    log.store.gate.open();
    for closer in closers {
        closer.await.unwrap();
        assert_eq!(log.world.stored_entries(), 4, "it returned too early");
    }
    for append in std::iter::once(first).chain(waiting) {
        append.await.unwrap().unwrap();
    }

    let refusal = log.append_one().await.unwrap_err();
    assert!(matches!(refusal, AppendError::Closing), "{refusal}");
    log.probe().await.unwrap_err();
    assert_eq!(log.check_log().await.leaves.len(), 4);
    assert_eq!(log.reopen().await.check_log().await.leaves.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_closer_that_left_does_not_keep_others_from_waiting() {
    let log = TestLog::new().await;
    log.store.gate.close();
    let append = log.spawn_append();
    log.store.gate.reached().await;
    let impatient = tokio::time::timeout(Duration::from_secs(1), log.close());
    impatient.await.unwrap_err();
    log.store.gate.open();
    log.close().await;
    assert_eq!(log.world.stored_entries(), 1);
    append.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_log_that_is_dropped_finishes_what_waits() {
    let log = TestLog::new().await;
    log.store.gate.close();
    let append = log.spawn_append();
    log.store.gate.reached().await;
    let (world, store) = (log.world.clone(), log.store.clone());
    drop(log);
    store.gate.open();
    append.await.unwrap().unwrap();
    assert_eq!(
        world.open().await.unwrap().check_log().await.leaves.len(),
        1
    );
}

#[tokio::test]
async fn a_leaf_that_panics_ends_the_log_and_probes_say_so() {
    #[derive(Debug)]
    struct Bomb;
    impl chancery_log::Leaf for Bomb {
        fn encode(&self, _: chancery_tlog::ct::LeafIndex, _: u64) -> chancery_log::EncodedLeaf {
            panic!("a leaf that cannot be encoded");
        }
    }
    let log = TestLog::of_size(2).await;
    log.append(Box::new(Bomb), Vec::new()).await.unwrap_err();
    log.append_one().await.unwrap_err();
    log.probe().await.unwrap_err();
    log.check_log().await;
    let log = log.world.open().await.unwrap();
    log.append_one().await.unwrap();
    log.check_log().await;
}
