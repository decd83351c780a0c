//! The log as clients of RFC 6962 read it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::PublicKey;
use chancery_server::LogRead;
use chancery_tlog::ct::{DigitallySigned, PrecertEntry};
use chancery_tlog::{
    Hash, TreeHead, leaf_hash, rfc6962_signature_input, verify_consistency, verify_inclusion,
};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::service::{Answer, Service, Setup, encoded};

const DAY: &str = "public, max-age=86400";

impl Service {
    /// Starts with a log of two certificates and `more` entries that are none.
    async fn with_entries(log_read: LogRead, more: u64) -> Self {
        let service = Self::start_with(Setup {
            log_read,
            ..Setup::default()
        })
        .await;
        service.store_chain().await;
        service.issue("a@chancery.test").await;
        service.issue("b@chancery.test").await;
        service.append(more).await;
        service
    }

    async fn append(&self, count: u64) {
        for number in 0..count {
            let tbs = number.to_be_bytes().to_vec();
            let leaf = PrecertEntry::new([7; 32], tbs.clone(), tbs, vec![]).unwrap();
            self.log.append(Box::new(leaf), vec![]).await.unwrap();
        }
    }

    /// Puts the CA's certificates where a database has them.
    async fn store_chain(&self) {
        let bundle = self.get("/api/v2/trustBundle").await.json();
        for pem in bundle["chains"][0]["certificates"].as_array().unwrap() {
            let lines = pem.as_str().unwrap().lines();
            let base64: String = lines.filter(|line| !line.starts_with("---")).collect();
            let der = STANDARD.decode(base64).unwrap();
            let fingerprint = Sha256::digest(&der).into();
            self.store.state().issuers.insert(fingerprint, der);
        }
    }

    async fn ct(&self, request: &str) -> Answer {
        self.get(&format!("/ct/main/ct/v1/{request}")).await
    }

