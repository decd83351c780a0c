//! RFC 6962's reads over both databases: every entry is read, and proven.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_tests::client::Client;
use chancery_tlog::ct::TileLeaf;
use chancery_tlog::{Hash, TreeHead, leaf_hash, verify_consistency, verify_inclusion};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::form_urlencoded::byte_serialize;

use crate::recovery::{Instance, Kind};

/// One full tile, and some more.
const COUNT: u64 = 259;

/// A log as a client of RFC 6962 reads it.
struct Reader<'a> {
    client: &'a Client,
    log: &'static str,
}

impl Reader<'_> {
    async fn status(&self, request: &str) -> u16 {
        let path = format!("/ct/{}/ct/v1/{request}", self.log);
        self.client.get(&path).await.unwrap().status
    }

    async fn ask(&self, request: &str) -> Value {
        let path = format!("/ct/{}/ct/v1/{request}", self.log);
        let answer = self.client.get(&path).await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    async fn head(&self) -> TreeHead {
        let sth = self.ask("get-sth").await;
        let head = TreeHead {
            tree_size: sth["tree_size"].as_u64().unwrap(),
            root_hash: hash(&sth["sha256_root_hash"]),
        };
        let path = format!("/ct/{}/checkpoint", self.log);
        let checkpoint = self.client.get(&path).await.unwrap().body;
        let root = sth["sha256_root_hash"].as_str().unwrap();
        let body = format!("\n{}\n{root}\n\n", head.tree_size);
        assert!(checkpoint.contains(&body), "{checkpoint}");
        head
    }

    /// Reads all entries, as many at a time as the log gives.
    async fn entries(&self, size: u64) -> Vec<Value> {
        let mut entries = Vec::new();
        while (entries.len() as u64) < size {
            let request = format!("get-entries?start={}&end={}", entries.len(), u64::MAX);
            let answer = self.ask(&request).await;
            let some = answer["entries"].as_array().unwrap();
            assert!(!some.is_empty());
            entries.extend(some.iter().cloned());
        }
        entries
    }

    /// Proves that an entry is where it was read.
    async fn prove(&self, index: u64, entry: &Value, head: &TreeHead) {
        let size = head.tree_size;
        let leaf = leaf_hash(&bytes(&entry["leaf_input"]));
        let wanted = STANDARD.encode(leaf.as_bytes());
        let wanted: String = byte_serialize(wanted.as_bytes()).collect();
        let request = format!("get-proof-by-hash?hash={wanted}&tree_size={size}");
        let found = self.ask(&request).await;
        assert_eq!(found["leaf_index"].as_u64(), Some(index));
        let proof = path(&found["audit_path"]);
        verify_inclusion(index, size, &leaf, &proof, &head.root_hash).unwrap();
        let request = format!("get-entry-and-proof?leaf_index={index}&tree_size={size}");
        let alone = self.ask(&request).await;
        for part in ["leaf_input", "extra_data"] {
            assert_eq!(alone[part], entry[part], "{index}: {part}");
        }
        assert_eq!(alone["audit_path"], found["audit_path"]);
    }
}

#[tokio::test]
async fn every_entry_is_read_and_proven_on_sqlite() {
    read_and_prove(Kind::Sqlite).await;
}

#[tokio::test]
async fn every_entry_is_read_and_proven_on_postgres() {
    read_and_prove(Kind::Postgres).await;
}

async fn read_and_prove(kind: Kind) {
    let Some(mut instance) = Instance::on(kind).await else {
        return;
    };
    let production = instance.serve();
    let client = production.client();
    let issue = async |count: u64| {
        for _ in 0..count {
            let identity = instance.identity().await;
            assert_eq!(client.signing_cert(&identity).await.unwrap().status, 200);
        }
    };
    let log = Reader {
        client: &client,
        log: "main",
    };
    issue(3).await;
    let before = log.head().await;
    issue(COUNT - 3).await;
    let head = log.head().await;
    assert_eq!((before.tree_size, head.tree_size), (3, COUNT));
    let consistency = format!("get-sth-consistency?first=3&second={COUNT}");
    let proof = path(&log.ask(&consistency).await["consistency"]);
    verify_consistency(&before, &head, &proof).unwrap();

    let entries = log.entries(COUNT).await;
    assert_eq!(entries.len() as u64, COUNT);
    let tile = client.bytes("/ct/main/tile/data/000").await.unwrap();
    for (leaf, entry) in TileLeaf::parse_all(&tile).unwrap().iter().zip(&entries) {
        assert_eq!(leaf.merkle_tree_leaf(), bytes(&entry["leaf_input"]));
    }
    for index in [0, 1, 2, 127, 255, 256, COUNT - 1] {
        let entry = &entries[usize::try_from(index).unwrap()];
        log.prove(index, entry, &head).await;
    }
    let roots = log.ask("get-roots").await;
    let root = bytes(&roots["certificates"][0]);
    assert!(bytes(&entries[0]["extra_data"]).ends_with(&root));
    let issuer = hex(&Sha256::digest(&root));
    let issuer = format!("/ct/main/issuer/{issuer}");
    assert_eq!(client.bytes(&issuer).await.unwrap(), root);

    let unknown = STANDARD.encode([0; 32]).replace('=', "%3D");
    for (request, status) in [
        (format!("get-entries?start={COUNT}&end={COUNT}"), 400),
        (format!("get-entries?start={0}&end={0}", u64::MAX), 400),
        (
            format!("get-entry-and-proof?leaf_index=0&tree_size={}", u64::MAX),
            400,
        ),
        (
            format!("get-sth-consistency?first=3&second={}", u64::MAX),
            400,
        ),
        (format!("get-proof-by-hash?hash={unknown}&tree_size=3"), 404),
        (
            format!("get-proof-by-hash?hash={unknown}&tree_size={}", u64::MAX),
            404,
        ),
    ] {
        assert_eq!(log.status(&request).await, status, "{request}");
    }
    instance.stop(production);
    instance.end().await;
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
