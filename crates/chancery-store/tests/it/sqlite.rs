//! What only SQLite does.

use std::os::unix::fs::PermissionsExt;

use chancery_store::{ConnectError, ConnectOptions, DatabaseUrl, DurabilityError, Store};

use crate::harness::{LOG, on_sqlite};
use crate::test_log::{append, check_log};

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_lets_go() {
    on_sqlite(|database| async move {
        let store = database.store().await;
        let log = store.log_store(LOG);
        drop(store);
        let second = Store::connect(&database.url, ConnectOptions::default()).await;
        assert!(matches!(second, Err(ConnectError::InUse(_))), "{second:?}");
        append(&*log, None, 1).await.unwrap();
        drop(log);
        Store::connect(&database.url, ConnectOptions::default())
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_missing_file_is_refused_and_not_made() {
    on_sqlite(|database| async move {
        let missing = Store::connect(&database.url, ConnectOptions::default()).await;
        assert!(
            matches!(missing, Err(ConnectError::Missing(_))),
            "{missing:?}"
        );
        let folder = database.path().parent().unwrap();
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);

        let path = folder.join("missing/chancery.db");
        let url = DatabaseUrl::parse(&format!("sqlite:{}", path.display())).unwrap();
        let missing = Store::connect(
            &url,
            ConnectOptions {
                create: true,
                ..ConnectOptions::default()
            },
        )
        .await;
        assert!(
            matches!(missing, Err(ConnectError::File(..))),
            "{missing:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    on_sqlite(|database| async move {
        std::fs::write(database.path(), [b'x'; 8192]).unwrap();
        let refused = Store::connect(
            &database.url,
            ConnectOptions {
                create: true,
                ..ConnectOptions::default()
            },
        )
        .await;
        assert!(
            matches!(refused, Err(ConnectError::Refused { .. })),
            "{refused:?}"
        );
        assert_eq!(std::fs::read(database.path()).unwrap(), [b'x'; 8192]);
    })
    .await;
}

#[tokio::test]
async fn all_files_are_for_their_owner_alone() {
    on_sqlite(|database| async move {
        let store = database.store().await;
        append(&*store.log_store(LOG), None, 1).await.unwrap();
        let files = std::fs::read_dir(database.path().parent().unwrap()).unwrap();
        let mut names = Vec::new();
        for file in files.map(Result::unwrap) {
            names.push(file.file_name().into_string().unwrap());
            assert_eq!(
                file.metadata().unwrap().permissions().mode() & 0o777,
                0o600,
                "{file:?}"
            );
        }
        names.sort();
        let expected = [
            "chancery.db",
            "chancery.db-shm",
            "chancery.db-wal",
            "chancery.db.lock",
        ];
        assert_eq!(names, expected);
    })
    .await;
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    on_sqlite(|database| async move {
        let store = database.store().await;
        append(&*store.log_store(LOG), None, 3).await.unwrap();
        store.check_durability().await.unwrap();
        store.close().await;
        drop(store);
        let store = Store::connect(&database.url, ConnectOptions::default())
            .await
            .unwrap();
        store.check_schema().await.unwrap();
        check_log(&*store.log_store(LOG), 3).await;
    })
    .await;
}

#[test]
fn a_lost_setting_is_named_with_what_to_set() {
    let error = DurabilityError::Setting {
        name: "fsync",
        value: "off".into(),
        wanted: "on",
    };
    assert!(error.to_string().contains("fsync = off"));
    assert!(error.to_string().contains("set it to on"));
}

#[tokio::test]
async fn a_file_that_was_deleted_or_replaced_is_not_written_to() {
    on_sqlite(|database| async move {
        let log = database.store().await.log_store(LOG);
        append(&*log, None, 1).await.unwrap();
        let (path, aside) = (database.path(), database.path().with_extension("aside"));
        std::fs::rename(path, &aside).unwrap();
        append(&*log, None, 1).await.unwrap_err();
        std::fs::copy(&aside, path).unwrap();
        let refused = append(&*log, None, 1).await.unwrap_err();
        let said = std::error::Error::source(&refused)
            .and_then(std::error::Error::source)
            .unwrap()
            .to_string();
        assert!(said.contains("deleted or replaced"), "{said}");
        std::fs::rename(&aside, path).unwrap();
        append(&*log, None, 1).await.unwrap();
        assert_eq!(log.head().await.unwrap().tree.tree_size, 2);
    })
    .await;
}

#[tokio::test]
async fn lone_entries_are_written_whole() {
    on_sqlite(|database| async move {
        let log = database.store().await.log_store(LOG);
        let mut edge = append(&*log, None, 255).await.unwrap();
        // Across the border of a tile, where there are two tiles to write.
        for _ in 0..5 {
            edge = append(&*log, Some(edge), 1).await.unwrap();
        }
        check_log(&*log, 260).await;
        let delivered = log.deliveries(250..260).await.unwrap();
        let places: Vec<_> = delivered.iter().map(|one| one.leaf_index).collect();
        assert_eq!(places, [254, 255, 256, 257, 258]);
        let count = "SELECT CAST(count(*) AS TEXT) FROM log_term WHERE leaf_index >= 255";
        assert_eq!(database.column(count).await, ["15"]);
    })
    .await;
}

#[tokio::test]
async fn a_lone_entry_is_not_written_beside_another_head() {
    on_sqlite(|database| async move {
        let log = database.store().await.log_store(LOG);
        let mut edge = append(&*log, None, 1).await.unwrap();
        for change in ["tree_size = tree_size + 1", "root_hash = zeroblob(32)"] {
            edge = append(&*log, Some(edge), 1).await.unwrap();
            let size = edge.tree_size();
            let change = format!("UPDATE log_head SET {change}");
            database.execute(&change).await;
            append(&*log, Some(edge.clone()), 1).await.unwrap_err();
            let count = "SELECT CAST(count(*) AS TEXT) FROM log_entry";
            assert_eq!(database.column(count).await, [size.to_string()]);
            let root = hex::encode(edge.tree_head().root_hash.as_bytes());
            let repair = format!("UPDATE log_head SET tree_size = {size}, root_hash = x'{root}'");
            database.execute(&repair).await;
        }
        append(&*log, Some(edge), 1).await.unwrap();
        check_log(&*log, 4).await;
    })
    .await;
}
