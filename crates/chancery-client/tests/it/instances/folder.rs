//! The folder of instances: many processes at once, and files that somebody damaged.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use chancery_client::instances::{FolderError, Setup, TrustError};

use super::{Scene, name};

#[tokio::test]
async fn many_at_once_leave_one_whole_record() {
    let mut scene = Scene::begun(SystemTime::now()).await;
    let run = |scene: &Scene| {
        let (instances, setup) = (scene.instances(), scene.setup());
        tokio::spawn(async move {
            instances.setup(&setup).await.unwrap();
            instances.trust(None).await.unwrap()
        })
    };
    let first: Vec<_> = (0..8).map(|_| run(&scene)).collect();
    for task in first {
        assert_eq!(task.await.unwrap().root_version(), 1);
    }
    scene.rotate().await;
    let second: Vec<_> = (0..8).map(|_| run(&scene)).collect();
    for task in second {
        let trust = task.await.unwrap();
        assert_eq!(trust.root_version(), 2);
        assert!(trust.stale().is_none());
    }
    let left = fs::read_dir(scene.home.path().join("chancery/instances")).unwrap();
    let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [".here.lock", "here.json"]);
}

#[tokio::test]
async fn what_was_removed_during_a_refresh_is_not_written_back() {
    let scene = Scene::set_up().await;
    let lock = scene.record().with_file_name(".here.lock");
    let lock = fs::File::options().write(true).open(lock).unwrap();
    lock.lock().unwrap();
    let instances = scene.instances();
    let refresh = tokio::spawn(async move { instances.trust(None).await });
    // On one thread: it runs until it waits, which is for the lock.
    tokio::task::yield_now().await;
    fs::remove_file(scene.record()).unwrap();
    lock.unlock().unwrap();
    let unknown = refresh.await.unwrap().unwrap_err();
    assert!(matches!(unknown, TrustError::Unknown { .. }), "{unknown}");
    assert!(!scene.record().exists());
}

#[tokio::test]
async fn a_damaged_record_is_named_and_trusts_nothing() {
    let scene = Scene::set_up().await;
    let sound = Setup {
        name: Some(name("sound")),
        ..scene.setup()
    };
    scene.instances().setup(&sound).await.unwrap();
    damage(&scene.record());
    let damaged = scene.instances().trust(None).await.unwrap_err();
    let TrustError::Folder(FolderError::Content { path }) = damaged else {
        panic!("{damaged}");
    };
    assert_eq!(path, scene.record());

    let instances = scene.instances();
    let listing = instances.list().unwrap();
    assert_eq!(listing.instances[0].name, name("sound"));
    assert_eq!(listing.damaged[0].0, name("here"));
    instances.remove(&name("here")).await.unwrap();
    assert!(instances.list().unwrap().damaged.is_empty());
    let again = instances.remove(&name("here")).await.unwrap_err();
    assert!(matches!(again, TrustError::Unknown { .. }), "{again}");
}

#[tokio::test]
async fn a_damaged_default_is_named_and_keeps_nothing_from_being_removed() {
    let scene = Scene::set_up().await;
    let default = scene.home.path().join("chancery/default");
    fs::write(&default, "Not a name\n").unwrap();
    let damaged = scene.instances().trust(None).await.unwrap_err();
    let TrustError::Folder(FolderError::Content { path }) = damaged else {
        panic!("{damaged}");
    };
    assert_eq!(path, default);
    scene.instances().remove(&name("here")).await.unwrap();
    let nothing = scene.instances().trust(None).await.unwrap_err();
    assert!(matches!(nothing, TrustError::NothingSetUp), "{nothing}");
}

fn damage(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, &text[..text.len() / 2]).unwrap();
}
