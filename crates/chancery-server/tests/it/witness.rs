//! A witness over HTTP: statuses and types of c2sp.org/tlog-witness, within limits.

use std::sync::Arc;

use chancery_keys::{KeyType, LocalKey, Signer as _};
use chancery_server::{Metrics, ServeLimits, serve, witness_router};
use chancery_tlog::{
    AddCheckpoint, Checkpoint, Hash, KeyName, NoteSignature, Origin, SignatureType, SignedNote,
    TreeHead, VerifierKey, key_id, leaf_hash, node_hash,
};
use chancery_witness::{Witness, WitnessState, WitnessedLog};
use reqwest::Client;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const ORIGIN: &str = "log.example/2027";

/// A witness on a port of its own, and the log that it knows.
struct Served {
    url: String,
    log_key: LocalKey,
    _folder: tempfile::TempDir,
    _stop: tokio_util::sync::DropGuard,
}

impl Served {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log_key = LocalKey::generate(KeyType::Ed25519).unwrap();
        let public_key = log_key.public_key().subject_public_key();
        let log = VerifierKey::Ed25519 {
            name: KeyName::parse(ORIGIN).unwrap(),
            public_key: public_key.try_into().unwrap(),
        };
        let witness = Witness::open(
            KeyName::parse("witness.example").unwrap(),
            Arc::new(LocalKey::generate(KeyType::Ed25519).unwrap()),
            WitnessState::open(folder.path()).unwrap(),
            vec![WitnessedLog::new(&[log]).unwrap()],
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = witness_router(Arc::new(witness.unwrap()), &Arc::new(Metrics::new("test")));
        let stop = CancellationToken::new();
        let limits = ServeLimits::default();
        tokio::spawn(serve(listener, router, limits, None, stop.clone()));
        Self {
            url,
            log_key,
            _folder: folder,
            _stop: stop.drop_guard(),
        }
    }

    fn request(&self, old_size: u64, proof: Vec<Hash>, head: TreeHead) -> String {
        let origin = Origin::parse(ORIGIN).unwrap();
        let name = origin.key_name().clone();
        let body = Checkpoint { origin, head }.body();
        let public_key = self.log_key.public_key().subject_public_key();
        let line = NoteSignature {
            key_id: key_id(&name, SignatureType::Ed25519, public_key),
            name,
            signature: self.log_key.sign_now(body.as_bytes()).unwrap(),
        };
        AddCheckpoint {
            old_size,
            proof,
            checkpoint: SignedNote::new(body, vec![line]).unwrap(),
        }
        .encode()
    }

    /// Returns status, type and body.
    async fn add(&self, body: impl Into<reqwest::Body>) -> (u16, String, String) {
        let request = Client::new().post(format!("{}/add-checkpoint", self.url));
        let answer = request.body(body).send().await.unwrap();
        let content_type = answer.headers().get("content-type").cloned();
        (
            answer.status().as_u16(),
            content_type.map_or_else(String::new, |t| t.to_str().unwrap().to_owned()),
            answer.text().await.unwrap(),
        )
    }
}

/// The trees of the leaves "0" and "0", "1".
fn trees() -> (TreeHead, TreeHead, Hash) {
    let (zero, one) = (leaf_hash(b"0"), leaf_hash(b"1"));
    let small = TreeHead {
        tree_size: 1,
        root_hash: zero,
    };
    let large = TreeHead {
        tree_size: 2,
        root_hash: node_hash(&zero, &one),
    };
    (small, large, one)
}

#[tokio::test]
async fn each_answer_has_the_status_and_the_type_of_the_protocol() {
    let served = Served::start().await;
    let (small, large, one) = trees();
    let text = "text/plain; charset=utf-8";

    let (status, kind, line) = served.add(served.request(0, Vec::new(), small)).await;
    assert_eq!((status, &*kind), (200, text), "{line}");
    assert!(
        line.starts_with("\u{2014} witness.example ") && line.ends_with('\n'),
        "{line}"
    );

    let conflict = served.add(served.request(0, Vec::new(), large)).await;
    assert_eq!(
        conflict,
        (409, "text/x.tlog.size".to_owned(), "1\n".to_owned())
    );

    let refusals = [
        (400, "old x\n\n".to_owned()),
        (400, served.request(2, Vec::new(), small)),
        (
            403,
            served
                .request(1, vec![one], large)
                .replace(" 2\n", " 3\n")
                .replace("\n2\n", "\n3\n"),
        ),
        (
            404,
            served
                .request(1, vec![one], large)
                .replace("log.example", "no.example"),
        ),
        (422, served.request(1, vec![small.root_hash], large)),
        (
            422,
            served.request(
                1,
                Vec::new(),
                TreeHead {
                    tree_size: 1,
                    ..large
                },
            ),
        ),
    ];
    for (expected, request) in refusals {
        let (status, kind, said) = served.add(request.clone()).await;
        assert_eq!((status, &*kind), (expected, text), "{request}: {said}");
    }
    assert_eq!(served.add(served.request(1, vec![one], large)).await.0, 200);
}

#[tokio::test]
async fn the_latest_checkpoint_is_read_by_the_hash_of_its_origin() {
    let served = Served::start().await;
    let name = hex::encode(Sha256::digest(ORIGIN));
    let get = |path: String| {
        let url = format!("{}/{path}", served.url);
        async move { Client::new().get(url).send().await.unwrap() }
    };
    assert_eq!(get(format!("{name}/checkpoint")).await.status(), 404);
    let (small, ..) = trees();
    served.add(served.request(0, Vec::new(), small)).await;
    let latest = get(format!("{name}/checkpoint"))
        .await
        .text()
        .await
        .unwrap();
    let note = SignedNote::parse(latest.as_bytes()).unwrap();
    assert_eq!(Checkpoint::parse(note.text()).unwrap().head, small);
    assert_eq!(note.signatures().len(), 2);
    for other in [
        "checkpoint",
        "00/checkpoint",
        "..%2f/checkpoint",
        "add-checkpoint",
    ] {
        let status = get(other.to_owned()).await.status().as_u16();
        assert!(matches!(status, 404 | 405 | 501), "{other}: {status}");
    }
}

#[tokio::test]
async fn a_body_beyond_any_honest_one_is_not_read() {
    let served = Served::start().await;
    let (status, _, said) = served.add(vec![b'A'; 40_000]).await;
    assert!((400..500).contains(&status), "{status}: {said}");
    let (small, ..) = trees();
    assert_eq!(
        served.add(served.request(0, Vec::new(), small)).await.0,
        200
    );
}
