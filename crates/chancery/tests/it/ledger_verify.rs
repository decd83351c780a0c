//! `chancery log verify` on ledgers: what in the database is changed is named.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use chancery_tests::client::Client;
use chancery_tests::server::Server;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use crate::harness::{BINARY, on_postgres, on_sqlite};
use crate::ledger::{add, signed};

/// A column of bytes of the ledger, which row, and what a flipped bit in it must be named.
const BYTES: [(&str, &str, &str, &str); 5] = [
    ("log_entry", "tile_leaf", "leaf_index = 0", "entry 0:"),
    ("log_entry", "tile_leaf", "leaf_index = 2", "entry 2:"),
    ("log_entry", "tile_leaf", "leaf_index = 3", "entry 3:"),
    (
        "log_tile",
        "hashes",
        "level = 0 AND tile_index = 0",
        "hash tile level 0 index 0:",
    ),
    ("log_head", "root_hash", "tree_size = 4", "head:"),
];

/// A change to the ledger, its opposite, and what must be named.
const CHANGES: [(&str, &str, &str); 5] = [
    (
        "UPDATE log_head SET tree_size = tree_size - 1 WHERE log = 2",
        "UPDATE log_head SET tree_size = tree_size + 1 WHERE log = 2",
        "head:",
    ),
    (
        "UPDATE log_term SET leaf_index = 3 WHERE log = 2 AND name = 'artifact' AND leaf_index = 1",
        "UPDATE log_term SET leaf_index = 1 WHERE log = 2 AND name = 'artifact' AND leaf_index = 3 \
         AND value IN (SELECT value FROM log_term WHERE log = 2 AND name = 'artifact' AND value \
         LIKE 'sha256:2cf24dba%')",
        "term artifact=\"sha256:2cf24dba",
    ),
    (
        "UPDATE log_term SET value = 'x' || value WHERE log = 2 AND name = 'issued' AND leaf_index = 2",
        "UPDATE log_term SET value = substr(value, 2) WHERE log = 2 AND name = 'issued' AND \
         leaf_index = 2",
        "term issued=\"x",
    ),
    // What its entries are tied to: the certificate of entry 3 is the third.
    (
        "UPDATE log_entry SET leaf_index = 900 WHERE log = 1 AND leaf_index = 2",
        "UPDATE log_entry SET leaf_index = 2 WHERE log = 1 AND leaf_index = 900",
        "entry 3: its certificate is not the entry ",
    ),
    ("SELECT 1", "SELECT 1", ""),
];

/// Has every damage done to a database and found.
macro_rules! damage_all {
    ($connection:expr, $url:expr, $folder:expr) => {{
        let mut connection = $connection;
        let (url, folder): (&str, &Path) = ($url, $folder);
        let kind: String = sqlx::query_scalar("SELECT kind FROM log WHERE log = 2")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(kind, "ledger");
        for (table, column, which, expected) in BYTES {
            let read = format!("SELECT {column} FROM {table} WHERE log = 2 AND {which}");
            let whole: Vec<u8> = sqlx::query_scalar(AssertSqlSafe(read.clone()))
                .fetch_one(&mut connection)
                .await
                .unwrap();
            let write = format!("UPDATE {table} SET {column} = $1 WHERE log = 2 AND {which}");
            for place in [0, 1, whole.len() / 2, whole.len() - 1] {
                let mut flipped = whole.clone();
                flipped[place] ^= 4;
                for (bytes, damaged) in [(flipped, true), (whole.clone(), false)] {
                    sqlx::query(AssertSqlSafe(write.clone()))
                        .bind(bytes)
                        .execute(&mut connection)
                        .await
                        .unwrap();
                    if damaged {
                        check(folder, url, expected, &format!("{read} {place}"));
                    }
                }
            }
        }
        for (change, back, expected) in CHANGES {
            connection.execute(change).await.unwrap();
            check(folder, url, expected, change);
            connection.execute(back).await.unwrap();
        }
        check(folder, url, "", "in the end");
    }};
}

