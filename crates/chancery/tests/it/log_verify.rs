//! `chancery log verify` on real databases and on mirrored files, beside a running server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use chancery_tests::load::{Bounds, run};
use chancery_tests::postgres::TestPostgres;
use chancery_tests::server::Server;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use crate::harness::{BINARY, on_sqlite};

const SIZE: u64 = 300;

/// A column of bytes, which row, and what a flipped bit in it must be named.
const BYTES: [(&str, &str, &str, &str); 7] = [
    ("log_entry", "tile_leaf", "leaf_index = 5", "entry 5:"),
    ("log_entry", "tile_leaf", "leaf_index = 299", "entry 299:"),
    (
        "log_tile",
        "hashes",
        "level = 0 AND tile_index = 0",
        "hash tile level 0 index 0:",
    ),
    (
        "log_tile",
        "hashes",
        "level = 0 AND tile_index = 1",
        "hash tile level 0 index 1:",
    ),
    (
        "log_tile",
        "hashes",
        "level = 1 AND tile_index = 0",
        "hash tile level 1 index 0:",
    ),
    ("log_delivery", "body", "leaf_index = 9", "delivery 9:"),
    ("log_delivery", "sha256", "leaf_index = 9", "delivery 9:"),
];

/// A change, its opposite, and what must be named.
const CHANGES: [(&str, &str, &[&str]); 10] = [
    (
        "UPDATE log_head SET tree_size = tree_size - 1",
        "UPDATE log_head SET tree_size = tree_size + 1",
        &["head:"],
    ),
    (
        "UPDATE log_head SET tree_size = tree_size + 1000000000",
        "UPDATE log_head SET tree_size = tree_size - 1000000000",
        &["head:"],
    ),
    (
        "UPDATE log_head SET timestamp_ms = timestamp_ms + 1",
        "UPDATE log_head SET timestamp_ms = timestamp_ms - 1",
        &["head:"],
    ),
    (
        "UPDATE log_entry SET leaf_index = 1000 WHERE leaf_index = 7",
        "UPDATE log_entry SET leaf_index = 7 WHERE leaf_index = 1000",
        &["entry 7:", "entry 1000:"],
    ),
    (
        "UPDATE log_tile SET tile_index = 9 WHERE level = 0 AND tile_index = 0",
        "UPDATE log_tile SET tile_index = 0 WHERE level = 0 AND tile_index = 9",
        &["hash tile level 0 index 0:", "hash tile level 0 index 9:"],
    ),
    (
        "UPDATE log_term SET value = 'mallory@example.com' WHERE name = 'san' AND leaf_index = 3",
        "UPDATE log_term SET value = 'load0@example.com' WHERE name = 'san' AND leaf_index = 3",
        &[
            "term san=\"load0@example.com\" of entry 3:",
            "term san=\"mallory@example.com\" of entry 3:",
        ],
    ),
    (
        "UPDATE log_term SET leaf_index = 900 WHERE name = 'san' AND leaf_index = 3",
        "UPDATE log_term SET leaf_index = 3 WHERE name = 'san' AND leaf_index = 900",
        &[
            "term san=\"load0@example.com\" of entry 3:",
            "term san=\"load0@example.com\" of entry 900:",
        ],
    ),
    (
        "UPDATE log_delivery SET leaf_index = 900 WHERE leaf_index = 4",
        "UPDATE log_delivery SET leaf_index = 4 WHERE leaf_index = 900",
        &["delivery 900:"],
    ),
    (
        "UPDATE log_issuer SET log = 2 WHERE log = 1 AND fingerprint = (SELECT fingerprint FROM \
         authority WHERE position = 0)",
        "UPDATE log_issuer SET log = 1 WHERE log = 2",
        &["issuer "],
    ),
    ("SELECT 1", "SELECT 1", &[]),
];

/// Has every damage done to a database and found, and writes a mirror's key.
macro_rules! damage_all {
    ($connection:expr, $url:expr, $folder:expr) => {{
        let mut connection = $connection;
        let (url, folder): (&str, &Path) = ($url, $folder);
        let key: Vec<u8> = sqlx::query_scalar("SELECT public_key FROM log WHERE log = 1")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        fs::write(folder.join("log.der"), key).unwrap();
        for (table, column, which, expected) in BYTES {
            let read = format!("SELECT {column} FROM {table} WHERE log = 1 AND {which}");
            let whole: Vec<u8> = sqlx::query_scalar(AssertSqlSafe(read.clone()))
                .fetch_one(&mut connection)
                .await
                .unwrap();
            let write = format!("UPDATE {table} SET {column} = $1 WHERE log = 1 AND {which}");
            for place in [0, 31, whole.len() / 2, whole.len() - 1] {
                let mut flipped = whole.clone();
                flipped[place.min(whole.len() - 1)] ^= 4;
                for (bytes, expected) in [(&flipped, &[expected][..]), (&whole, &[])] {
                    sqlx::query(AssertSqlSafe(write.clone()))
                        .bind(bytes.clone())
                        .execute(&mut connection)
                        .await
                        .unwrap();
                    if !expected.is_empty() {
                        check(
                            &verify_database(folder, url),
                            expected,
                            &format!("{read} {place}"),
                        );
                    }
                }
            }
        }
        connection.execute("PRAGMA foreign_keys = OFF").await.ok();
        for (change, back, expected) in CHANGES {
            // PostgreSQL keeps the issuer's log; SQLite does not on this connection.
            if connection.execute(change).await.is_ok() {
                check(&verify_database(folder, url), expected, change);
                connection.execute(back).await.unwrap();
            }
        }
        check(&verify_database(folder, url), &[], "in the end");
    }};
}

