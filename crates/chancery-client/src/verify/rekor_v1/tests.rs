//! Entries of the public log, as they came with packages, and with one part changed.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::PublicKey;
use chancery_trust::documents::{TrustedRoot, Window};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::body::{BodyError, Content, Signed};
use super::checkpoint::CheckpointError;
use super::entry::{Entry, EntryError, Proof, ProvenEntry, TrustedLog};

const ARTIFACT: &str = include_str!("../../../tests/public/a.txt.sigstore.json");
const NPM: &str = include_str!("../../../tests/public/npm-sigstore-2.1.0.sigstore.json");
const WORKFLOW: &str = include_str!("../../../tests/public/reusable-workflow.sigstore.json");
const ALL: [&str; 3] = [ARTIFACT, NPM, WORKFLOW];
const ROOT: &[u8] = include_bytes!("../../../tests/public/trusted_root.json");

/// A bundle's parts, each of which a test may change.
#[derive(Clone)]
struct Parts {
    log_index: u64,
    log_id: Vec<u8>,
    kind: (String, String),
    integrated_time: i64,
    promise: Option<Vec<u8>>,
    index: u64,
    tree_size: u64,
    root_hash: Vec<u8>,
    hashes: Vec<Vec<u8>>,
    checkpoint: Option<String>,
    body: Vec<u8>,
    /// A digest, or a payload.
    digest: Option<Vec<u8>>,
    payload: Vec<u8>,
    signature: Vec<u8>,
    certificate: Vec<u8>,
    window: Window,
}

