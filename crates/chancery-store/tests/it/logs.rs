//! Several logs in one database, one after another.

use chancery_log::{LogStore, PlanRefused, SequenceError, Tip};
use chancery_store::{
    Access, AddLogError, ConnectOptions, Instance, LogKind, NewLedger, NewLog, NextLog, Readers,
    Store,
};
use chancery_tlog::TreeHead;

use crate::harness::{LOG, TestDatabase, new_instance};
use crate::test_log::{append, batch, check_log};

on_both_databases!(
    a_log_is_added_and_the_one_before_it_ends_at_its_beginning,
    a_log_is_added_beside_a_process_that_writes,
    a_log_takes_no_batch_of_a_time_after_its_end,
    a_running_process_finds_the_end_under_the_lock,
    a_final_checkpoint_is_of_the_stored_head_and_no_other,
    a_log_begins_after_those_before_it,
    a_log_is_retired_at_its_end_by_the_clock_that_all_share,
    only_a_retired_log_keeps_a_final_checkpoint_and_only_one,
    only_the_processes_of_one_log_are_told_what_concerns_it,
    only_the_newest_log_is_followed,
    a_ledger_is_recorded_apart_from_the_logs_that_follow_one_another,
);

const NEXT: i64 = 2;
const BEGINS_MS: u64 = 10_000;

const ADD_LOG: ConnectOptions = ConnectOptions {
    create: false,
    access: Access::AddLog,
};

pub(crate) fn next(name: &str, after: i64) -> NextLog {
    NextLog {
        log: NewLog {
            name: name.into(),
            origin: format!("ca.example.com/ct/{name}"),
            log_id: [u8::try_from(name.len()).unwrap(); 32],
            public_key: b"another key".to_vec(),
            witness_key: b"another witness key".to_vec(),
            readers: Readers::Open,
        },
        after,
        begins_ms: BEGINS_MS * u64::try_from(after).unwrap(),
        guard_id: format!("guard of {name}"),
        now_ms: 2_000,
    }
}

async fn instance(store: &Store) -> Instance {
    store.instance().await.unwrap().unwrap()
}

/// Appends one entry to a log as of a time.
async fn append_at(log: &dyn LogStore, timestamp_ms: u64) -> Result<(), SequenceError> {
    let plan = |tip: Tip| {
        let (mut batch, _) = batch(tip, None, 1);
        batch.head.timestamp_ms = timestamp_ms;
        Ok::<_, PlanRefused>(batch)
    };
    log.sequence(None, Box::new(plan)).await
}

async fn a_log_is_added_and_the_one_before_it_ends_at_its_beginning(database: TestDatabase) {
    let store = database.store().await;
    append(&*store.log_store(LOG), None, 3).await.unwrap();
    let before = instance(&store).await;
    assert_eq!(store.add_log(next("2027", LOG)).await.unwrap(), NEXT);

    let after = instance(&store).await;
    let [old, new] = &after.logs[..] else {
        panic!("{} logs", after.logs.len());
    };
    assert_eq!(old.ends_ms, Some(BEGINS_MS));
    assert_eq!((old.binding, old.retired_ms), (0, None));
    assert_eq!(before.logs[0].ends_ms, None);
    let wanted = next("2027", LOG);
    assert_eq!(new.log, NEXT);
    assert_eq!(new.name, wanted.log.name);
    assert_eq!(new.origin, wanted.log.origin);
    assert_eq!(new.log_id, wanted.log.log_id);
    assert_eq!(new.readers, Readers::Open);
    assert_eq!((new.created_ms, new.begins_ms), (2_000, BEGINS_MS));
    assert_eq!(new.ends_ms, None);
    assert_eq!(new.guard_of(&after), "guard of 2027");
    assert_eq!(old.guard_of(&after), "c0ffee");

    let head = store.log_store(NEXT).head().await.unwrap();
    assert_eq!((head.tree.tree_size, head.timestamp_ms), (0, 2_000));
    let issuers = store.log_store(NEXT).issuers().await.unwrap();
    assert_eq!(issuers, store.log_store(LOG).issuers().await.unwrap());
    assert_eq!(issuers.len(), new_instance().chain.len());
    append(&*store.log_store(NEXT), None, 2).await.unwrap();
    append(&*store.log_store(LOG), None, 1).await.unwrap();
    check_log(&*store.log_store(NEXT), 2).await;
    check_log(&*store.log_store(LOG), 4).await;
}

