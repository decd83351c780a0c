//! What copies, recovery and retirement record.

use chancery_log::{PlanRefused, SequenceError};
use chancery_store::{CopyState, CreateError, Instance, Issuers, Store, UsedToken};

use crate::harness::{LOG, TestDatabase, new_instance, on_sqlite};
use crate::logs::next;
use crate::test_log::{append, delivery};

on_both_databases!(
    a_copy_records_what_the_original_does_and_is_marked,
    a_finished_restore_is_no_copy_any_more,
    a_guard_is_replaced_only_by_who_knows_it,
    a_process_finds_out_that_its_guard_was_replaced_or_its_log_retired,
    a_retired_log_says_since_when,
    used_tokens_are_read_in_stretches_and_put_once,
);

/// Returns the record of an installation whose log has been retired, and its issuers.
async fn original() -> (Instance, Vec<Issuers>) {
    let (say, said) = std::sync::mpsc::channel();
    on_sqlite(|database| async move {
        let store = database.store().await;
        store.add_log(next("2027", LOG)).await.unwrap();
        store.retire_log(LOG, 77).await.unwrap();
        let empty = store.log_store(LOG).head().await.unwrap().tree;
        let kept = store.put_final_checkpoint(LOG, &empty, b"signed").await;
        assert!(kept.unwrap());
        let issuers = Issuers {
            log: LOG,
            certificates: store.log_store(LOG).issuers().await.unwrap(),
        };
        let mut instance = store.instance().await.unwrap().unwrap();
        // Of this database only: nobody is bound to a copy yet.
        assert_eq!(instance.logs[0].binding, 1);
        instance.logs[0].binding = 0;
        say.send((instance, vec![issuers])).unwrap();
    })
    .await;
    said.recv().unwrap()
}

async fn instance(store: &Store) -> Instance {
    store.instance().await.unwrap().unwrap()
}

async fn a_copy_records_what_the_original_does_and_is_marked(database: TestDatabase) {
    let (original, issuers) = original().await;
    let store = database.connect().await;
    store.migrate().await.unwrap();
    let state = CopyState::UnfinishedBackup;
    let make = || store.create_copy(&original, &issuers, state, 5);
    make().await.unwrap();
    let expected = |copy| Instance {
        copy: Some(copy),
        ..original.clone()
    };
    assert_eq!(instance(&store).await, expected(state));
    assert!(matches!(make().await, Err(CreateError::Exists)));
    let found = store.log_store(LOG).issuers().await.unwrap();
    assert_eq!(found, issuers[0].certificates);
    assert_eq!(found.len(), new_instance().chain.len());
    append(&*store.log_store(LOG), None, 2).await.unwrap();

    let finish = |state| store.finish_copy(state);
    assert!(!finish(CopyState::UnfinishedRestore).await.unwrap());
    assert!(finish(state).await.unwrap());
    assert_eq!(instance(&store).await, expected(CopyState::Backup));
    assert!(!finish(state).await.unwrap());
}

async fn a_finished_restore_is_no_copy_any_more(database: TestDatabase) {
    let (original, issuers) = original().await;
    let store = database.connect().await;
    store.migrate().await.unwrap();
    let state = CopyState::UnfinishedRestore;
    let made = store.create_copy(&original, &issuers, state, 5);
    made.await.unwrap();
    assert_eq!(instance(&store).await.copy, Some(state));
    assert!(store.finish_copy(state).await.unwrap());
    assert_eq!(instance(&store).await, original);
}

async fn a_guard_is_replaced_only_by_who_knows_it(database: TestDatabase) {
    let store = database.store().await;
    assert!(!store.replace_guard(LOG, "other", "new").await.unwrap());
    assert_eq!(instance(&store).await.guard_id, "c0ffee");
    assert!(store.replace_guard(LOG, "c0ffee", "new").await.unwrap());
    assert_eq!(instance(&store).await.guard_id, "new");
}

async fn a_retired_log_says_since_when(database: TestDatabase) {
    let store = database.store().await;
    assert_eq!(instance(&store).await.logs[0].retired_ms, None);
    assert!(store.retire_log(LOG, 7).await.unwrap());
    assert!(!store.retire_log(LOG, 8).await.unwrap());
    assert_eq!(instance(&store).await.logs[0].retired_ms, Some(7));
}

/// SQLite lets no second process in that could change anything.
async fn a_process_finds_out_that_its_guard_was_replaced_or_its_log_retired(
    database: TestDatabase,
) {
    let store = database.store().await;
    let other = database.another(&store).await;
    for round in 0..2 {
        let log = store.bound_log_store(&instance(&store).await.logs[0]);
        append(&*log, None, 1).await.unwrap();
        if round == 0 {
            assert!(other.replace_guard(LOG, "c0ffee", "new").await.unwrap());
        } else {
            assert!(other.retire_log(LOG, 7).await.unwrap());
        }
        if database.is_sqlite() {
            continue;
        }
        for _ in 0..2 {
            let refused = append(&*log, None, 1).await.unwrap_err();
            let rebound = matches!(refused, SequenceError::Refused(PlanRefused::Rebound));
            assert!(rebound, "{refused:?}");
            log.record(&[delivery(0)]).await.unwrap_err();
        }
        assert_eq!(log.head().await.unwrap().tree.tree_size, round + 1);
    }
}

async fn used_tokens_are_read_in_stretches_and_put_once(database: TestDatabase) {
    let store = database.store().await;
    let token = |digest| UsedToken {
        digest: [digest; 32],
        expires_ms: 9_000_000_000_000 + u64::from(digest),
    };
    let all: Vec<_> = (0..5).map(token).collect();
    store.put_used_tokens(&all[..3]).await.unwrap();
    store.put_used_tokens(&all).await.unwrap();
    let first = store.used_tokens(None, 2).await.unwrap();
    assert_eq!(first, all[..2]);
    let rest = store.used_tokens(first.last(), 100).await.unwrap();
    assert_eq!(rest, all[2..]);
    assert!(!store.claim_token([4; 32], 99).await.unwrap());
}