#[tokio::test]
async fn each_changed_byte_in_sqlite_is_named() {
    let server = on_sqlite().await;
    issue(&server, SIZE).await;
    let path = server.folder().join("chancery.db");
    let url = format!("sqlite:{}", path.display());
    let connection = SqliteConnection::connect(&url).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    damage_all!(connection, &url, folder.path());
    let (_, _data) = server.stop().unwrap();
    check(
        &verify_database(folder.path(), &url),
        &[],
        "after the server",
    );
}

#[tokio::test]
async fn each_changed_byte_in_postgresql_is_named() {
    let Some(database) = TestPostgres::create().await.unwrap() else {
        return;
    };
    let server = Server::start(Path::new(BINARY), Some(database.url()))
        .await
        .unwrap();
    issue(&server, SIZE).await;
    let connection = PgConnection::connect(database.url()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    damage_all!(connection, database.url(), folder.path());
    server.stop().unwrap();
    database.drop().await.unwrap();
}

#[tokio::test]
async fn a_mirror_of_published_files_is_verified_and_each_damaged_file_found() {
    let server = on_sqlite().await;
    issue(&server, SIZE).await;
    let folder = tempfile::tempdir().unwrap();
    let mirror = folder.path().join("mirror");
    let files = fetch(&server, &mirror).await;
    let url = format!("sqlite:{}", server.folder().join("chancery.db").display());
    let verify = || {
        let arguments = ["--directory", "mirror", "--database", &url];
        log_verify(folder.path(), &arguments, None)
    };
    check(&verify(), &[], "as fetched");
    for (file, expected) in files {
        let path = mirror.join(file);
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        fs::write(&path, flipped).unwrap();
        check(&verify(), &[expected], &path.display().to_string());
        fs::remove_file(&path).unwrap();
        if expected != "checkpoint" {
            check(&verify(), &[expected], &path.display().to_string());
        }
        fs::write(&path, whole).unwrap();
    }
    fs::write(mirror.join("issuer.txt"), "stray").unwrap();
    check(&verify(), &[], "in the end");

    let since = [
        "--directory",
        "mirror",
        "--database",
        &url,
        "--since",
        "256",
    ];
    let output = log_verify(folder.path(), &since, None);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(": 44 entries, after 256"), "{said}");
    let checkpoint = mirror.join("checkpoint");
    let before = [
        "--database",
        &url,
        "--since-checkpoint",
        checkpoint.to_str().unwrap(),
    ];
    issue(&server, 5).await;
    let output = log_verify(folder.path(), &before, None);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(": 5 entries, after 300"), "{said}");
}

/// Fetches all that a log publishes; returns the files with what they are named when damaged.
async fn fetch(server: &Server, mirror: &Path) -> Vec<(PathBuf, &'static str)> {
    let files = [
        ("checkpoint", "checkpoint"),
        ("tile/0/000", "hash tile level 0 index 0"),
        ("tile/0/001.p/44", "hash tile level 0 index 1"),
        ("tile/1/000.p/1", "hash tile level 1 index 0"),
        ("tile/data/000", "entr"),
        ("tile/data/001.p/44", "entr"),
    ];
    let mut fetched = Vec::new();
    for (path, named) in files {
        get(server, path, mirror).await;
        fetched.push((PathBuf::from(path), named));
    }
    let data = fs::read(mirror.join("tile/data/000")).unwrap();
    let (leaf, _) = chancery_tlog::ct::TileLeaf::parse(&data).unwrap();
    for fingerprint in leaf.chain_fingerprints() {
        let hex: String = fingerprint
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let path = format!("issuer/{hex}");
        get(server, &path, mirror).await;
        fetched.push((PathBuf::from(path), "issuer "));
    }
    fetched
}

async fn get(server: &Server, path: &str, mirror: &Path) {
    let url = format!("{}/ct/dev/{path}", server.url());
    let answer = reqwest::get(url).await.unwrap().error_for_status().unwrap();
    let file = mirror.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, answer.bytes().await.unwrap()).unwrap();
}

/// Asserts that nothing else than `expected` was found.
#[track_caller]
fn check(output: &Output, expected: &[&str], what: &str) {
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    let code = if expected.is_empty() { 0 } else { 4 };
    assert_eq!(output.status.code(), Some(code), "{what}: {said}{failed}");
    for name in expected {
        assert!(
            said.lines().any(|line| line.starts_with(name)),
            "{what}: no {name} in {said}"
        );
    }
}

fn verify_database(folder: &Path, url: &str) -> Output {
    log_verify(folder, &[], Some(url))
}

fn log_verify(folder: &Path, arguments: &[&str], database: Option<&str>) -> Output {
    let mut command = Command::new(BINARY);
    command.args(["log", "verify"]).args(arguments);
    command.current_dir(folder).env_remove("CHANCERY_DATABASE");
    if let Some(url) = database {
        command.env("CHANCERY_DATABASE", url);
    }
    command.output().unwrap()
}

async fn issue(server: &Server, count: u64) {
    let bounds = Bounds {
        count,
        time: Duration::from_secs(60),
    };
    assert_eq!(run(server.url(), 1, bounds).await.unwrap().issued, count);
}