/// Adds three entries.
async fn fill(server: &Server) {
    let client = Client::new(server.url()).unwrap();
    for message in [&b"hello"[..], b"two", b"three"] {
        let request = signed(&client, message).await;
        assert_eq!(add(server.url(), &request).await.0, 201);
    }
}

/// Asserts that a line begins so, or that nothing is found.
#[track_caller]
fn check(folder: &Path, url: &str, expected: &str, what: &str) {
    let output = log_verify(folder, &["--database", url]);
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    let code = if expected.is_empty() { 0 } else { 4 };
    assert_eq!(output.status.code(), Some(code), "{what}: {said}{failed}");
    let named = said.lines().any(|line| line.starts_with(expected));
    assert!(named, "{what}: no {expected} in {said}");
    let summaries = said.lines().filter(|line| line.contains(" verified in "));
    assert_eq!(summaries.count(), 2, "{what}: {said}");
}

fn log_verify(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(["log", "verify"]).args(arguments);
    command.current_dir(folder).env_remove("CHANCERY_DATABASE");
    command.output().unwrap()
}

#[tokio::test]
async fn each_changed_byte_of_a_ledger_in_sqlite_is_named() {
    let server = on_sqlite().await;
    fill(&server).await;
    let url = format!("sqlite:{}", server.folder().join("chancery.db").display());
    let connection = SqliteConnection::connect(&url).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    damage_all!(connection, &url, folder.path());
    // With its configuration, the guards too, and only the ledger where it is named.
    let (_, data) = server.stop().unwrap();
    let said = log_verify(folder.path(), &["--database", &url, "--log", "localhost"]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.starts_with("localhost: 4 entries, "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    drop(data);
}

#[tokio::test]
async fn each_changed_byte_of_a_ledger_in_postgresql_is_named() {
    let Some((server, database)) = on_postgres().await else {
        return;
    };
    fill(&server).await;
    let connection = PgConnection::connect(database.url()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    damage_all!(connection, database.url(), folder.path());
    server.stop().unwrap();
    database.drop().await.unwrap();
}

#[tokio::test]
async fn a_mirror_of_a_ledger_is_verified_and_each_damaged_file_found() {
    let server = on_sqlite().await;
    fill(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let root = Client::new(server.url()).unwrap();
    let root = root.get("/trusted_root.json").await.unwrap().body;
    let root: serde_json::Value = serde_json::from_str(&root).unwrap();
    let key = root["tlogs"][0]["publicKey"]["rawBytes"].as_str().unwrap();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n");
    fs::write(folder.path().join("ledger.pem"), pem).unwrap();
    let run = |arguments: &[&str]| crate::harness::chancery(folder.path(), arguments);
    let key = ["--key", "ledger.pem", "--origin", "localhost"];
    let mirror = [
        &["log", "mirror", server.url(), "--to", "copy", "--once"],
        &key[..],
    ]
    .concat();
    let mirrored = run(&mirror);
    assert!(mirrored.status.success(), "{mirrored:?}");
    let verify = [&["log", "verify", "--directory", "copy"], &key[..]].concat();
    let verified = run(&verify);
    assert!(verified.status.success(), "{verified:?}");
    assert!(verified.stdout.starts_with(b"localhost: 4 entries, "));
    for (file, named) in [
        ("checkpoint", "checkpoint"),
        ("tile/0/000.p/4", "hash tile level 0 index 0"),
        ("tile/entries/000.p/4", "entr"),
    ] {
        let path = folder.path().join("copy").join(file);
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        fs::write(&path, flipped).unwrap();
        let damaged = run(&verify);
        assert_eq!(damaged.status.code(), Some(4), "{file}: {damaged:?}");
        let said = String::from_utf8(damaged.stdout).unwrap();
        assert!(said.starts_with(named), "{file}: {said}");
        fs::write(&path, whole).unwrap();
    }
    assert!(run(&verify).status.success());
}
