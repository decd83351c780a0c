//! The ledger over HTTP, as Rekor v2's clients and monitors use it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::{KeyType, LocalKey, PublicKey, Signer as _};
use chancery_ledger::{
    Accept, Acceptance, Ledger, LedgerLimits, LedgerParts, NoRecords, append_genesis,
};
use chancery_log::clock::SystemClock;
use chancery_log::guard::FileGuard;
use chancery_log::memory::{MemoryStore, State};
use chancery_log::{Log, LogKeys, LogParts, PoolLimits};
use chancery_proto::rekor_v2 as proto;
use chancery_proto::rekor_v2::create_entry_request::Spec;
use chancery_proto::rekor_v2::rekor_client::RekorClient;
use chancery_proto::rekor_v2::verifier::Verifier as Material;
use chancery_server::{Ledgers, LogRead, ServedLedger};
use chancery_tlog::Origin;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tonic::Code;

use crate::grpc::channel;
use crate::service::{Service, Setup};

/// A service with ledgers of those origins.
struct World {
    service: Service,
    stores: Vec<MemoryStore>,
    logs: Vec<Arc<Log>>,
    _folder: TempDir,
    http: reqwest::Client,
}

impl World {
    async fn new(origins: &[&str], read: LogRead) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut ledgers = Vec::new();
        let mut stores = Vec::new();
        let mut logs = Vec::new();
        for origin in origins {
            let store = MemoryStore::default();
            let path = folder.path().join(origin);
            FileGuard::create(&path).unwrap();
            let log = Log::open(LogParts {
                name: (*origin).to_owned(),
                origin: Origin::parse(origin).unwrap(),
                begins_ms: 0,
                store: Arc::new(store.clone()),
                guard: Arc::new(FileGuard::open(&path).unwrap()),
                keys: LogKeys::Plain {
                    signer: Arc::new(LocalKey::generate(KeyType::Ed25519).unwrap()),
                },
                witnesses: None,
                clock: Arc::new(SystemClock),
                limits: PoolLimits::default(),
            });
            let log = Arc::new(log.await.unwrap());
            append_genesis(&log).await.unwrap();
            let entries = Ledger::new(LedgerParts {
                log: Arc::clone(&log),
                acceptance: Acceptance::new(Accept::AnyKey, Arc::new(NoRecords)),
                clock: Arc::new(SystemClock),
                limits: LedgerLimits::default(),
            });
            stores.push(store);
            logs.push(Arc::clone(&log));
            ledgers.push(ServedLedger {
                log,
                entries: Some(entries),
                read,
            });
        }
        let setup = Setup {
            ledgers: Ledgers::new(ledgers),
            ..Setup::default()
        };
        Self {
            service: Service::start_with(setup).await,
            stores,
            logs,
            _folder: folder,
            http: reqwest::Client::new(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.service.url)
    }

    async fn add(&self, request: &Value) -> (StatusCode, Option<String>, Value) {
        let url = self.url("/api/v2/log/entries");
        let answer = self
            .http
            .post(url)
            .body(request.to_string())
            .send()
            .await
            .unwrap();
        let index = answer.headers().get("x-log-index");
        let index = index.map(|index| index.to_str().unwrap().to_owned());
        let status = answer.status();
        let body = answer.bytes().await.unwrap();
        (status, index, serde_json::from_slice(&body).unwrap())
    }

    async fn get(&self, path: &str) -> (StatusCode, Vec<u8>) {
        let answer = self.http.get(self.url(path)).send().await.unwrap();
        (answer.status(), answer.bytes().await.unwrap().to_vec())
    }
}

fn request(message: &[u8]) -> Value {
    let key = LocalKey::generate(KeyType::P256).unwrap();
    let spki = PublicKey::spki_der(key.public_key());
    json!({"hashedRekordRequestV002": {
        "digest": STANDARD.encode(Sha256::digest(message)),
        "signature": {
            "content": STANDARD.encode(key.sign_now(message).unwrap()),
            "verifier": {
                "publicKey": {"rawBytes": STANDARD.encode(spki)},
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            },
        },
    }})
}

