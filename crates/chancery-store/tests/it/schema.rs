//! The tables.

use std::path::Path;
use std::sync::{Arc, Mutex};

use chancery_log::IndexTerm;
use chancery_store::SchemaError;
use chancery_tlog::leaf_hash;

use crate::harness::{LOG, TestDatabase, on_postgres, on_sqlite};
use crate::test_log::{append, leaf};

on_both_databases!(
    a_database_without_tables_is_refused,
    a_migrated_database_is_accepted,
    a_newer_schema_is_refused,
    an_altered_migration_is_refused,
    an_older_schema_is_refused_and_can_be_brought_up,
    an_unfinished_migration_is_refused,
    entries_of_before_are_found_by_their_leaf_hashes,
);

async fn a_database_without_tables_is_refused(database: TestDatabase) {
    let store = database.connect().await;
    assert!(matches!(
        store.check_schema().await,
        Err(SchemaError::Missing)
    ));
    assert!(store.instance().await.is_err());
}

async fn a_migrated_database_is_accepted(database: TestDatabase) {
    let store = database.store().await;
    store.check_schema().await.unwrap();
    store.migrate().await.unwrap();
    store.check_schema().await.unwrap();
    store.check_durability().await.unwrap();
    assert!(store.instance().await.unwrap().is_some());
}

async fn a_newer_schema_is_refused(database: TestDatabase) {
    let store = database.store().await;
    database
        .execute(
            "INSERT INTO _sqlx_migrations
                    (version, description, success, checksum, execution_time, installed_on)
             SELECT 9999, description, success, checksum, execution_time, installed_on
               FROM _sqlx_migrations
              WHERE version = 1",
        )
        .await;
    for refused in [store.check_schema().await, store.migrate().await] {
        assert!(
            matches!(refused, Err(SchemaError::Newer { found: 9999, .. })),
            "{refused:?}"
        );
    }
}

async fn an_older_schema_is_refused_and_can_be_brought_up(database: TestDatabase) {
    let store = database.store().await;
    database
        .execute(
            "DELETE FROM _sqlx_migrations WHERE version > 1;
             DELETE FROM log_term WHERE name = 'leaf-hash';
             DROP TABLE used_token; DROP TABLE database_server; DROP TABLE database_copy;
             DROP TABLE trust_metadata; DROP TABLE trust_document; DROP TABLE timestamp_chain;
             ALTER TABLE log DROP COLUMN retired_ms; ALTER TABLE log DROP COLUMN pruned_below;
             ALTER TABLE log DROP COLUMN begins_ms; ALTER TABLE log DROP COLUMN guard_id;
             ALTER TABLE log DROP COLUMN final_checkpoint; ALTER TABLE log_head DROP COLUMN ends_ms;
             ALTER TABLE log_head DROP COLUMN binding; ALTER TABLE log DROP COLUMN kind",
        )
        .await;
    let refused = store.check_schema().await;
    assert!(
        matches!(refused, Err(SchemaError::Older { found: 1, .. })),
        "{refused:?}"
    );

    store.migrate().await.unwrap();
    store.check_schema().await.unwrap();
    assert!(store.claim_token([1; 32], 1).await.unwrap());
    assert!(store.instance().await.unwrap().is_some());
}

async fn entries_of_before_are_found_by_their_leaf_hashes(database: TestDatabase) {
    const SIZE: u64 = 600;
    let store = database.store().await;
    let log = store.log_store(LOG);
    append(&*log, None, SIZE).await.unwrap();
    let wider = "UPDATE log_head SET tree_size = tree_size - 1";
    database.execute(wider).await;
    database
        .execute("DELETE FROM _sqlx_migrations WHERE version = 6")
        .await;
    store.migrate().await.unwrap();
    for index in 0..SIZE {
        let term = IndexTerm::leaf_hash(&leaf_hash(&leaf(index)));
        let found = log.find(term.name, &term.value, 10).await.unwrap();
        let expected = (index < SIZE - 1).then_some(index);
        assert_eq!(found, Vec::from_iter(expected), "{index}");
    }
}

async fn an_altered_migration_is_refused(database: TestDatabase) {
    let store = database.store().await;
    let other = if database.is_sqlite() {
        "x'00'"
    } else {
        "'\\x00'"
    };
    database
        .execute(&format!("UPDATE _sqlx_migrations SET checksum = {other}"))
        .await;
    for refused in [store.check_schema().await, store.migrate().await] {
        assert!(
            matches!(refused, Err(SchemaError::Altered(1))),
            "{refused:?}"
        );
    }
}

async fn an_unfinished_migration_is_refused(database: TestDatabase) {
    let store = database.store().await;
    database
        .execute("UPDATE _sqlx_migrations SET success = false")
        .await;
    for refused in [store.check_schema().await, store.migrate().await] {
        assert!(
            matches!(refused, Err(SchemaError::Unfinished(1))),
            "{refused:?}"
        );
    }
}

/// One line a column: table, column, type, whether NULL is allowed, place in the primary key.
const SQLITE_COLUMNS: &str = "
    SELECT t.name || ' ' || c.name || ' ' ||
           replace(replace(c.type, 'INTEGER', 'BIGINT'), 'BLOB', 'BYTEA') || ' ' ||
           CASE WHEN c.\"notnull\" THEN 'NO' ELSE 'YES' END || ' ' || c.pk
      FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c
     WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'
     ORDER BY t.name, c.cid";
const POSTGRES_COLUMNS: &str = "
    SELECT c.table_name || ' ' || c.column_name || ' ' || upper(c.data_type) || ' ' ||
           c.is_nullable || ' ' || COALESCE((
               SELECT k.ordinal_position FROM information_schema.key_column_usage AS k
                WHERE k.table_name = c.table_name AND k.column_name = c.column_name
                  AND k.constraint_name LIKE '%_pkey'), 0)
      FROM information_schema.columns AS c
     WHERE c.table_schema = 'public' AND c.table_name NOT LIKE '\\_sqlx%'
     ORDER BY c.table_name COLLATE \"C\", c.ordinal_position";
const UNCOMMENTED: &str = "
    SELECT c.relname || '.' || a.attname
      FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
       AND c.relname NOT LIKE '\\_sqlx%' AND col_description(c.oid, a.attnum) IS NULL";

#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    let on_one = Arc::new(Mutex::new(Vec::new()));
    let sqlite = Arc::clone(&on_one);
    on_sqlite(|database| async move {
        let _store = database.store().await;
        *sqlite.lock().unwrap() = database.column(SQLITE_COLUMNS).await;
    })
    .await;
    assert!(on_one.lock().unwrap().len() > 30);
    on_postgres(|database| async move {
        let _store = database.store().await;
        assert_eq!(
            database.column(POSTGRES_COLUMNS).await,
            *on_one.lock().unwrap()
        );
        assert_eq!(database.column(UNCOMMENTED).await, [""; 0]);
    })
    .await;
}

/// A file that nobody embeds would never be applied.
#[tokio::test]
async fn every_migration_file_is_applied() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let versions = |name: &str| {
        let files = std::fs::read_dir(folder.join(name)).unwrap();
        let name_of = |file: std::fs::DirEntry| file.file_name().into_string().unwrap();
        let mut names: Vec<_> = files.map(|file| name_of(file.unwrap())).collect();
        names.sort();
        names
    };
    assert_eq!(versions("sqlite"), versions("postgres"));
    on_sqlite(|database| async move {
        let _store = database.store().await;
        let applied = database
            .column("SELECT printf('%04d_%s.sql', version, description) FROM _sqlx_migrations")
            .await;
        assert_eq!(applied, versions("sqlite"));
    })
    .await;
}