async fn only_the_newest_log_is_followed(database: TestDatabase) {
    let store = database.store().await;
    let before = instance(&store).await;
    append_at(&*store.log_store(LOG), BEGINS_MS).await.unwrap();
    let late = store.add_log(next("2027", LOG)).await;
    assert!(matches!(late, Err(AddLogError::TooLate)), "{late:?}");
    let name = store.add_log(next("../x", LOG)).await;
    assert!(matches!(name, Err(AddLogError::LogName(_))), "{name:?}");
    assert_eq!(instance(&store).await, before);

    let mut in_time = next("2027", LOG);
    in_time.begins_ms += 1;
    store.add_log(in_time).await.unwrap();
    let two = instance(&store).await;
    let followed = store.add_log(next("20280", LOG)).await;
    assert!(
        matches!(followed, Err(AddLogError::Followed)),
        "{followed:?}"
    );
    // A name that is taken: nothing of it stays, the end of the newest log neither.
    store.add_log(next("2027", NEXT)).await.unwrap_err();
    assert_eq!(instance(&store).await, two);
    assert_eq!(store.add_log(next("20280", NEXT)).await.unwrap(), 3);
}

async fn a_log_takes_no_batch_of_a_time_after_its_end(database: TestDatabase) {
    let store = database.store().await;
    store.add_log(next("2027", LOG)).await.unwrap();
    let log = store.log_store(LOG);
    let mut ends_ms = None;
    let look = |tip: Tip| {
        ends_ms = tip.ends_ms;
        Err(PlanRefused::Ended)
    };
    log.sequence(None, Box::new(look)).await.unwrap_err();
    assert_eq!(ends_ms, Some(BEGINS_MS));
    append_at(&*log, BEGINS_MS - 1).await.unwrap();
}

/// In SQLite a lone entry is written without reading the head first, and so is what a process knows
/// of the end older than the head.
async fn a_running_process_finds_the_end_under_the_lock(database: TestDatabase) {
    let store = database.store().await;
    let log = store.log_store(LOG);
    let mut known = None;
    for count in [1, 1, 3] {
        known = Some(append(&*log, known, count).await.unwrap());
    }
    let adding = Store::connect(&database.url, ADD_LOG).await.unwrap();
    let mut soon = next("2027", LOG);
    // The next batch has this time.
    soon.begins_ms = log.head().await.unwrap().timestamp_ms + 1;
    adding.add_log(soon).await.unwrap();
    for count in [1, 3] {
        let mut seen = None;
        let edge = known.clone();
        let head = edge.as_ref().map(chancery_tlog::RightEdge::tree_head);
        let plan = |tip: Tip| {
            seen = tip.ends_ms;
            match tip.ends_ms {
                Some(ends_ms) if tip.head.timestamp_ms + 1 >= ends_ms => Err(PlanRefused::Ended),
                _ => Ok(batch(tip, edge, count).0),
            }
        };
        let refused = log.sequence(head, Box::new(plan)).await;
        let ended = matches!(refused, Err(SequenceError::Refused(PlanRefused::Ended)));
        assert!(ended, "{refused:?}, which saw {seen:?}");
    }
    assert_eq!(log.head().await.unwrap().tree.tree_size, 5);
    check_log(&*log, 5).await;
}

