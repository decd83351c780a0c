//! A ledger that is backed up, restored, brought back and published with its instance.

use std::fs;
use std::path::Path;

use chancery_tlog::{TlogProof, leaf_hash};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{SERVE, assert_refused, chancery};
use crate::ledger::{add, signed_with};
use crate::production::Production;
use crate::recovery::{Instance, Kind};

/// Serves an instance and adds entries; returns their requests.
async fn grow(instance: &mut Instance, messages: &[&str]) -> Vec<Value> {
    let production = instance.serve();
    let mut requests = Vec::new();
    for message in messages {
        requests.push(enter(instance, &production, message).await);
    }
    instance.stop(production);
    requests
}

async fn enter(instance: &Instance, production: &Production, message: &str) -> Value {
    let token = instance.identity().await.token;
    let request = signed_with(&production.client(), token, message.as_bytes()).await;
    let (status, answer) = add(&url(production), &request).await;
    assert_eq!(status, 201, "{answer}");
    request
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn url(production: &Production) -> String {
    format!("http://127.0.0.1:{}", production.port())
}

/// Backs up, goes on, loses the database, restores into the other kind, brings back what came after
/// the backup, and goes on.
async fn moves(from: Kind, to: Kind) {
    let Some(mut instance) = Instance::with_ledger(from).await else {
        return;
    };
    let Some(other) = instance.empty_database(to).await else {
        return;
    };
    let original = fs::read_to_string(instance.file("database-url")).unwrap();
    let mut requests = grow(&mut instance, &["one", "two"]).await;
    let said = instance.succeed(&["backup", "--to", "backup.db"]);
    assert!(said.contains("log ca.example.org size 3 "), "{said}");
    assert!(said.contains("log/ledger.key.pem"), "{said}");
    instance.succeed(&["log", "verify", "--database", "sqlite:backup.db"]);
    requests.extend(grow(&mut instance, &["three"]).await);

    instance.use_database(&other);
    let refused = instance.run(&["restore", "--from", "backup.db"]);
    assert_refused(&refused, 3, &["is at size", "log recover --from"]);
    let issued = instance.succeed(&["log", "recover", "--from", &original]);
    assert!(issued.contains("brought back 1 entries"), "{issued}");
    // The ledger's own guard knows of more.
    assert_refused(&instance.run(&SERVE), 3, &["at odds"]);
    let ledger = ["log", "recover", "--log", "ca.example.org", "--from"];
    let said = instance.succeed(&[&ledger[..], &[&original]].concat());
    assert!(said.contains("brought back 1 entries"), "{said}");
    let verified = instance.succeed(&["log", "verify"]);
    assert!(
        verified.contains("ca.example.org: 4 entries, "),
        "{verified}"
    );

    let production = instance.serve();
    for request in &requests {
        let (status, answer) = add(&url(&production), request).await;
        assert_eq!(status, 409, "{answer}");
    }
    enter(&instance, &production, "four").await;
    instance.stop(production);
    instance.succeed(&["backup", "--to", "newer.db"]);
    let third = instance.empty_database(from).await.unwrap();
    instance.use_database(&third);
    let said = instance.succeed(&["restore", "--from", "newer.db"]);
    assert_eq!(said.matches("agrees with the guard").count(), 2, "{said}");
    grow(&mut instance, &["five"]).await;
    instance.succeed(&["log", "verify"]);
    instance.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_moves_from_sqlite_to_postgres_and_back() {
    moves(Kind::Sqlite, Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_moves_from_sqlite_to_another_sqlite_file() {
    moves(Kind::Sqlite, Kind::Sqlite).await;
}

#[tokio::test]
async fn a_backup_of_a_ledger_that_was_rolled_back_says_so() {
    let mut instance = Instance::with_ledger(Kind::Sqlite).await.unwrap();
    grow(&mut instance, &["one", "two"]).await;
    let url = fs::read_to_string(instance.file("database-url")).unwrap();
    let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url)
        .await
        .unwrap();
    // Both heads, of which only the ledger's is behind its guard.
    let empty = "UPDATE log_head SET tree_size = 0, root_hash = \
                 x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' WHERE log = 2";
    sqlx::raw_sql(empty).execute(&mut connection).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
    let behind = instance.run(&["backup", "--to", "behind.db"]);
    assert_refused(&behind, 4, &["is written", "size 0 root", "size 3 root"]);
    let found = instance.run(&["log", "verify", "--log", "ca.example.org"]);
    assert_refused(&found, 4, &["in log ca.example.org"]);
}

/// Waits until a folder has a checkpoint.
async fn published(folder: &Path, checkpoint: &str) {
    for _ in 0..2_000 {
        let note = fs::read_to_string(folder.join("checkpoint")).unwrap_or_default();
        if note == checkpoint {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the checkpoint is not published: {checkpoint}");
}

#[tokio::test]
async fn a_ledger_is_published_as_files_while_it_serves_and_once() {
    let mut instance = Instance::with_ledger(Kind::Sqlite).await.unwrap();
    let config = fs::read_to_string(instance.file("chancery.yaml")).unwrap();
    let export = "export:\n  directory: published\n  interval-ms: 100\n";
    fs::write(
        instance.file("chancery.yaml"),
        format!("{config}\n{export}"),
    )
    .unwrap();
    let folder = instance.path().join("published/ca.example.org");
    let production = instance.serve();
    enter(&instance, &production, "one").await;
    let checkpoint = production.client().get("/checkpoint").await.unwrap().body;
    let digest = hex(&Sha256::digest("one"));
    let run = |arguments: &[&str]| chancery(&production.path(""), arguments);
    let prove = ["log", "prove", "--url", &url(&production)];
    for entry in [
        &["--log", "ca.example.org", "1"][..],
        &[&digest],
        &[&format!("sha256:{digest}")],
    ] {
        let proven = run(&[&prove[..], entry].concat());
        assert!(proven.status.success(), "{proven:?}");
        let file = production.path("entry-1.tlog-proof");
        let proof = TlogProof::parse(&fs::read(&file).unwrap()).unwrap();
        assert!(proof.checkpoint.encode() == checkpoint);
        let body = proof.extra.clone().unwrap();
        proof.verify_leaf(&leaf_hash(&body)).unwrap();
        fs::remove_file(file).unwrap();
    }
    let none = run(&[&prove[..], &["--log", "ca.example.org", "2"]].concat());
    assert_refused(&none, 1, &["no ledger of this instance has the entry 2"]);
    published(&folder, &checkpoint).await;
    instance.stop(production);
    assert!(folder.join("tile/entries/000.p/2").exists());
    let directory = folder.to_str().unwrap();
    let verify = [
        "log",
        "verify",
        "--log",
        "ca.example.org",
        "--format",
        "json",
    ];
    let said = instance.succeed(&[&verify[..], &["--directory", directory]].concat());
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&said["kind"], &said["entries"]),
        (&json!("ledger"), &json!(2))
    );

    fs::write(instance.file("kept"), &checkpoint).unwrap();
    let once = [
        "log",
        "export",
        "--log",
        "ca.example.org",
        "--checkpoint",
        "kept",
    ];
    let said = instance.succeed(&[&once[..], &["--to", "copy"]].concat());
    assert!(said.contains("exported 2 entries"), "{said}");
    let said = instance.succeed(&["log", "prune", "--keep", "0", "--log", "ca.example.org"]);
    assert!(said.contains("the first 0 of 2 entries"), "{said}");
    // Files bring back what a database lacks.
    let recover = [
        "log",
        "recover",
        "--log",
        "ca.example.org",
        "--from",
        "copy",
    ];
    let said = instance.succeed(&recover);
    assert!(said.contains("brought back 0 entries"), "{said}");
}