#[tokio::test]
async fn an_entry_is_created_once_and_read_where_monitors_look() {
    let world = World::new(&["rekor.example.com"], LogRead::Open).await;
    let request = request(b"hello");
    let (status, _, entry) = world.add(&request).await;
    assert_eq!(status, StatusCode::CREATED, "{entry}");
    assert_eq!(entry["logIndex"], "1");
    let (status, index, refused) = world.add(&request).await;
    assert_eq!(
        (status, index.as_deref()),
        (StatusCode::CONFLICT, Some("1"))
    );
    let said = "an equivalent entry already exists in the transparency log with index 1";
    assert_eq!(refused, json!({"code": 6, "message": said, "details": []}));

    let envelope = entry["inclusionProof"]["checkpoint"]["envelope"].as_str();
    let bundle = world.stores[0].state().entries.concat();
    let tile = world.stores[0].state().tiles.get(&(0, 0)).cloned().unwrap();
    for base in ["", "/api/v2"] {
        let (status, checkpoint) = world.get(&format!("{base}/checkpoint")).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(str::from_utf8(&checkpoint).ok(), envelope);
        let (_, entries) = world.get(&format!("{base}/tile/entries/000.p/2")).await;
        assert_eq!(entries, bundle);
        let (_, hashes) = world.get(&format!("{base}/tile/0/000.p/2")).await;
        assert_eq!(hashes, tile);
        for none in [
            "tile/data/000.p/2",
            "tile/entries/000",
            "tile/entries/000.p/3",
            "tile/1/000",
        ] {
            let (status, _) = world.get(&format!("{base}/{none}")).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{none}");
        }
    }
}

#[tokio::test]
async fn what_is_no_entry_is_refused_in_the_gateways_form() {
    let world = World::new(&["rekor.example.com"], LogRead::Open).await;
    let mut forged = request(b"hello");
    forged["hashedRekordRequestV002"]["digest"] = json!(STANDARD.encode([7; 32]));
    let mut unknown = request(b"hello");
    unknown["hashedRekordRequestV002"]["more"] = json!(1);
    for (request, said) in [(forged, "verifying signature"), (unknown, "unknown field")] {
        let (status, _, refused) = world.add(&request).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let message = refused["message"].as_str().unwrap();
        assert!(
            message.starts_with("invalid hashedrekord request: "),
            "{message}"
        );
        assert!(message.contains(said), "{message}");
        assert_eq!(refused["code"], 3);
    }
    assert_eq!(world.stores[0].state().entries.len(), 1);
}

