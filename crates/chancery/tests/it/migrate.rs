//! A database of an older version: refused, brought up to date, served.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use chancery_tests::postgres::TestPostgres;
use sqlx::{Connection, PgConnection, SqliteConnection, raw_sql};
use tempfile::TempDir;

use crate::harness::{SERVE, assert_refused, chancery, init_with};
use crate::production::Production;

/// Takes away what the migrations after the first made.
const UNDO: &str = "DELETE FROM _sqlx_migrations WHERE version > 1;
     DELETE FROM log_term WHERE name = 'leaf-hash';
     DROP TABLE used_token; DROP TABLE database_server; DROP TABLE database_copy;
     ALTER TABLE log DROP COLUMN retired_ms; ALTER TABLE log DROP COLUMN pruned_below;
     ALTER TABLE log DROP COLUMN begins_ms; ALTER TABLE log DROP COLUMN guard_id;
     ALTER TABLE log DROP COLUMN final_checkpoint; ALTER TABLE log_head DROP COLUMN ends_ms;
     ALTER TABLE log_head DROP COLUMN binding; ALTER TABLE log DROP COLUMN kind";

/// Makes an instance whose configuration names `database` in a file.
fn made(folder: &TempDir, database: &str) {
    let path = folder.path().join("database-url");
    let mut file = fs::OpenOptions::new();
    let file = file.create_new(true).write(true).mode(0o600).open(&path);
    file.unwrap().write_all(database.as_bytes()).unwrap();
    init_with(folder.path(), &["--database-file", "database-url"]);
}

/// The database is one that an older version made.
fn refused_then_migrated_then_served(folder: TempDir, again: &[&str]) {
    for arguments in [SERVE.as_slice(), &["config", "check", "--format", "json"]] {
        let output = chancery(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        for words in [
            "schema version 1 and this program needs",
            "`chancery migrate`",
        ] {
            assert!(said.contains(words), "{words:?} is not in: {said}");
        }
    }
    for arguments in [&["migrate"], again] {
        let output = chancery(folder.path(), arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        assert_eq!(output.stdout, b"the database is up to date\n");
    }
    Production::start(folder);
}

#[tokio::test]
async fn an_older_sqlite_database_is_refused_then_migrated_then_served() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("log.db").display());
    made(&folder, &url);
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    raw_sql(UNDO).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    refused_then_migrated_then_served(folder, &["migrate", "--database", &url]);
}

#[tokio::test]
async fn an_older_postgres_database_is_refused_then_migrated_then_served() {
    let Some(database) = TestPostgres::create().await.unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    made(&folder, database.url());
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    raw_sql(UNDO).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    refused_then_migrated_then_served(folder, &["migrate"]);
    database.drop().await.unwrap();
}

#[test]
fn a_database_without_an_instance_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("log.db").display());
    made(&folder, &url);
    let other = folder.path().join("other.db");
    let other_url = format!("sqlite:{}", other.display());
    let output = chancery(folder.path(), &["migrate", "--database", &other_url]);
    assert_refused(&output, 3, &["chancery init"]);
    assert!(!other.exists());
}
