//! A database of an older version: refused, brought up to date, served.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use chancery_tests::postgres::TestPostgres;
use sqlx::{Connection, PgConnection, SqliteConnection, raw_sql};
use tempfile::TempDir;

use crate::harness::{SERVE, assert_refused, chancery, init_with};
use crate::production::Production;

/// Takes away what the migrations after the first made.
const UNDO: &str = "DELETE FROM _sqlx_migrations WHERE version > 1;
     DELETE FROM log_term WHERE name = 'leaf-hash';
     DROP TABLE used_token; DROP TABLE database_server; DROP TABLE database_copy;
     DROP TABLE trust_metadata; DROP TABLE trust_document; DROP TABLE timestamp_chain;
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
    without_trust(folder.path());
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
    signed_documents_are_begun(Production::start(folder).stop());
}

/// Takes away what an older version's `init` did not make.
fn without_trust(folder: &Path) {
    let path = folder.join("chancery.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let (before, section) = text.split_once("\ntrust:\n").unwrap();
    let after = section.lines().skip_while(|line| line.starts_with(' '));
    let after: Vec<&str> = after.collect();
    fs::write(&path, format!("{before}\n{}\n", after.join("\n"))).unwrap();
    fs::remove_dir_all(folder.join("trust")).unwrap();
    // As if a first `trust init` had been broken off here: the other key is there already.
    fs::remove_file(folder.join("offline/tuf-root.key.pem")).unwrap();
}

/// An instance of an older version gets trust metadata when its operator says so.
fn signed_documents_are_begun(folder: TempDir) {
    let output = chancery(folder.path(), &["trust", "init"]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let (_, section) = said.split_once("\n\n").unwrap();
    let path = folder.path().join("chancery.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}{section}")).unwrap();
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
