//! Instances that cannot be asked: used until what is kept of them expires.

use std::fs;
use std::time::{Duration, SystemTime};

use chancery_client::instances::{RootChecksum, SetupError, TrustError, UpdateError};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Scene, name, text};
use crate::published::DAY;

#[tokio::test]
async fn an_instance_that_is_away_is_used_until_its_metadata_expire() {
    let mut scene = Scene::set_up().await;
    scene.web.stop().await;
    let trust = scene.instances().trust(None).await.unwrap();
    let why = trust.stale().unwrap().why.clone();
    assert!(
        why.contains("timestamp.json") || why.contains("root.json"),
        "{why}"
    );
    assert!(why.to_lowercase().contains("refused"), "{why}");

    // Kept 60 days ago, so that what the server renews has expired by now.
    let long_ago = SystemTime::now() - 60 * DAY;
    let mut scene = Scene::begun(long_ago).await;
    keep(&scene);
    let served = scene.instances().trust(None).await.unwrap_err();
    assert!(
        matches!(served, TrustError::Update(UpdateError::Expired { .. })),
        "{served}"
    );
    scene.web.stop().await;
    let expired = scene.instances().trust(None).await.unwrap_err();
    assert!(
        matches!(expired, TrustError::ExpiredOffline { .. }),
        "{expired}"
    );
    assert!(expired.to_string().contains("have expired"), "{expired}");
}

/// Puts what is published on the machine, as a setup at that time had done.
fn keep(scene: &Scene) {
    let mut files = serde_json::Map::new();
    for (name, content) in scene.published.named_files() {
        if !name.ends_with("root.json") || name.starts_with("targets/") {
            files.insert(name, text(content).into());
        }
    }
    let record = json!({
        "format": 1, "url": scene.web.url(), "updated": null, "files": files,
        "root_checksum": RootChecksum::of(scene.root(1)).to_string(),
        "root": text(scene.root(1)),
    });
    let folder = scene.home.path().join("chancery");
    fs::create_dir_all(folder.join("instances")).unwrap();
    fs::write(scene.record(), record.to_string()).unwrap();
    fs::write(folder.join("default"), "here").unwrap();
}

#[tokio::test]
async fn a_clock_that_was_ahead_is_named_and_not_the_server() {
    let mut scene = Scene::set_up().await;
    let mut record: Value = serde_json::from_slice(&fs::read(scene.record()).unwrap()).unwrap();
    record["updated"] = "2999-01-01T00:00:00Z".into();
    fs::write(scene.record(), record.to_string()).unwrap();
    let setup = scene.instances().setup(&scene.setup()).await.unwrap_err();
    assert!(
        matches!(setup, SetupError::Update(UpdateError::Clock { .. })),
        "{setup}"
    );
    scene.web.stop().await;
    let clock = scene.instances().trust(None).await.unwrap_err();
    assert!(
        matches!(clock, TrustError::Update(UpdateError::Clock { .. })),
        "{clock}"
    );
    let said = clock.to_string();
    assert!(said.contains("2998-12-31T23:55:00Z"), "{said}");
    assert!(said.contains("chancery client remove here"), "{said}");
    scene.instances().remove(&name("here")).await.unwrap();
}

#[tokio::test]
async fn an_instance_that_was_away_is_left_alone_for_a_while() {
    let mut scene = Scene::set_up().await;
    let instances = scene.instances().fresh_for(Duration::from_hours(6));
    set_back(&scene, "/updated", Duration::from_hours(7));
    let timestamp = scene.tuf().join("timestamp.json");
    let good = fs::read(&timestamp).unwrap();
    fs::remove_file(&timestamp).unwrap();
    let first = instances.trust(None).await.unwrap();
    let why = first.stale().unwrap().why.clone();
    assert!(why.contains("timestamp.json answered 404"), "{why}");

    // It is back, and not asked: what is kept is used, and that is said.
    fs::write(&timestamp, good).unwrap();
    let second = instances.trust(None).await.unwrap();
    assert_eq!(second.trusted_root_json(), first.trusted_root_json());
    let why = second.stale().unwrap().why.clone();
    assert!(why.contains("asked in vain at"), "{why}");
    assert!(why.contains("timestamp.json answered 404"), "{why}");
    // Who wants it asked has it asked.
    let copy = fs::read(scene.record()).unwrap();
    let refreshed = scene.instances().trust(None).await.unwrap();
    assert!(refreshed.stale().is_none());
    let third = instances.trust(None).await.unwrap();
    assert!(third.stale().is_none());

    // After a while it is asked without being told to.
    fs::write(scene.record(), copy).unwrap();
    set_back(&scene, "/failed/at", Duration::from_mins(11));
    let later = instances.trust(None).await.unwrap();
    assert!(later.stale().is_none());
    let record: Value = serde_json::from_slice(&fs::read(scene.record()).unwrap()).unwrap();
    assert!(record.get("failed").is_none(), "{record}");
    scene.web.stop().await;
}

#[tokio::test]
async fn what_expired_is_not_used_because_the_instance_was_away_before() {
    let mut scene = Scene::begun(SystemTime::now() - 60 * DAY).await;
    keep(&scene);
    let mut record: Value = serde_json::from_slice(&fs::read(scene.record()).unwrap()).unwrap();
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap();
    record["failed"] = json!({ "at": now, "why": "the network is down" });
    fs::write(scene.record(), record.to_string()).unwrap();
    let instances = scene.instances().fresh_for(Duration::from_hours(6));
    let served = instances.trust(None).await.unwrap_err();
    assert!(
        matches!(served, TrustError::Update(UpdateError::Expired { .. })),
        "{served}"
    );
    scene.web.stop().await;
    let expired = instances.trust(None).await.unwrap_err();
    assert!(
        matches!(expired, TrustError::ExpiredOffline { .. }),
        "{expired}"
    );
}

/// Makes a time in what is kept so much earlier.
fn set_back(scene: &Scene, pointer: &str, by: Duration) {
    let mut record: Value = serde_json::from_slice(&fs::read(scene.record()).unwrap()).unwrap();
    let time = record.pointer_mut(pointer).unwrap();
    let before = OffsetDateTime::parse(time.as_str().unwrap(), &Rfc3339).unwrap() - by;
    *time = before.format(&Rfc3339).unwrap().into();
    fs::write(scene.record(), record.to_string()).unwrap();
}
