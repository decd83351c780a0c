//! The ledger of an instance: made once, served, and found again after a restart.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::{KeyType, LocalKey};
use chancery_tests::client::{Client, Identity, request_body};
use chancery_tests::server::Server;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{BINARY, assert_refused, chancery, init, init_with, on_postgres, on_sqlite};

const WHO: &str = "ada@example.com";

/// Gets a certificate, and returns a request for an entry of a signature under it.
async fn signed(client: &Client, message: &[u8]) -> Value {
    let key = LocalKey::generate(KeyType::P256).unwrap();
    let identity = Identity {
        token: client.token(WHO).await.unwrap(),
        body: request_body(&key, WHO).await.unwrap(),
    };
    let answer = client.signing_cert(&identity).await.unwrap();
    let certificate = answer.certificates().unwrap().swap_remove(0);
    let certificate = pem::parse(certificate).unwrap();
    json!({"hashedRekordRequestV002": {
        "digest": STANDARD.encode(Sha256::digest(message)),
        "signature": {
            "content": STANDARD.encode(key.sign_now(message).unwrap()),
            "verifier": {
                "x509Certificate": {"rawBytes": STANDARD.encode(certificate.contents())},
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            },
        },
    }})
}

async fn add(url: &str, request: &Value) -> (u16, Value) {
    let post = reqwest::Client::new().post(format!("{url}/api/v2/log/entries"));
    let answer = post.body(request.to_string()).send().await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

async fn goes_on(server: Server, database: Option<&str>) {
    let client = Client::new(server.url()).unwrap();
    let request = signed(&client, b"hello").await;
    let (status, entry) = add(server.url(), &request).await;
    assert_eq!(status, 201, "{entry}");
    assert_eq!(entry["logIndex"], "1", "no client sees entry 0");
    let root = client.get("/trusted_root.json").await.unwrap().body;
    let root: Value = serde_json::from_str(&root).unwrap();
    assert_eq!(root["tlogs"][0]["logId"], entry["logId"]);
    let envelope = entry["inclusionProof"]["checkpoint"]["envelope"].clone();
    let checkpoint = client.get("/checkpoint").await.unwrap().body;
    assert_eq!(envelope, checkpoint);
    assert!(checkpoint.starts_with("localhost\n2\n"), "{checkpoint}");

    let (_, data) = server.stop().unwrap();
    let again = Server::start_in(Path::new(BINARY), database, data).await;
    let again = again.unwrap();
    let (status, refused) = add(again.url(), &request).await;
    assert_eq!(status, 409, "{refused}");
    let client = Client::new(again.url()).unwrap();
    assert_eq!(client.get("/checkpoint").await.unwrap().body, checkpoint);
    let (status, entry) = add(again.url(), &signed(&client, b"again").await).await;
    assert_eq!((status, &entry["logIndex"]), (201, &json!("2")));
}

#[tokio::test]
async fn the_ledger_goes_on_where_it_stood_on_sqlite() {
    goes_on(on_sqlite().await, None).await;
}

#[tokio::test]
async fn the_ledger_goes_on_where_it_stood_on_postgres() {
    if let Some((server, database)) = on_postgres().await {
        goes_on(server, Some(database.url())).await;
        database.drop().await.unwrap();
    }
}

#[tokio::test]
async fn what_another_instance_issued_is_refused() {
    let (own, other) = (on_sqlite().await, on_sqlite().await);
    let foreign = signed(&Client::new(other.url()).unwrap(), b"hello").await;
    let (status, refused) = add(own.url(), &foreign).await;
    assert_eq!(status, 400);
    let said = refused["message"].as_str().unwrap();
    assert!(said.ends_with("[entry-not-accepted]"), "{said}");
}

fn keys(folder: &Path) -> Vec<String> {
    let output = chancery(folder, &["log", "keys"]);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn init_makes_a_ledger_where_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    init_with(folder.path(), &["--ledger", "rekor.example.org"]);
    let keys = keys(folder.path());
    assert!(keys[2].starts_with("rekor.example.org+"), "{keys:?}");
    let again = chancery(folder.path(), &["ledger", "new"]);
    assert!(again.status.success(), "it is there, and stays as it is");
    let refused = chancery(
        tempfile::tempdir().unwrap().path(),
        &[
            "init",
            "--url",
            "https://ca.example.org",
            "--log-read",
            "open",
            "--ledger",
            "a.b/c",
        ],
    );
    assert_refused(&refused, 3, &["ledger.origin", "host name alone"]);
}

#[test]
fn an_instance_gets_a_ledger_later() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path());
    let refused = chancery(folder.path(), &["ledger", "new"]);
    assert_refused(&refused, 3, &["no section ledger"]);
    let config = folder.path().join("chancery.yaml");
    let section = "ledger:\n  origin: ca.example.org\n  key: log/ledger.key.pem\n  \
                   guard: {file: guard-ledger}\n";
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text + section).unwrap();
    let refused = chancery(folder.path(), &crate::harness::SERVE);
    assert_refused(&refused, 3, &["chancery ledger new"]);
    let made = chancery(folder.path(), &["ledger", "new"]);
    assert!(made.status.success(), "{made:?}");
    assert!(keys(folder.path())[2].starts_with("ca.example.org+"));
}
