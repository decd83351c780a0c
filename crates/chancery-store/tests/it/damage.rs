//! Databases that contradict themselves.

use chancery_log::{SequenceError, StoreError};

use crate::harness::{LOG, TestDatabase};
use crate::test_log::{append, check_log, leaf};

on_both_databases!(
    a_gap_between_entries_is_an_inconsistency,
    a_log_without_head_is_an_inconsistency,
    a_missing_edge_tile_is_an_inconsistency,
    an_entry_beyond_the_head_is_an_inconsistency,
);

fn is_inconsistency(error: &SequenceError) -> bool {
    matches!(
        error,
        SequenceError::NotCommitted(StoreError::Inconsistent(_))
    )
}

async fn a_missing_edge_tile_is_an_inconsistency(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    append(&*log, None, 300).await.unwrap();
    database
        .execute("DELETE FROM log_tile WHERE level = 1")
        .await;
    let error = append(&*log, None, 1).await.unwrap_err();
    assert!(is_inconsistency(&error), "{error:?}");
    assert!(
        format!("{error:?}").contains("hash tile 0 of level 1"),
        "{error:?}"
    );
}

async fn a_gap_between_entries_is_an_inconsistency(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    append(&*log, None, 5).await.unwrap();
    database
        .execute("DELETE FROM log_entry WHERE leaf_index = 2")
        .await;
    assert!(matches!(
        log.entries(0..5).await,
        Err(StoreError::Inconsistent(_))
    ));
    assert!(matches!(log.entries(2..3).await.as_deref(), Ok([])));
    assert_eq!(log.entries(3..5).await.unwrap(), [leaf(3), leaf(4)]);
}

async fn an_entry_beyond_the_head_is_an_inconsistency(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    append(&*log, None, 5).await.unwrap();
    let stray = if database.is_sqlite() {
        "x'00'"
    } else {
        "'\\x00'"
    };
    database
        .execute(&format!("INSERT INTO log_entry VALUES (1, 6, {stray})"))
        .await;
    let error = append(&*log, None, 2).await.unwrap_err();
    assert!(is_inconsistency(&error), "{error:?}");
    database
        .execute("DELETE FROM log_entry WHERE leaf_index = 6")
        .await;
    check_log(&*log, 5).await;
}

async fn a_log_without_head_is_an_inconsistency(database: TestDatabase) {
    let store = database.store().await;
    let log = store.log_store(2);
    assert!(matches!(log.head().await, Err(StoreError::Inconsistent(_))));
    let error = append(&*log, None, 1).await.unwrap_err();
    assert!(is_inconsistency(&error), "{error:?}");
    append(&*store.log_store(LOG), None, 1).await.unwrap();
}