async fn a_log_is_added_beside_a_process_that_writes(database: TestDatabase) {
    let store = database.store().await;
    let log = store.log_store(LOG);
    let known = append(&*log, None, 1).await.unwrap();
    let adding = Store::connect(&database.url, ADD_LOG).await.unwrap();
    adding.check_schema().await.unwrap();
    if database.is_sqlite() {
        // The one who has the file is the only one to write to a log, or anything else.
        append(&*adding.log_store(LOG), None, 1).await.unwrap_err();
        adding.retire_log(LOG, 7).await.unwrap_err();
        adding.claim_token([1; 32], 1).await.unwrap_err();
    }
    adding.add_log(next("2027", LOG)).await.unwrap();
    if database.is_sqlite() {
        append(&*adding.log_store(LOG), None, 1).await.unwrap_err();
        adding.retire_log(LOG, 7).await.unwrap_err();
    }
    adding.close().await;
    append(&*log, Some(known), 1).await.unwrap();
    append(&*store.log_store(NEXT), None, 1).await.unwrap();
    check_log(&*log, 2).await;
    assert_eq!(instance(&store).await.logs[0].retired_ms, None);
}

async fn only_a_retired_log_keeps_a_final_checkpoint_and_only_one(database: TestDatabase) {
    let store = database.store().await;
    let empty = &TreeHead::EMPTY;
    let keep = |checkpoint: &'static [u8]| store.put_final_checkpoint(LOG, empty, checkpoint);
    assert!(!keep(b"one").await.unwrap());
    store.retire_log(LOG, 7).await.unwrap();
    assert_eq!(instance(&store).await.logs[0].final_checkpoint, None);
    assert!(keep(b"one").await.unwrap());
    assert!(!keep(b"two").await.unwrap());
    let kept = &instance(&store).await.logs[0].final_checkpoint;
    assert_eq!(kept.as_deref(), Some(&b"one"[..]));
}

async fn a_final_checkpoint_is_of_the_stored_head_and_no_other(database: TestDatabase) {
    let store = database.store().await;
    let log = store.log_store(LOG);
    let mut heads = vec![TreeHead::EMPTY];
    for _ in 0..2 {
        append(&*log, None, 1).await.unwrap();
        heads.push(log.head().await.unwrap().tree);
    }
    store.retire_log(LOG, 7).await.unwrap();
    let stored = heads[2];
    let other_root = TreeHead {
        root_hash: heads[1].root_hash,
        ..stored
    };
    let other_size = TreeHead {
        tree_size: 3,
        ..stored
    };
    for other in [heads[0], heads[1], other_root, other_size] {
        let kept = store.put_final_checkpoint(LOG, &other, b"signed").await;
        assert!(!kept.unwrap(), "{other:?}");
    }
    let found = instance(&store).await.logs[0].final_checkpoint.clone();
    assert_eq!(found, None);
    let kept = store.put_final_checkpoint(LOG, &stored, b"signed").await;
    assert!(kept.unwrap());
}

/// A process whose clock is ahead retires nothing, and one whose clock is behind retires what has
/// ended, where there is another clock to go by.
async fn a_log_is_retired_at_its_end_by_the_clock_that_all_share(database: TestDatabase) {
    let store = database.store().await;
    let end = |process_ms| store.retire_ended_log(LOG, 1_000, process_ms);
    assert!(!end(u64::MAX >> 1).await.unwrap(), "it has no end");
    let now_ms = store.time_ms(20_000).await.unwrap();
    let mut soon = next("2027", LOG);
    soon.begins_ms = now_ms + 600_000;
    let ends_ms = soon.begins_ms;
    store.add_log(soon).await.unwrap();
    if database.is_sqlite() {
        assert_eq!(now_ms, 20_000);
        assert!(!end(ends_ms + 999).await.unwrap());
        assert!(end(ends_ms + 1_000).await.unwrap());
        assert!(!end(ends_ms + 1_001).await.unwrap());
        let log = &instance(&store).await.logs[0];
        assert_eq!((log.retired_ms, log.binding), (Some(ends_ms + 1_000), 1));
        return;
    }
    assert!(!end(ends_ms + 3_600_000).await.unwrap());
    assert_eq!(instance(&store).await.logs[0].binding, 0);
    let past = format!(
        "UPDATE log_head SET ends_ms = {} WHERE log = 1",
        now_ms - 1_000
    );
    database.execute(&past).await;
    assert!(end(0).await.unwrap());
    let log = &instance(&store).await.logs[0];
    assert!(log.retired_ms.unwrap() >= now_ms, "{log:?}");
    assert_eq!(log.binding, 1);
}

