//! The ledger of an instance: made once, served, and found again after a restart.

use std::fs;
use std::path::Path;
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::{KeyType, LocalKey, Signer as _};
use chancery_tests::client::{Client, EntryRequest, Identity, request_body};
use chancery_tests::server::Server;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::harness::{BINARY, assert_refused, chancery, init, init_with, on_postgres, on_sqlite};
use crate::recovery::{Instance, Kind};

const WHO: &str = "ada@example.com";

/// Gets a certificate, and returns a request for an entry of a signature under it.
pub(crate) async fn signed(client: &Client, message: &[u8]) -> Value {
    let token = client.token(WHO).await.unwrap();
    signed_with(client, token, message).await
}

/// As [`signed`], with a token for [`WHO`].
pub(crate) async fn signed_with(client: &Client, token: String, message: &[u8]) -> Value {
    let key = LocalKey::generate(KeyType::P256).unwrap();
    let identity = Identity {
        token,
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

pub(crate) async fn add(url: &str, request: &Value) -> (u16, Value) {
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

/// Makes an instance whose configuration names a ledger that is not made yet.
fn with_section(key: &str, guard: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path());
    add_section(folder.path(), key, guard);
    folder
}

fn add_section(folder: &Path, key: &str, guard: &str) {
    let config = folder.join("chancery.yaml");
    let text = fs::read_to_string(&config).unwrap();
    let section = format!("ledger:\n  origin: ca.example.org\n  key: {key}\n  guard: {guard}\n");
    fs::write(&config, text + &section).unwrap();
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_new_ledgers_guard_in_a_database_gets_its_id_from_the_command_that_makes_it() {
    let guard = "{database: 'sqlite:guards.db'}";
    let folder = with_section("log/ledger.key.pem", guard);
    let said = stdout(&chancery(folder.path(), &["ledger", "new"]));
    let id = said.lines().find_map(|line| line.split_once("guard.id: "));
    let id = id.unwrap().1;
    assert!(said.find(id) < said.find("Made the ledger"), "{said}");
    let again = stdout(&chancery(folder.path(), &["ledger", "new"]));
    assert_eq!(again, said, "the recorded guard is gone on with");

    let refused = chancery(folder.path(), &crate::harness::SERVE);
    assert_refused(&refused, 3, &["ledger.guard", id]);
    let config = folder.path().join("chancery.yaml");
    let text = fs::read_to_string(&config).unwrap();
    let with_id = |id| text.replace("guards.db'", &format!("guards.db', id: '{id}'"));
    fs::write(&config, with_id("0123456789abcdef0123456789abcdef")).unwrap();
    let refused = chancery(folder.path(), &["ledger", "new"]);
    assert_refused(&refused, 3, &["0123456789abcdef0123456789abcdef"]);
    fs::write(&config, with_id(id)).unwrap();
    stdout(&chancery(folder.path(), &["ledger", "new"]));
}

#[test]
fn a_new_ledger_that_broke_off_before_its_record_is_made_by_the_next_attempt() {
    for (key, guard) in [
        ("missing/ledger.key.pem", "{file: guard-ledger}"),
        ("log/ledger.key.pem", "{file: missing/guard-ledger}"),
    ] {
        let folder = with_section(key, guard);
        let refused = chancery(folder.path(), &["ledger", "new"]);
        assert!(!refused.status.success());
        fs::create_dir(folder.path().join("missing")).unwrap();
        stdout(&chancery(folder.path(), &["ledger", "new"]));
        assert!(keys(folder.path())[2].starts_with("ca.example.org+"));
    }
}

#[test]
fn a_new_ledger_takes_neither_key_nor_guard_of_another_log() {
    for (key, guard, word) in [
        ("log/witness.key.pem", "{file: guard-ledger}", "ledger.key"),
        ("log/log.key.pem", "{file: guard-ledger}", "Ed25519"),
        ("log/ledger.key.pem", "{file: guard}", "another log's"),
    ] {
        let folder = with_section(key, guard);
        let refused = chancery(folder.path(), &["ledger", "new"]);
        assert_refused(&refused, 3, &[word]);
    }
}

#[test]
fn a_replica_that_joins_has_the_ledgers_guard_and_must_have_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path();
    let guards = format!("sqlite:{}", first.join("guards.db").display());
    let ledger = ["--guard-database", &guards, "--ledger", "rekor.example.org"];
    init_with(first, &ledger);
    let config = fs::read_to_string(first.join("chancery.yaml")).unwrap();
    let ids: Vec<_> = config
        .lines()
        .filter_map(|line| line.trim().strip_prefix("id: "))
        .collect();
    let [id, ledger_id] = ids[..] else {
        panic!("{config}");
    };
    let replica = first.join("replica");
    fs::create_dir(&replica).unwrap();
    for room in ["ca", "log", "secrets", "trust", "tsa"] {
        let copied = std::process::Command::new("cp")
            .arg("-a")
            .args([first.join(room), replica.join(room)])
            .status();
        assert!(copied.unwrap().success());
    }
    let database = format!("sqlite:{}", first.join("chancery.db").display());
    let join = [
        "init",
        "--join",
        "--dir",
        "replica",
        "--url",
        "https://ca.example.org",
        "--log-read",
        "open",
        "--passphrase-file",
        "secrets/passphrase",
        "--database",
        &database,
        "--guard-id",
        id.trim_matches('\''),
    ];
    let join = || chancery(first, &[&join[..], &ledger].concat());
    let (own, another) = ("log/ledger.key.pem", "log/witness.key.pem");
    fs::copy(first.join(another), replica.join(own)).unwrap();
    assert_refused(&join(), 3, &["the ledger's key"]);
    fs::copy(first.join(own), replica.join(own)).unwrap();
    stdout(&join());
    let config = fs::read_to_string(replica.join("chancery.yaml")).unwrap();
    assert!(config.contains(ledger_id), "{config}");
}

/// Returns a request for an entry of a signature by a key that nobody has certified.
fn signed_by_anybody(message: &[u8]) -> EntryRequest {
    let key = LocalKey::generate(KeyType::P256).unwrap();
    let digest = STANDARD.encode(Sha256::digest(message));
    let body = json!({"hashedRekordRequestV002": {
        "digest": digest,
        "signature": {
            "content": STANDARD.encode(key.sign_now(message).unwrap()),
            "verifier": {
                "publicKey": {"rawBytes": STANDARD.encode(key.public_key().spki_der())},
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            },
        },
    }});
    let body = body.to_string();
    EntryRequest { digest, body }
}

/// Makes an instance with a ledger that takes what anybody signs.
pub(crate) async fn with_ledger(kind: Kind) -> Option<Instance> {
    let instance = Instance::with(kind, &["--ledger", "one.example.org"]).await?;
    let config = instance.file("chancery.yaml");
    let text = fs::read_to_string(&config).unwrap();
    let (accept, rate) = ("accept: logged-certificate\n", "per-second: 200\n");
    assert!(text.contains(accept) && text.contains(rate), "{text}");
    let text = text.replace(accept, "accept: any-key\n");
    fs::write(&config, text.replace(rate, "per-second: 10000\n")).unwrap();
    Some(instance)
}

#[tokio::test]
async fn two_replicas_that_get_an_entry_at_once_log_it_once() {
    let Some(mut instance) = with_ledger(Kind::Postgres).await else {
        return;
    };
    let first = instance.serve();
    let one = first.client();
    let (_second, other) = first.replica().await;
    for round in 0..40_u32 {
        let request = signed_by_anybody(&round.to_be_bytes());
        let (a, b, c, d) = tokio::join!(
            one.add_entry(&request),
            other.add_entry(&request),
            one.add_entry(&request),
            other.add_entry(&request)
        );
        let answers = [a, b, c, d].map(Result::unwrap);
        let logged: Vec<_> = answers
            .iter()
            .filter(|answer| answer.status == 201)
            .collect();
        let [logged] = logged[..] else {
            panic!("round {round}: {answers:?}");
        };
        let entry: Value = serde_json::from_str(&logged.body).unwrap();
        let index: u64 = entry["logIndex"].as_str().unwrap().parse().unwrap();
        let refused = answers.iter().filter(|answer| answer.status != 201);
        for refused in refused {
            assert_eq!(
                (refused.status, refused.log_index),
                (409, Some(index)),
                "{refused:?}"
            );
        }
    }
    let checkpoint = other.get("/checkpoint").await.unwrap().body;
    assert!(
        checkpoint.starts_with("one.example.org\n41\n"),
        "{checkpoint}"
    );
    instance.stop(first);
    instance.end().await;
}

/// Asks a ledger at its host name, and returns status and text.
pub(crate) async fn at(
    client: &reqwest::Client,
    port: u16,
    host: &str,
    body: Option<String>,
) -> (u16, String) {
    let url = format!("http://127.0.0.1:{port}");
    let request = match body {
        Some(body) => client.post(format!("{url}/api/v2/log/entries")).body(body),
        None => client.get(format!("{url}/api/v2/checkpoint")),
    };
    let answer = request.header("host", host).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Puts a second ledger in the first one's place, and the first among the former ones.
pub(crate) fn follow(instance: &Instance) {
    let config = instance.file("chancery.yaml");
    let text = fs::read_to_string(&config).unwrap();
    let section = text.find("\nledger:\n").unwrap() + 1;
    let rest = &text[section + "ledger:\n".len()..];
    let lines: Vec<&str> = rest
        .lines()
        .take_while(|line| line.starts_with(' '))
        .collect();
    let old = format!("ledger:\n{}\n", lines.join("\n"));
    let new = "ledger:\n  origin: two.example.org\n  accept: any-key\n  key: log/two.key.pem\n  \
               guard: {file: guard-two}\n  former:\n  - origin: one.example.org\n    key: \
               log/ledger.key.pem\n    guard: {file: guard-ledger}\n";
    assert!(text.contains(&old), "{text}");
    fs::write(&config, text.replace(&old, new)).unwrap();
}

/// Takes the section of former ledgers out of the configuration.
fn forget_former(instance: &Instance) {
    let config = instance.file("chancery.yaml");
    let text = fs::read_to_string(&config).unwrap();
    let mut inside = false;
    let kept = text.lines().filter(|line| {
        inside = *line == "  former:" || inside && line.starts_with("  ");
        !inside
    });
    let kept: String = kept.map(|line| format!("{line}\n")).collect();
    assert_ne!(kept, text);
    fs::write(&config, kept).unwrap();
}

#[tokio::test]
async fn a_ledger_is_followed_by_another_and_frozen() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let Some(mut instance) = with_ledger(kind).await else {
            continue;
        };
        // The server closes connections that do nothing for long.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0);
        let http = http.build().unwrap();
        let (one, two) = ("one.example.org", "two.example.org");
        let request = |message: &[u8]| Some(signed_by_anybody(message).body);
        let production = instance.serve();
        let first = at(&http, production.port(), one, request(b"1")).await;
        assert_eq!(first.0, 201, "{}", first.1);
        instance.stop(production);

        follow(&instance);
        assert_refused(
            &instance.run(&crate::harness::SERVE),
            3,
            &["chancery ledger new"],
        );
        instance.succeed(&["ledger", "new"]);
        let folder = instance.path().to_owned();
        let production = instance.serve();
        let port = production.port();
        for host in [one, two] {
            let (status, entry) = at(&http, port, host, request(b"2")).await;
            assert_eq!(status, 201, "{entry}");
            let (_, checkpoint) = at(&http, port, host, None).await;
            assert!(checkpoint.starts_with(&format!("{host}\n")), "{checkpoint}");
        }
        assert_eq!(at(&http, port, "three.example.org", None).await.0, 404);

        let refused = chancery(&folder, &["ledger", "freeze", "three.example.org"]);
        assert_refused(&refused, 2, &["no ledger"]);
        let frozen = chancery(&folder, &["ledger", "freeze", one]);
        assert!(frozen.status.success(), "{frozen:?}");
        let mut answer = at(&http, port, one, request(b"3")).await;
        for number in 0..500_u32 {
            if answer.0 != 201 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            answer = at(&http, port, one, request(&number.to_be_bytes())).await;
        }
        let said = "This log has been frozen, please switch to the latest log.\nThe latest is \
                    two.example.org.\n";
        assert_eq!(answer, (405, said.to_owned()));
        let last = at(&http, port, one, None).await;
        assert_eq!(last.0, 200);
        assert_eq!(at(&http, port, two, request(b"4")).await.0, 201);

        production.wait_within(
            &["the ledger is frozen"],
            std::time::Duration::from_secs(120),
        );
        assert_eq!(at(&http, port, one, None).await, last);
        assert_eq!(at(&http, port, one, request(b"5")).await.0, 405);
        instance.stop(production);

        // It needs its files no more.
        fs::remove_file(instance.file("log/ledger.key.pem")).unwrap();
        forget_former(&instance);
        let production = instance.serve();
        let port = production.port();
        assert_eq!(at(&http, port, one, None).await, last);
        assert_eq!(
            at(&http, port, one, request(b"6")).await,
            (405, said.to_owned())
        );
        assert_eq!(at(&http, port, two, request(b"7")).await.0, 201);
        instance.stop(production);
        instance.end().await;
    }
}
