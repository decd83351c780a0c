//! Somebody who holds every key but that of root, and the operator's rotation after it.

use std::fs;

use chancery_client::instances::{RefusedMetadata, TrustError, UpdateError};
use chancery_keys::{LocalKey, Signer as _};
use chancery_trust::tuf::{KeyId, canonical};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Scene;

/// What the attacker makes of the metadata that were published last, in versions far ahead.
struct Forged {
    targets: Value,
    snapshot: Value,
    timestamp: Value,
}

const AHEAD: u64 = 1000;

impl Forged {
    fn after(scene: &Scene) -> Self {
        let files = scene.published.files();
        let mut forged = Self {
            targets: signed(&files.targets),
            snapshot: signed(&files.snapshot),
            timestamp: signed(&files.timestamp),
        };
        forged.snapshot["version"] = AHEAD.into();
        forged.timestamp["version"] = AHEAD.into();
        forged.timestamp["meta"]["snapshot.json"]["version"] = AHEAD.into();
        forged
    }

    async fn publish(&self, scene: &Scene) {
        let (keys, tuf) = (&scene.keys, scene.tuf());
        let targets = format!("{}.targets.json", self.targets["version"]);
        let snapshot = format!("{AHEAD}.snapshot.json");
        for (name, content, key) in [
            (targets.as_str(), &self.targets, &keys.targets),
            (&snapshot, &self.snapshot, &keys.snapshot),
            ("timestamp.json", &self.timestamp, &keys.timestamp),
        ] {
            let file = json!({ "signatures": [signature(content, key).await], "signed": content });
            fs::write(tuf.join(name), file.to_string()).unwrap();
        }
    }
}

fn signed(file: &[u8]) -> Value {
    serde_json::from_slice::<Value>(file).unwrap()["signed"].take()
}

async fn signature(content: &Value, key: &LocalKey) -> Value {
    let signature = key.sign(&canonical(content).unwrap()).await.unwrap();
    json!({ "keyid": id(key), "sig": hex::encode(signature) })
}

fn id(key: &LocalKey) -> String {
    KeyId::of(key.public_key()).unwrap().to_string()
}

fn kept(scene: &Scene) -> Value {
    serde_json::from_slice(&fs::read(scene.record()).unwrap()).unwrap()
}

/// A file that is root metadata to who reads root, and targets metadata to who reads targets:
/// signed by one key as the one, and by another as the other.
async fn both(scene: &Scene) -> Value {
    let (as_root, as_targets) = (&scene.keys.snapshot, &scene.keys.targets);
    let mut content = signed(scene.root(2));
    content["roles"]["root"]["keyids"] = json!([id(as_root)]);
    content["targets"] = json!({});
    let root = signature(&content, as_root).await;
    content["_type"] = "targets".into();
    let targets = signature(&content, as_targets).await;
    json!({ "signatures": [root, targets], "signed": content })
}

#[tokio::test]
async fn a_delegated_role_called_root_does_not_become_the_root() {
    let mut scene = Scene::set_up().await;
    scene.rotate().await;
    let mut forged = Forged::after(&scene);
    let key = id(&scene.keys.targets);
    forged.targets["version"] = AHEAD.into();
    forged.targets["delegations"] = json!({
        "keys": { &key: signed(scene.root(2))["keys"][&key] },
        "roles": [{
            "name": "root", "keyids": [key], "threshold": 1, "paths": ["x"], "terminating": false,
        }],
    });
    forged.snapshot["meta"]["targets.json"]["version"] = AHEAD.into();
    forged.snapshot["meta"]["root.json"] = json!({ "version": 2 });
    forged.publish(&scene).await;
    let both = both(&scene).await.to_string();

    // The name is asked for twice: for the root after the first one, and for the role's metadata.
    let second = scene.tuf().join("2.root.json.then");
    fs::write(&second, &both).unwrap();
    let refused = scene.instances().trust(None).await.unwrap_err();
    assert!(!second.exists(), "it was not asked for: {refused}");
    let TrustError::Update(UpdateError::Refused { source, .. }) = &refused else {
        panic!("{refused}");
    };
    assert!(matches!(source, RefusedMetadata::Delegated), "{source}");
    assert_eq!(kept(&scene)["root"], super::text(scene.root(2)));

    scene.rotate().await;
    let trust = scene.instances().trust(None).await.unwrap();
    assert_eq!(trust.root_version(), 3);
}

#[tokio::test]
async fn versions_far_ahead_are_forgotten_with_the_keys_that_signed_them() {
    let mut scene = Scene::set_up().await;
    Forged::after(&scene).publish(&scene).await;
    scene.instances().trust(None).await.unwrap();
    let ahead = format!("{AHEAD}.snapshot.json");
    assert!(kept(&scene)["files"][&ahead].is_string());

    // The new root comes one day, and the rest another.
    scene.rotate().await;
    let timestamp = scene.tuf().join("timestamp.json");
    let good = fs::read(&timestamp).unwrap();
    fs::remove_file(&timestamp).unwrap();
    let refused = scene.instances().trust(None).await.unwrap_err();
    assert!(
        matches!(refused, TrustError::RefusedOffline { .. }),
        "{refused}"
    );
    assert_eq!(kept(&scene)["root"], super::text(scene.root(2)));
    assert!(kept(&scene)["files"][&ahead].is_null());
    fs::write(&timestamp, good).unwrap();
    let trust = scene.instances().trust(None).await.unwrap();
    assert_eq!(trust.root_version(), 2);
}

#[tokio::test]
async fn a_signed_trusted_root_that_cannot_be_read_takes_no_others_place() {
    let scene = Scene::set_up().await;
    let before = kept(&scene);
    let mut forged = Forged::after(&scene);
    let none = b"{}";
    let hash = hex::encode(Sha256::digest(none));
    forged.targets["version"] = AHEAD.into();
    forged.targets["targets"]["trusted_root.json"] =
        json!({ "length": none.len(), "hashes": { "sha256": hash } });
    forged.snapshot["meta"]["targets.json"]["version"] = AHEAD.into();
    forged.publish(&scene).await;
    let path = format!("targets/{hash}.trusted_root.json");
    fs::write(scene.tuf().join(path), none).unwrap();
    let refused = scene.instances().trust(None).await.unwrap_err();
    let TrustError::Update(UpdateError::Refused { source, .. }) = &refused else {
        panic!("{refused}");
    };
    assert!(
        matches!(source, RefusedMetadata::TrustedRoot(_)),
        "{source}"
    );
    assert_eq!(kept(&scene), before);
}
