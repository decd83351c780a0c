//! Deliveries: recorded with the next batch, or alone once nothing else happens, and never lost
//! while the process lives.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use bytes::Bytes;
use chancery_log::memory::Fault::{CommittedUnknown, LostUnknown, NotCommitted};
use chancery_log::{Delivery, Sequenced};

use crate::world::{TestLog, refused};

/// Longer than deliveries wait for a batch; virtual time.
const LONG: Duration = Duration::from_millis(1_500);

fn delivery_for(sequenced: &Sequenced) -> Delivery {
    let leaf_index = sequenced.leaf_index().get();
    Delivery {
        leaf_index,
        body: Bytes::from(format!("certificate {leaf_index}")),
        sha256: [3; 32],
    }
}

async fn append_and_deliver(log: &TestLog) {
    let sequenced = log.append_one().await.unwrap();
    log.deliver(delivery_for(&sequenced));
}

fn recorded(log: &TestLog) -> Vec<u64> {
    log.world
        .memory
        .state()
        .deliveries
        .keys()
        .copied()
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_delivery_rides_with_the_next_batch() {
    let log = TestLog::new().await;
    append_and_deliver(&log).await;
    append_and_deliver(&log).await;
    assert_eq!(recorded(&log), [0]);
    log.append_one().await.unwrap();
    assert_eq!(recorded(&log), [0, 1]);
    assert_eq!(log.store.records.load(SeqCst), 0);
    let body = log.world.memory.state().deliveries[&1].body.clone();
    assert_eq!(body, "certificate 1");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_survives_failed_batches() {
    for fault in [NotCommitted, CommittedUnknown, LostUnknown] {
        let log = TestLog::new().await;
        append_and_deliver(&log).await;
        log.world.memory.fail_next(&[fault, fault]);
        refused(&log).await;
        refused(&log).await;
        log.append_one().await.unwrap();
        assert_eq!(recorded(&log), [0], "{fault:?}");
        log.check_log().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_survives_a_batch_that_the_clock_refused() {
    let log = TestLog::new().await;
    append_and_deliver(&log).await;
    log.world.tick_back(60 * LONG);
    refused(&log).await;
    log.world.tick(60 * LONG);
    log.append_one().await.unwrap();
    assert_eq!(recorded(&log), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_recorded_alone_when_no_batch_comes() {
    let log = TestLog::new().await;
    for count in 1..=3_usize {
        append_and_deliver(&log).await;
        tokio::time::sleep(LONG).await;
        assert_eq!(recorded(&log).len(), count);
        assert_eq!(log.store.records.load(SeqCst), count);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_could_not_be_recorded_is_tried_again() {
    let log = TestLog::new().await;
    append_and_deliver(&log).await;
    log.store.failing_records.store(2, SeqCst);
    tokio::time::sleep(4 * LONG).await;
    assert_eq!(recorded(&log), [0]);
    assert_eq!(log.store.records.load(SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn an_idle_log_writes_nothing() {
    let log = TestLog::of_size(1).await;
    tokio::time::sleep(100 * LONG).await;
    assert_eq!(log.store.records.load(SeqCst), 0);
    assert_eq!(log.store.commits.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn closing_records_all_deliveries() {
    let log = TestLog::new().await;
    append_and_deliver(&log).await;
    append_and_deliver(&log).await;
    log.close().await;
    assert_eq!(recorded(&log), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn closing_tries_once_more_to_record_what_failed() {
    let log = TestLog::new().await;
    append_and_deliver(&log).await;
    log.store.failing_records.store(1, SeqCst);
    log.close().await;
    assert_eq!(recorded(&log), [0]);
}