#[tokio::test]
async fn the_entries_of_a_restricted_ledger_are_not_shown() {
    let world = World::new(&["rekor.example.com"], LogRead::Restricted).await;
    let (status, _) = world.get("/tile/entries/000.p/1").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = world.get("/tile/0/000.p/1").await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_frozen_ledger_says_so_in_text() {
    let world = World::new(&["rekor.example.com"], LogRead::Open).await;
    world.stores[0].state().ends_ms = Some(1);
    let url = world.url("/api/v2/log/entries");
    let answer = world
        .http
        .post(url)
        .body(request(b"hello").to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    let said = "This log has been frozen, please switch to the latest log.\n";
    assert_eq!(answer.text().await.unwrap(), said);
}

#[tokio::test]
async fn probes_and_metrics_know_the_ledger_as_they_know_a_log() {
    let world = World::new(&["rekor.example.com"], LogRead::Open).await;
    let entry = request(b"hello");
    for (request, expected) in [
        (entry.clone(), StatusCode::CREATED),
        (entry, StatusCode::CONFLICT),
        (json!({}), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(world.add(&request).await.0, expected);
    }
    let ready = world.service.get_admin("/readyz").await;
    assert_eq!(ready.status, 200);
    let metrics = world.service.get_admin("/metrics").await;
    let metrics = metrics.text();
    for line in [
        r#"chancery_log_tree_size{log="rekor.example.com"} 2"#,
        r#"chancery_log_pool_waiting{log="rekor.example.com"} 0"#,
        r#"chancery_log_halted{log="rekor.example.com"} 0"#,
        r#"chancery_ledger_entries_total{log="rekor.example.com"} 1"#,
        r#"chancery_ledger_refused_total{log="rekor.example.com",reason="duplicate"} 1"#,
        r#"chancery_ledger_refused_total{log="rekor.example.com",reason="invalid"} 1"#,
        "chancery_ledger_entry_duration_seconds_count 1",
    ] {
        assert!(
            metrics.lines().any(|l| l == line),
            "{line} is not in\n{metrics}"
        );
    }

    // The database goes back behind what the guard knows.
    *world.stores[0].state() = State::default();
    let (status, _, _) = world.add(&request(b"again")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let unready = world.service.get_admin("/readyz").await;
    assert_eq!(unready.status, 503);
    let said = unready.text();
    assert!(
        said.contains("the ledger rekor.example.com takes no entries"),
        "{said}"
    );
    let metrics = world.service.get_admin("/metrics").await;
    let metrics = metrics.text();
    let line = r#"chancery_log_halted{log="rekor.example.com"} 1"#;
    assert!(metrics.lines().any(|l| l == line), "{metrics}");
}

#[tokio::test]
async fn a_ledger_that_is_being_frozen_refuses_entries_for_good_and_leaves_the_rest_ready() {
    let world = World::new(&["rekor.example.com"], LogRead::Open).await;
    world.logs[0].note_end(1);
    world.logs[0].close().await;
    let post = world.http.post(world.url("/api/v2/log/entries"));
    let answer = post.body(request(b"hello").to_string()).send().await;
    assert_eq!(answer.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(world.service.get_admin("/readyz").await.status, 200);
}

#[tokio::test]
async fn several_ledgers_are_told_apart_by_their_hosts_and_none_answers_404() {
    let world = World::new(&["one.example.com", "two.example.com"], LogRead::Open).await;
    for host in ["one.example.com", "TWO.example.com:8080"] {
        let get = world
            .http
            .get(world.url("/checkpoint"))
            .header("host", host);
        let checkpoint = get.send().await.unwrap().text().await.unwrap();
        let origin = host.to_lowercase().replace(":8080", "");
        assert!(
            checkpoint.starts_with(&format!("{origin}\n1\n")),
            "{checkpoint}"
        );
    }
    let (status, _) = world.get("/checkpoint").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let world = World::new(&[], LogRead::Open).await;
    let (status, _, _) = world.add(&request(b"hello")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn grpc_does_what_rest_does() {
    let world = World::new(&["rekor.example.com"], LogRead::Open).await;
    let key = LocalKey::generate(KeyType::P256).unwrap();
    let verifier = proto::Verifier {
        verifier: Some(Material::PublicKey(proto::PublicKey {
            raw_bytes: key.public_key().spki_der().to_vec(),
        })),
        key_details: 5,
    };
    let signature = key.sign_now(b"hello").unwrap();
    let request = || proto::CreateEntryRequest {
        spec: Some(Spec::HashedRekordRequestV002(
            proto::HashedRekordRequestV002 {
                digest: Sha256::digest(b"hello").to_vec(),
                signature: Some(proto::Signature {
                    content: signature.clone(),
                    verifier: Some(verifier.clone()),
                }),
            },
        )),
    };
    let url = world.service.url.parse().unwrap();
    let mut client = RekorClient::with_origin(channel(), url);
    let entry = client.create_entry(request()).await.unwrap().into_inner();
    assert_eq!(entry.log_index, 1);
    let refused = client.create_entry(request()).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    assert_eq!(refused.metadata().get("x-log-index").unwrap(), "1");
}

#[tokio::test]
async fn grpc_tells_several_ledgers_apart_by_the_authority() {
    let world = World::new(
        &["two.example.com", "localhost", "127.0.0.1"],
        LogRead::Open,
    )
    .await;
    let url: http::Uri = world.service.url.parse().unwrap();
    let host = url.host().unwrap().to_owned();
    let mut client = RekorClient::with_origin(channel(), url);
    let checkpoint = client.get_checkpoint(()).await.unwrap().into_inner();
    let checkpoint = String::from_utf8(checkpoint.data.to_vec()).unwrap();
    assert!(
        checkpoint.starts_with(&format!("{host}\n1\n")),
        "{checkpoint}"
    );
}
