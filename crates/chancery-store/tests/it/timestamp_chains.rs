//! The timestamp authority's chains: added to, one in use at a time, and an end is for ever.

use chancery_store::{Access, ConnectOptions, CopyState, RecordedTimestampChain, StampWith, Store};

use crate::harness::{TestDatabase, on_sqlite};

on_both_databases!(
    the_first_chain_is_taken_and_another_only_if_it_was_recorded,
    a_chain_that_ended_is_not_taken_again,
    an_end_only_comes_earlier,
    of_different_chains_at_the_same_time_one_wins,
    a_copy_has_every_chain,
);

const UNTIL: u64 = 5_000;

async fn stamp_with(store: &Store, chain: &[u8], now_ms: u64) -> StampWith {
    let asked = store.stamp_with(chain, now_ms, UNTIL);
    asked.await.unwrap()
}

async fn record(store: &Store, chain: &[u8], ends_ms: Option<u64>) {
    let recorded = store.record_timestamp_chain(chain, ends_ms, 10);
    recorded.await.unwrap();
}

async fn chains(store: &Store) -> Vec<RecordedTimestampChain> {
    store.instance().await.unwrap().unwrap().timestamp_chains
}

/// A chain that is called `name` and was recorded at 10.
fn recorded(name: &[u8], begins_ms: Option<u64>, ends_ms: Option<u64>) -> RecordedTimestampChain {
    RecordedTimestampChain {
        certificates: name.to_vec(),
        recorded_ms: 10,
        begins_ms,
        ends_ms,
    }
}

async fn the_first_chain_is_taken_and_another_only_if_it_was_recorded(database: TestDatabase) {
    let store = database.store().await;
    assert_eq!(chains(&store).await, []);
    assert_eq!(stamp_with(&store, b"one", 10).await, StampWith::First);
    assert_eq!(stamp_with(&store, b"one", 11).await, StampWith::InUse);
    assert_eq!(stamp_with(&store, b"two", 12).await, StampWith::Unknown);
    assert_eq!(chains(&store).await, [recorded(b"one", Some(10), None)]);

    record(&store, b"two", None).await;
    record(&store, b"two", None).await;
    assert_eq!(stamp_with(&store, b"one", 13).await, StampWith::InUse);
    assert_eq!(stamp_with(&store, b"two", 14).await, StampWith::TookOver);
    let mut found = chains(&store).await;
    found.sort_by_key(|chain| chain.begins_ms);
    let expected = [
        recorded(b"one", Some(10), Some(UNTIL)),
        recorded(b"two", Some(14), None),
    ];
    assert_eq!(found, expected);
}

async fn a_chain_that_ended_is_not_taken_again(database: TestDatabase) {
    let store = database.store().await;
    record(&store, b"former", Some(7)).await;
    let ended = StampWith::Ended { ends_ms: 7 };
    assert_eq!(stamp_with(&store, b"former", 10).await, ended);
    record(&store, b"two", None).await;
    assert_eq!(stamp_with(&store, b"one", 10).await, StampWith::First);
    assert_eq!(stamp_with(&store, b"two", 10).await, StampWith::TookOver);
    let ended = StampWith::Ended { ends_ms: UNTIL };
    assert_eq!(stamp_with(&store, b"one", 11).await, ended);
    assert_eq!(stamp_with(&store, b"two", 12).await, StampWith::InUse);
}

async fn an_end_only_comes_earlier(database: TestDatabase) {
    let store = database.store().await;
    stamp_with(&store, b"one", 10).await;
    record(&store, b"one", None).await;
    assert_eq!(chains(&store).await, [recorded(b"one", Some(10), None)]);
    for (given, expected) in [(Some(50), 50), (Some(60), 50), (None, 50), (Some(40), 40)] {
        record(&store, b"one", given).await;
        let found = chains(&store).await;
        assert_eq!(found, [recorded(b"one", Some(10), Some(expected))]);
    }
    // Taken out of use, it leaves its place to a chain that somebody recorded, and to no other.
    assert_eq!(stamp_with(&store, b"two", 70).await, StampWith::Unknown);
    record(&store, b"two", None).await;
    assert_eq!(stamp_with(&store, b"two", 70).await, StampWith::TookOver);
}

async fn of_different_chains_at_the_same_time_one_wins(database: TestDatabase) {
    let store = database.store().await;
    let other = database.another(&store).await;
    for round in 0..5_u8 {
        let (one, two) = ([b'1', round], [b'2', round]);
        if round > 0 {
            record(&store, &one, None).await;
            record(&store, &two, None).await;
        }
        let asked = tokio::join!(
            store.stamp_with(&one, 10, UNTIL),
            other.stamp_with(&two, 10, UNTIL)
        );
        let (one, two) = (asked.0.unwrap(), asked.1.unwrap());
        let in_use = chains(&store).await;
        let in_use = in_use.iter().filter(|chain| chain.is_in_use());
        assert_eq!(in_use.count(), 1, "{one:?} {two:?}");
        let took = |outcome| matches!(outcome, StampWith::First | StampWith::TookOver);
        // Where both were recorded, the second may take over from the first.
        assert!(took(one) || took(two), "{one:?} {two:?}");
        assert!(round > 0 || !(took(one) && took(two)), "{one:?} {two:?}");
    }
}

async fn a_copy_has_every_chain(database: TestDatabase) {
    let (say, said) = std::sync::mpsc::channel();
    on_sqlite(|original| async move {
        let store = original.store().await;
        record(&store, b"next", None).await;
        stamp_with(&store, b"one", 10).await;
        record(&store, b"former", Some(7)).await;
        say.send(store.instance().await.unwrap().unwrap()).unwrap();
    })
    .await;
    let original = said.recv().unwrap();
    assert_eq!(original.timestamp_chains.len(), 3);
    let copy = database.connect().await;
    copy.migrate().await.unwrap();
    let made = copy.create_copy(&original, &[], CopyState::UnfinishedRestore, 5);
    made.await.unwrap();
    assert_eq!(chains(&copy).await, original.timestamp_chains);
}

#[tokio::test]
async fn a_chain_is_recorded_beside_a_process_that_serves() {
    on_sqlite(|database| async move {
        let serving = database.store().await;
        stamp_with(&serving, b"one", 10).await;
        let options = ConnectOptions {
            access: Access::AddLog,
            ..ConnectOptions::default()
        };
        let beside = Store::connect(&database.url, options).await.unwrap();
        record(&beside, b"two", None).await;
        assert_eq!(chains(&serving).await.len(), 2);
        assert_eq!(stamp_with(&serving, b"two", 10).await, StampWith::TookOver);
        beside.close().await;
    })
    .await;
}
