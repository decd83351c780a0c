//! Databases that are opened to be read only.

use std::os::unix::fs::PermissionsExt;

use chancery_log::SequenceError;
use chancery_store::{Access, ConnectError, ConnectOptions, NewInstance, Store};

use crate::harness::{LOG, TestDatabase, new_instance, on_sqlite};
use crate::test_log::{append, check_log};

on_both_databases!(
    a_reader_sees_what_a_running_process_commits,
    a_reader_cannot_write,
);

const READ_ONLY: ConnectOptions = ConnectOptions {
    create: false,
    access: Access::ReadOnly,
};

async fn a_reader_sees_what_a_running_process_commits(database: TestDatabase) {
    let store = database.store().await;
    append(&*store.log_store(LOG), None, 2).await.unwrap();
    let reader = Store::connect(&database.url, READ_ONLY).await.unwrap();
    reader.check_schema().await.unwrap();
    let seen = reader.instance().await.unwrap();
    assert_eq!(seen, store.instance().await.unwrap());
    append(&*store.log_store(LOG), None, 3).await.unwrap();
    check_log(&*reader.log_store(LOG), 5).await;
    reader.close().await;
    drop(reader);
    append(&*store.log_store(LOG), None, 1).await.unwrap();
}

async fn a_reader_cannot_write(database: TestDatabase) {
    let store = database.store().await;
    let reader = Store::connect(&database.url, READ_ONLY).await.unwrap();
    let refused = append(&*reader.log_store(LOG), None, 1).await;
    assert!(
        matches!(refused, Err(SequenceError::NotCommitted(_))),
        "{refused:?}"
    );
    let other = NewInstance {
        url: "https://other.example.com".into(),
        ..new_instance()
    };
    reader.create_instance(other).await.unwrap_err();
    reader.claim_token([1; 32], 1).await.unwrap_err();
    reader.retire_log(LOG, 1).await.unwrap_err();
    let before = store.instance().await.unwrap().unwrap();
    assert_eq!(before.url, new_instance().url);
    assert!(store.claim_token([1; 32], 1).await.unwrap());
}

#[tokio::test]
async fn a_reader_makes_no_database_and_no_lock() {
    on_sqlite(|database| async move {
        let options = ConnectOptions {
            create: true,
            ..READ_ONLY
        };
        let missing = Store::connect(&database.url, options).await;
        assert!(
            matches!(missing, Err(ConnectError::Missing(_))),
            "{missing:?}"
        );
        let folder = database.path().parent().unwrap();
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_sealed_database_is_one_file_that_is_read_where_nothing_can_be_written() {
    on_sqlite(|database| async move {
        let store = database.store().await;
        append(&*store.log_store(LOG), None, 3).await.unwrap();
        store.seal().await.unwrap();
        store.close().await;
        drop(store);
        let folder = database.path().parent().unwrap();
        let names = || {
            let files = std::fs::read_dir(folder).unwrap();
            let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(), ["chancery.db", "chancery.db.lock"]);
        let mode = |mode| std::fs::set_permissions(folder, PermissionsExt::from_mode(mode));
        mode(0o500).unwrap();
        let reader = Store::connect(&database.url, READ_ONLY).await.unwrap();
        check_log(&*reader.log_store(LOG), 3).await;
        reader.close().await;
        assert_eq!(names(), ["chancery.db", "chancery.db.lock"]);
        mode(0o700).unwrap();
    })
    .await;
}