    /// Asks for what must be there, and returns it with its lifetime.
    async fn ask(&self, request: &str) -> (Value, String) {
        let answer = self.ct(request).await;
        assert_eq!(answer.status, 200, "{request}: {}", answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        (answer.json(), answer.header("cache-control").to_owned())
    }

    async fn head(&self) -> TreeHead {
        let (sth, _) = self.ask("get-sth").await;
        TreeHead {
            tree_size: sth["tree_size"].as_u64().unwrap(),
            root_hash: hash(&sth["sha256_root_hash"]),
        }
    }
}

fn bytes(base64: &Value) -> Vec<u8> {
    STANDARD.decode(base64.as_str().unwrap()).unwrap()
}

fn hash(base64: &Value) -> Hash {
    Hash::try_from(&bytes(base64)[..]).unwrap()
}

fn path(hashes: &Value) -> Vec<Hash> {
    hashes.as_array().unwrap().iter().map(hash).collect()
}

#[tokio::test]
async fn the_tree_head_is_the_checkpoints_and_signed_by_the_logs_key() {
    let service = Service::with_entries(LogRead::Open, 0).await;
    let (sth, cache) = service.ask("get-sth").await;
    assert_eq!(cache, "no-store");
    let head = service.head().await;
    let checkpoint = service.get("/ct/main/checkpoint").await;
    let root = sth["sha256_root_hash"].as_str().unwrap();
    let expected = format!("localhost/ct/main\n2\n{root}\n\n");
    assert!(checkpoint.text().starts_with(&expected));

    let trusted = service.get("/trusted_root.json").await.json();
    let key = bytes(&trusted["ctlogs"][0]["publicKey"]["rawBytes"]);
    let key = PublicKey::from_spki_der(&key).unwrap();
    let signature = DigitallySigned::parse(&bytes(&sth["tree_head_signature"])).unwrap();
    let input = rfc6962_signature_input(&head, sth["timestamp"].as_u64().unwrap());
    key.verify(&input, signature.signature_der()).unwrap();
}

#[tokio::test]
async fn every_entry_is_proven_by_its_hash_and_every_head_extends_those_before() {
    let service = Service::with_entries(LogRead::Open, 298).await;
    let head = service.head().await;
    assert_eq!(head.tree_size, 300);
    let mut leaves = Vec::new();
    while leaves.len() < 300 {
        let request = format!("get-entries?start={}&end=1000", leaves.len());
        let (answer, _) = service.ask(&request).await;
        let entries = answer["entries"].as_array().unwrap().iter();
        leaves.extend(entries.map(|entry| leaf_hash(&bytes(&entry["leaf_input"]))));
    }
    assert_eq!(leaves.len(), 300);
    for (index, leaf) in (0..).zip(&leaves) {
        let hash = STANDARD.encode(leaf.as_bytes());
        // As Go's client sends it, and as a careless one does.
        let escaped = encoded(&[("hash", &hash)]);
        for hash in [escaped, format!("hash={hash}")] {
            let request = format!("get-proof-by-hash?{hash}&tree_size=300");
            let (answer, cache) = service.ask(&request).await;
            assert_eq!((answer["leaf_index"].as_u64(), &*cache), (Some(index), DAY));
            let proof = path(&answer["audit_path"]);
            verify_inclusion(index, 300, leaf, &proof, &head.root_hash).unwrap();
        }
    }
    let before = head;
    service.append(20).await;
    let head = service.head().await;
    let (answer, cache) = service
        .ask("get-sth-consistency?first=300&second=320")
        .await;
    assert_eq!(cache, DAY);
    verify_consistency(&before, &head, &path(&answer["consistency"])).unwrap();
    for nothing in ["first=0&second=320", "first=0&second=0", "first=7&second=7"] {
        let (answer, _) = service.ask(&format!("get-sth-consistency?{nothing}")).await;
        assert_eq!(answer, json!({ "consistency": [] }));
    }
}

#[tokio::test]
async fn entries_come_with_precertificate_and_chain_and_end_with_tile_or_log() {
    let service = Service::with_entries(LogRead::Open, 258).await;
    let asked = async |start: u64, end: u64| {
        let request = format!("get-entries?start={start}&end={end}");
        let (answer, cache) = service.ask(&request).await;
        (answer["entries"].as_array().unwrap().len(), cache)
    };
    let minute = "public, max-age=60";
    for (start, end, count, cache) in [
        (0, 0, 1, DAY),
        (1, 3, 3, DAY),
        (0, 255, 256, DAY),
        (0, 259, 256, DAY),
        (250, u64::MAX, 6, DAY),
        (256, 259, 4, DAY),
        (256, 260, 4, minute),
        (259, u64::MAX, 1, minute),
    ] {
        assert_eq!(
            asked(start, end).await,
            (count, cache.to_owned()),
            "{start}"
        );
    }
    let (answer, _) = service.ask("get-entries?start=0&end=0").await;
    let entry = &answer["entries"][0];
    let (alone, cache) = service
        .ask("get-entry-and-proof?leaf_index=0&tree_size=2")
        .await;
    assert_eq!(cache, DAY);
    assert_eq!(entry["leaf_input"], alone["leaf_input"]);
    assert_eq!(entry["extra_data"], alone["extra_data"]);
    assert_eq!(path(&alone["audit_path"]).len(), 1);
    // The precertificate, then the chain of two, each with its length before it.
    let extra = bytes(&entry["extra_data"]);
    let (precertificate, rest) = vector(&extra);
    assert_eq!(precertificate[0], 0x30);
    let (chain, []) = vector(rest) else {
        panic!("something follows the chain");
    };
    let (issuing, rest) = vector(chain);
    let (root, []) = vector(rest) else {
        panic!("something follows the root");
    };
    let (roots, _) = service.ask("get-roots").await;
    assert_eq!(roots, json!({ "certificates": [STANDARD.encode(root)] }));
    let issuer = hex::encode(Sha256::digest(issuing));
    let issuer = service.get(&format!("/ct/main/issuer/{issuer}")).await;
    assert_eq!(issuer.body, issuing);
}

fn vector(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
    bytes[3..].split_at(usize::try_from(length).unwrap())
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_in_plain_text() {
    let service = Service::with_entries(LogRead::Open, 0).await;
    let hash = encoded(&[("hash", &STANDARD.encode([1; 32]))]);
    let by_hash = |rest: &str| format!("get-proof-by-hash?{hash}{rest}");
    let table = [
        ("get-entries".to_owned(), 400),
        ("get-entries?start=0".to_owned(), 400),
        ("get-entries?start=1&end=0".to_owned(), 400),
        ("get-entries?start=2&end=2".to_owned(), 400),
        ("get-entries?start=-1&end=0".to_owned(), 400),
        (
            "get-entries?start=0&end=18446744073709551616".to_owned(),
            400,
        ),
        (
            "get-entries?start=18446744073709551615&end=18446744073709551615".to_owned(),
            400,
        ),
        ("get-entries?start=0&start=0&end=0".to_owned(), 400),
        (
            "get-entry-and-proof?leaf_index=0&tree_size=0".to_owned(),
            400,
        ),
        (
            "get-entry-and-proof?leaf_index=2&tree_size=2".to_owned(),
            400,
        ),
        (
            "get-entry-and-proof?leaf_index=0&tree_size=3".to_owned(),
            400,
        ),
        ("get-sth-consistency?first=1&second=3".to_owned(), 400),
        ("get-sth-consistency?first=2&second=1".to_owned(), 400),
        ("get-sth-consistency?first=1".to_owned(), 400),
        (
            "get-proof-by-hash?hash=AA%3D%3D&tree_size=1".to_owned(),
            400,
        ),
        (by_hash(""), 400),
        (by_hash("&tree_size=0"), 400),
        (by_hash("&tree_size=2"), 404),
        (by_hash("&tree_size=3"), 404),
    ];
    for (request, status) in table {
        let answer = service.ct(&request).await;
        assert_eq!(answer.status, status, "{request}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(answer.header("cache-control"), "no-store", "{request}");
        let (words, code) = match status {
            400 => ("Bad Request\n", "[request-malformed]\n"),
            _ => ("Not Found\n", "[log-entry-unknown]\n"),
        };
        let text = answer.text();
        assert!(text.starts_with(words) && text.ends_with(code), "{text}");
    }
    let other = service.get("/ct/other/ct/v1/get-sth").await;
    assert_eq!((other.status, other.text()), (404, "Not Found\n"));
    for hostile in [
        "get%2Dsth",
        "get-sth/",
        "../v1/get-st",
        "get-sth%00",
        "GET-STH",
        "",
    ] {
        assert_eq!(service.ct(hostile).await.status, 404, "{hostile}");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = Answer::of(service.request(method, "/ct/main/ct/v1/get-sth")).await;
        assert_eq!(
            (answer.status, answer.text()),
            (405, "Method Not Allowed\n")
        );
        assert_eq!(answer.header("allow"), "GET, HEAD");
    }
}

#[tokio::test]
async fn a_browser_may_ask_from_any_page() {
    let service = Service::start().await;
    let request = service
        .request(Method::OPTIONS, "/ct/main/ct/v1/get-sth")
        .header("origin", "https://page.example")
        .header("access-control-request-method", "GET");
    let answer = Answer::of(request).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn a_restricted_log_shows_no_entries_and_proves_them() {
    let service = Service::with_entries(LogRead::Restricted, 0).await;
    for request in [
        "get-entries?start=0&end=0",
        "get-entries?start=9&end=9",
        "get-entries",
        "get-entry-and-proof?leaf_index=0&tree_size=2",
    ] {
        let answer = service.ct(request).await;
        assert_eq!(answer.status, 403, "{request}: {}", answer.text());
        let text = answer.text();
        assert!(text.starts_with("Forbidden\nPermission denied: "), "{text}");
        assert!(text.ends_with("[log-read-restricted]\n"), "{text}");
    }
    let leaf = service.store.state().tiles[&(0, 0)][..32].to_vec();
    let hash = encoded(&[("hash", &STANDARD.encode(&leaf))]);
    let (answer, _) = service
        .ask(&format!("get-proof-by-hash?{hash}&tree_size=2"))
        .await;
    assert_eq!(answer["leaf_index"], 0);
    service.ask("get-sth-consistency?first=1&second=2").await;
    service.ask("get-roots").await;
}
