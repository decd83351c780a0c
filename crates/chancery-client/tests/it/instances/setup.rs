//! Setting instances up: what a checksum lets in, and what it does not.

use std::fs;
use std::time::{Duration, SystemTime};

use chancery_client::instances::{
    DownloadError, Instances, RootChecksum, Setup, SetupError, TrustError, UpdateError,
};
use serde_json::json;

use super::{Scene, name};
use crate::published::{DAY, Keys, begin};
use crate::web::Web;

#[tokio::test]
async fn an_instance_is_trusted_by_its_checksum_and_used_without_asking_it_again() {
    let mut scene = Scene::begun(SystemTime::now()).await;
    let instances = Instances::in_folder(scene.home.path().join("chancery"));
    let nothing = instances.trust(None).await.unwrap_err();
    assert!(matches!(nothing, TrustError::NothingSetUp), "{nothing}");
    assert!(
        nothing
            .to_string()
            .contains("chancery client setup URL --root-checksum")
    );

    let set_up = instances.setup(&scene.setup()).await.unwrap();
    assert_eq!(set_up.root_version(), 1);
    assert_eq!(instances.default_name().unwrap(), Some(name("here")));
    scene.web.stop().await;
    for asked in [None, Some(&name("here"))] {
        let trust = instances.trust(asked).await.unwrap();
        assert_eq!(trust.trusted_root_json(), set_up.trusted_root_json());
        assert!(trust.signing_config().is_some());
        assert!(trust.stale().is_none());
    }
    let unknown = instances.trust(Some(&name("there"))).await.unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "no instance is called there: there are here"
    );

    instances.remove(&name("here")).await.unwrap();
    assert_eq!(instances.default_name().unwrap(), None);
    assert!(instances.list().unwrap().instances.is_empty());
}

#[tokio::test]
async fn another_checksum_sets_nothing_up_and_says_which_was_found() {
    let scene = Scene::begun(SystemTime::now()).await;
    let mut setup = scene.setup();
    setup.checksum = RootChecksum::of(b"another root");
    let refused = scene.instances().setup(&setup).await.unwrap_err();
    assert!(matches!(refused, SetupError::OtherRoot { .. }), "{refused}");
    let found = RootChecksum::of(scene.root(1)).to_string();
    assert!(refused.to_string().contains(&found), "{refused}");
    assert!(scene.instances().list().unwrap().instances.is_empty());
    assert_eq!(scene.instances().default_name().unwrap(), None);
}

#[tokio::test]
async fn one_url_may_have_two_names_and_one_name_has_one_url() {
    let mut scene = Scene::set_up().await;
    let second = Setup {
        name: None,
        ..scene.setup()
    };
    let instances = scene.instances();
    let set_up = instances.setup(&second).await.unwrap();
    assert!(set_up.instance().name.as_str().starts_with("127.0.0.1-"));
    assert_eq!(instances.list().unwrap().instances.len(), 2);
    assert_eq!(instances.default_name().unwrap(), Some(name("here")));
    instances.make_default(&set_up.instance().name).unwrap();
    assert_eq!(
        instances.default_name().unwrap(),
        Some(set_up.instance().name.clone())
    );

    // Again is nothing new, by the checksum of a later root as well.
    instances.setup(&scene.setup()).await.unwrap();
    scene.rotate().await;
    let mut later = scene.setup();
    later.checksum = RootChecksum::of(scene.root(2));
    let again = instances.setup(&later).await.unwrap();
    assert_eq!(again.root_version(), 2);

    let other = Scene::begun(SystemTime::now()).await;
    let taken = instances.setup(&other.setup()).await.unwrap_err();
    assert!(matches!(taken, SetupError::Taken { .. }), "{taken}");
}

#[tokio::test]
async fn an_instance_that_was_made_anew_is_not_taken_for_the_one_before() {
    let mut scene = Scene::set_up().await;
    scene.keys = Keys::new();
    scene.published = begin(&scene.keys, Vec::new(), SystemTime::now()).await;
    scene.write();
    let setup = scene.setup();
    let refused = scene.instances().setup(&setup).await.unwrap_err();
    assert!(
        matches!(refused, SetupError::OtherInstance { .. }),
        "{refused}"
    );
    scene.instances().remove(&name("here")).await.unwrap();
    scene.instances().setup(&setup).await.unwrap();
}

#[tokio::test]
async fn an_instance_whose_metadata_have_expired_is_not_set_up() {
    let scene = Scene::begun(SystemTime::now() - 60 * DAY).await;
    let refused = scene.instances().setup(&scene.setup()).await.unwrap_err();
    assert!(
        matches!(refused, SetupError::Update(UpdateError::Expired { .. })),
        "{refused}"
    );
    assert!(scene.instances().list().unwrap().instances.is_empty());
}

#[tokio::test]
async fn an_endless_file_is_not_read_to_its_end() {
    let scene = Scene::begun(SystemTime::now()).await;
    fs::write(scene.tuf().join("root.json"), vec![b' '; 5 << 20]).unwrap();
    let refused = scene.instances().setup(&scene.setup()).await.unwrap_err();
    let SetupError::Update(UpdateError::Away { source, .. }) = refused else {
        panic!("{refused}");
    };
    assert!(matches!(source, DownloadError::TooLarge { .. }), "{source}");
}

#[tokio::test]
async fn looking_for_an_earlier_root_ends_although_each_answer_comes_in_time() {
    let web = Web::serve_slowly(Duration::from_secs(3)).await;
    let tuf = web.folder().join("tuf");
    fs::create_dir(&tuf).unwrap();
    for version in 1..=60 {
        let root = json!({ "signed": { "version": version } }).to_string();
        fs::write(tuf.join(format!("{version}.root.json")), &root).unwrap();
        fs::write(tuf.join("root.json"), &root).unwrap();
    }
    let home = tempfile::tempdir().unwrap();
    let setup = Setup {
        url: web.url().parse().unwrap(),
        checksum: RootChecksum::of(b"another root"),
        name: None,
    };
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let instances = Instances::in_folder(home.path());
    let slow = instances.setup(&setup).await.unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 20);
    let SetupError::Update(UpdateError::Away { source, .. }) = slow else {
        panic!("{slow}");
    };
    assert!(matches!(source, DownloadError::Slow { .. }), "{source}");
}
