//! Following an instance: new roots and metadata, and those that must not be believed.

use std::fs;
use std::time::SystemTime;

use chancery_client::instances::{Instances, SetupError, TrustError, UpdateError};
use serde_json::Value;

use super::{Scene, names};
use crate::published::{key, plan, sign, wanted};

#[tokio::test]
async fn new_keys_for_every_role_are_followed_and_the_old_checksum_still_sets_up() {
    let mut scene = Scene::set_up().await;
    let before = scene.instances().trust(None).await.unwrap();
    assert!(!names(before.trusted_root_json()));
    scene.rotate().await;
    let after = scene.instances().trust(None).await.unwrap();
    assert_eq!(after.root_version(), 2);
    assert!(names(after.trusted_root_json()));

    let elsewhere = tempfile::tempdir().unwrap();
    let instances = Instances::in_folder(elsewhere.path());
    let set_up = instances.setup(&scene.setup()).await.unwrap();
    assert_eq!(set_up.root_version(), 2);
}

#[tokio::test]
async fn a_root_that_the_one_before_has_not_signed_is_refused() {
    let mut scene = Scene::set_up().await;
    scene.keys.root = key();
    let wanted = wanted(&scene.keys, Vec::new());
    let mut plan = plan(Some(&scene.published), &wanted, SystemTime::now());
    sign(&mut plan, &[&scene.keys.root]).await;
    let root = plan.root().unwrap().to_bytes();
    fs::write(scene.tuf().join("2.root.json"), root).unwrap();
    let refused = scene.instances().trust(None).await.unwrap_err();
    assert!(
        matches!(refused, TrustError::Update(UpdateError::Refused { .. })),
        "{refused}"
    );
}

#[tokio::test]
async fn older_metadata_are_refused_and_what_is_kept_stays() {
    let mut scene = Scene::set_up().await;
    let older = fs::read(scene.tuf().join("timestamp.json")).unwrap();
    scene.renew().await;
    scene.instances().trust(None).await.unwrap();
    let kept = fs::read(scene.record()).unwrap();
    fs::write(scene.tuf().join("timestamp.json"), older).unwrap();
    let refused = scene.instances().trust(None).await.unwrap_err();
    assert!(
        matches!(refused, TrustError::Update(UpdateError::Refused { .. })),
        "{refused}"
    );
    assert_eq!(fs::read(scene.record()).unwrap(), kept);
}

#[tokio::test]
async fn a_changed_byte_in_any_file_is_refused() {
    let mut scene = Scene::set_up().await;
    scene.rotate().await;
    for (name, good) in scene.published.named_files() {
        // What is kept already, the copy for people, and what only sigstore-python asks for.
        if name == "1.root.json" || name == "root.json" || name.contains("client_trust_config") {
            continue;
        }
        let mut bad = good.to_vec();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        fs::write(scene.tuf().join(&name), bad).unwrap();
        let refused = scene.instances().trust(None).await.unwrap_err();
        assert!(
            matches!(refused, TrustError::Update(UpdateError::Refused { .. })),
            "{name}: {refused}"
        );
        fs::write(scene.tuf().join(&name), good).unwrap();
    }
    let trust = scene.instances().trust(None).await.unwrap();
    assert!(names(trust.trusted_root_json()));
}

#[tokio::test]
async fn a_newer_root_is_held_on_to_although_the_rest_could_not_be_had() {
    let mut scene = Scene::set_up().await;
    scene.rotate().await;
    let timestamp = scene.tuf().join("timestamp.json");
    let good = fs::read(&timestamp).unwrap();
    fs::remove_file(&timestamp).unwrap();
    // The keys that signed what is kept no longer count.
    let refused = scene.instances().trust(None).await.unwrap_err();
    assert!(
        matches!(refused, TrustError::RefusedOffline { .. }),
        "{refused}"
    );
    let record: Value = serde_json::from_slice(&fs::read(scene.record()).unwrap()).unwrap();
    assert_eq!(record["root"].as_str().unwrap().as_bytes(), scene.root(2));
    fs::write(&timestamp, good).unwrap();
    scene.instances().trust(None).await.unwrap();
}

#[tokio::test]
async fn a_newer_root_is_held_on_to_although_setting_up_again_failed() {
    let mut scene = Scene::set_up().await;
    scene.rotate().await;
    fs::remove_file(scene.tuf().join("timestamp.json")).unwrap();
    let failed = scene.instances().setup(&scene.setup()).await.unwrap_err();
    assert!(
        matches!(failed, SetupError::Update(UpdateError::Away { .. })),
        "{failed}"
    );
    let record: Value = serde_json::from_slice(&fs::read(scene.record()).unwrap()).unwrap();
    assert_eq!(record["root"].as_str().unwrap().as_bytes(), scene.root(2));
}

#[tokio::test]
async fn a_root_that_storage_forbids_is_one_that_is_not_there() {
    let mut scene = Scene::begun(SystemTime::now()).await;
    scene.web.answer_missing(403);
    let set_up = scene.instances().setup(&scene.setup()).await.unwrap();
    assert_eq!(set_up.root_version(), 1);
    scene.rotate().await;
    let trust = scene.instances().trust(None).await.unwrap();
    assert_eq!(trust.root_version(), 2);
    assert!(trust.stale().is_none());

    // Everything else has to be there.
    let timestamp = scene.tuf().join("timestamp.json");
    fs::remove_file(&timestamp).unwrap();
    let trust = scene.instances().trust(None).await.unwrap();
    let why = &trust.stale().unwrap().why;
    assert!(why.contains("timestamp.json answered 403"), "{why}");
    let elsewhere = tempfile::tempdir().unwrap();
    fs::remove_file(scene.tuf().join("root.json")).unwrap();
    let instances = Instances::in_folder(elsewhere.path());
    let refused = instances.setup(&scene.setup()).await.unwrap_err();
    assert!(
        matches!(refused, SetupError::Update(UpdateError::Away { .. })),
        "{refused}"
    );
}