fn number<T: std::str::FromStr>(value: &Value) -> T {
    value.as_str().unwrap().parse().ok().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

impl Parts {
    fn of(bundle: &str) -> Self {
        let bundle: Value = serde_json::from_str(bundle).unwrap();
        let material = &bundle["verificationMaterial"];
        let entry = &material["tlogEntries"][0];
        let proof = &entry["inclusionProof"];
        let chain = &material["x509CertificateChain"]["certificates"][0]["rawBytes"];
        let one = &material["certificate"]["rawBytes"];
        let message = &bundle["messageSignature"];
        let envelope = &bundle["dsseEnvelope"];
        let is_message = message.is_object();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let hashes = proof["hashes"].as_array().unwrap();
        Self {
            log_index: number(&entry["logIndex"]),
            log_id: bytes(&entry["logId"]["keyId"]),
            kind: (
                text(&entry["kindVersion"]["kind"]),
                text(&entry["kindVersion"]["version"]),
            ),
            integrated_time: number(&entry["integratedTime"]),
            promise: Some(bytes(&entry["inclusionPromise"]["signedEntryTimestamp"])),
            index: number(&proof["logIndex"]),
            tree_size: number(&proof["treeSize"]),
            root_hash: bytes(&proof["rootHash"]),
            hashes: hashes.iter().map(bytes).collect(),
            checkpoint: Some(text(&proof["checkpoint"]["envelope"])),
            body: bytes(&entry["canonicalizedBody"]),
            digest: is_message.then(|| bytes(&message["messageDigest"]["digest"])),
            payload: match is_message {
                true => Vec::new(),
                false => bytes(&envelope["payload"]),
            },
            signature: match is_message {
                true => bytes(&message["signature"]),
                false => bytes(&envelope["signatures"][0]["sig"]),
            },
            certificate: bytes(if one.is_string() { one } else { chain }),
            window: Window::default(),
        }
    }

    fn verify(&self) -> Result<ProvenEntry, EntryError> {
        let key = public_key();
        let log = TrustedLog {
            key: &key,
            window: self.window,
        };
        let proof = self.checkpoint.as_ref().map(|checkpoint| Proof {
            index: self.index,
            tree_size: self.tree_size,
            root_hash: &self.root_hash,
            hashes: &self.hashes,
            checkpoint,
        });
        let entry = Entry {
            log_index: self.log_index,
            log_id: &self.log_id,
            kind: (&self.kind.0, &self.kind.1),
            integrated_time: self.integrated_time,
            promise: self.promise.as_deref(),
            proof,
            body: &self.body,
        };
        let digests = self.digest.iter().map(|digest| ("sha256", &digest[..]));
        let digests: Vec<_> = digests.collect();
        let content = match digests.is_empty() {
            false => Content::Artifact(&digests),
            true => Content::Payload(&self.payload),
        };
        let signed = Signed {
            content,
            signature: &self.signature,
            certificate: &self.certificate,
        };
        entry.verify(&[log], &signed)
    }

    /// Returns why these parts are refused when something is changed in them.
    fn refused(&self, change: impl FnOnce(&mut Self)) -> EntryError {
        let mut changed = self.clone();
        change(&mut changed);
        changed.verify().unwrap_err()
    }
}

fn public_key() -> PublicKey {
    let root = TrustedRoot::parse(ROOT).unwrap();
    let log = root
        .tlogs
        .iter()
        .find(|log| log.base_url == "https://rekor.sigstore.dev");
    log.unwrap().key().unwrap()
}

fn flip(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
}

#[test]
fn entries_of_all_kinds_hold_with_the_public_trust_root() {
    for bundle in ALL {
        let parts = Parts::of(bundle);
        let proven = parts.verify().unwrap();
        let seconds = u64::try_from(parts.integrated_time).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(proven.promised_at, Some(time));
        assert!(proven.is_included);
    }
    let artifact = include_bytes!("../../../tests/public/a.txt");
    let digest = Sha256::digest(artifact).to_vec();
    assert_eq!(Parts::of(ARTIFACT).digest, Some(digest));
}

#[test]
fn a_promise_alone_says_a_time_and_a_proof_alone_says_none() {
    for bundle in ALL {
        let mut promised = Parts::of(bundle);
        promised.checkpoint = None;
        let proven = promised.verify().unwrap();
        assert!(proven.promised_at.is_some() && !proven.is_included);

        let mut included = Parts::of(bundle);
        included.promise = None;
        let proven = included.verify().unwrap();
        assert!(proven.promised_at.is_none() && proven.is_included);

        let neither = included.refused(|p| p.checkpoint = None);
        assert!(matches!(neither, EntryError::Unproven), "{neither}");
    }
}

type Change = fn(&mut Parts);
type Expected = fn(&EntryError) -> bool;

/// What is changed, and which check must find it.
const CHANGES: [(&str, Change, Expected); 15] = [
    (
        "log",
        |p| flip(&mut p.log_id),
        |e| matches!(e, EntryError::UnknownLog),
    ),
    (
        "promise",
        |p| flip(p.promise.as_mut().unwrap()),
        |e| matches!(e, EntryError::Promise),
    ),
    (
        "time",
        |p| p.integrated_time += 1,
        |e| matches!(e, EntryError::Promise),
    ),
    (
        "no time",
        |p| p.integrated_time = 0,
        |e| matches!(e, EntryError::Time),
    ),
    (
        "place",
        |p| p.log_index += 1,
        |e| matches!(e, EntryError::Promise),
    ),
    (
        "index",
        |p| p.index ^= 1,
        |e| matches!(e, EntryError::Proof(_)),
    ),
    (
        "size",
        |p| p.tree_size += 1,
        |e| matches!(e, EntryError::OtherTree),
    ),
    (
        "root",
        |p| flip(&mut p.root_hash),
        |e| matches!(e, EntryError::OtherTree),
    ),
    (
        "path",
        |p| flip(&mut p.hashes[3]),
        |e| matches!(e, EntryError::Proof(_)),
    ),
    (
        "short path",
        |p| p.hashes.truncate(2),
        |e| matches!(e, EntryError::Proof(_)),
    ),
    ("checkpoint", change_head, |e| {
        matches!(e, EntryError::Checkpoint(CheckpointError::Signature))
    }),
    (
        "signature",
        |p| flip(&mut p.signature),
        |e| matches!(e, EntryError::Body(BodyError::Signature)),
    ),
    (
        "certificate",
        |p| flip(&mut p.certificate),
        |e| matches!(e, EntryError::Body(BodyError::Certificate)),
    ),
    ("content", change_content, |e| {
        matches!(e, EntryError::Body(BodyError::Digest))
    }),
    (
        "kind",
        |p| p.kind.1 = "0.0.9".to_owned(),
        |e| matches!(e, EntryError::Body(BodyError::Kind { .. })),
    ),
];

#[test]
fn one_changed_byte_in_any_part_is_refused_for_what_it_is() {
    for bundle in ALL {
        let parts = Parts::of(bundle);
        for (what, change, is_expected) in CHANGES {
            let refused = parts.refused(change);
            assert!(is_expected(&refused), "{what}: {refused}");
        }
        // Whatever is changed in the body, somebody notices.
        for at in (0..parts.body.len()).step_by(97) {
            parts.refused(|p| p.body[at] ^= 1);
        }
    }
}

fn change_head(parts: &mut Parts) {
    let checkpoint = parts.checkpoint.as_mut().unwrap();
    let line = checkpoint.split('\n').nth(1).unwrap().to_owned();
    *checkpoint = checkpoint.replacen(&line, "29188098", 1);
}

fn change_content(parts: &mut Parts) {
    match &mut parts.digest {
        Some(digest) => flip(digest),
        None => flip(&mut parts.payload),
    }
}

#[test]
fn an_entry_of_an_artifact_is_not_one_of_an_envelope() {
    let parts = Parts::of(ARTIFACT);
    let refused = parts.refused(|p| p.digest = None);
    assert!(
        matches!(refused, EntryError::Body(BodyError::Kind { .. })),
        "{refused}"
    );
    let parts = Parts::of(WORKFLOW);
    let refused = parts.refused(|p| p.kind.0 = "intoto".to_owned());
    assert!(matches!(refused, EntryError::Body(_)), "{refused}");
}

#[test]
fn an_entry_made_outside_the_logs_window_is_refused() {
    for bundle in ALL {
        let parts = Parts::of(bundle);
        let made = parts.verify().unwrap().promised_at.unwrap();
        let second = Duration::from_secs(1);
        let later = Window::between(made + second, None);
        let ended = Window::between(made - second - second, Some(made - second));
        for window in [later, ended] {
            let refused = parts.refused(|p| p.window = window);
            assert!(matches!(refused, EntryError::Window), "{refused}");
        }
        let mut within = parts.clone();
        within.window = Window::between(made, Some(made));
        within.verify().unwrap();
    }
}