async fn a_log_begins_after_those_before_it(database: TestDatabase) {
    let store = database.store().await;
    store.add_log(next("2027", LOG)).await.unwrap();
    let two = instance(&store).await;
    let at = |begins_ms| {
        let mut next = next("20280", NEXT);
        next.begins_ms = begins_ms;
        store.add_log(next)
    };
    // The newest begins at 10,000, and the one before it goes on until then.
    for begins_ms in [5_000, BEGINS_MS] {
        let refused = at(begins_ms).await;
        assert!(matches!(refused, Err(AddLogError::NotAfter)), "{refused:?}");
    }
    // One that was retired before it began is in nobody's way, but the first still is.
    store.retire_log(NEXT, 2_000).await.unwrap();
    let refused = at(5_000).await;
    assert!(matches!(refused, Err(AddLogError::NotAfter)), "{refused:?}");
    assert_eq!(instance(&store).await.logs[0], two.logs[0]);
    store.retire_log(LOG, 2_000).await.unwrap();
    assert_eq!(at(5_000).await.unwrap(), 3);
}

async fn only_the_processes_of_one_log_are_told_what_concerns_it(database: TestDatabase) {
    let store = database.store().await;
    // A guard that takes every log, such as a witness, has one id for all.
    for (name, after) in [("2027", LOG), ("20280", NEXT), ("202900", 3)] {
        let mut next = next(name, after);
        next.guard_id = if after == LOG { "own" } else { "c0ffee" }.to_owned();
        store.add_log(next).await.unwrap();
    }
    let bindings = async || {
        let logs = instance(&store).await.logs;
        logs.iter().map(|log| log.binding).collect::<Vec<_>>()
    };
    let replace = |log, from, to| store.replace_guard(log, from, to);
    assert!(store.retire_log(LOG, 7).await.unwrap());
    assert_eq!(bindings().await, [1, 0, 0, 0]);
    assert!(!replace(LOG, "own", "new").await.unwrap());
    assert!(!replace(NEXT, "c0ffee", "new").await.unwrap());
    assert!(replace(NEXT, "own", "new").await.unwrap());
    assert_eq!(bindings().await, [1, 1, 0, 0]);
    assert!(replace(3, "c0ffee", "third").await.unwrap());
    assert_eq!(bindings().await, [1, 1, 1, 0]);
    assert!(replace(LOG, "c0ffee", "first").await.unwrap());
    assert_eq!(bindings().await, [2, 1, 1, 0]);
    assert!(!replace(LOG, "c0ffee", "first").await.unwrap());
    let after = instance(&store).await;
    let guards: Vec<_> = after.logs.iter().map(|log| log.guard_of(&after)).collect();
    assert_eq!(guards, ["first", "new", "third", "c0ffee"]);
}

async fn a_ledger_is_recorded_apart_from_the_logs_that_follow_one_another(database: TestDatabase) {
    let store = database.store().await;
    let before = instance(&store).await;
    let ledger = || NewLedger {
        log: next("ledger", LOG).log,
        guard_id: "guard of the ledger".into(),
        now_ms: 2_000,
    };
    let number = store.add_ledger(ledger()).await.unwrap();
    let after = instance(&store).await;
    assert_eq!(after.logs, before.logs);
    let [recorded] = &*after.ledgers else {
        panic!("{:?}", after.ledgers);
    };
    assert_eq!((recorded.log, recorded.kind), (number, LogKind::Ledger));
    assert_eq!(recorded.guard_id.as_deref(), Some("guard of the ledger"));
    append(&*store.log_store(number), None, 3).await.unwrap();
    check_log(&*store.log_store(number), 3).await;

    // The log that follows is the first one's, and gets a number of its own.
    let next = store.add_log(next("2027", LOG)).await.unwrap();
    assert_eq!(next, number + 1);
    let after = instance(&store).await;
    let logs: Vec<_> = after.logs.iter().map(|log| log.log).collect();
    assert_eq!(logs, [LOG, next]);
    assert_eq!(after.ledgers.len(), 1);
    assert!(
        store.add_ledger(ledger()).await.is_err(),
        "the name is taken"
    );
}
