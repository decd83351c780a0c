//! Instances by name: set up, kept fresh, used offline, and whatever an instance or somebody on the
//! way to it may do wrong.

mod attacker;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chancery_client::instances::{
    DownloadError, FolderError, InstanceName, Instances, RootChecksum, Setup, SetupError,
    TrustError,
};
use chancery_trust::tuf::Repository;
use chancery_trust::update::{Context, Renewal, renew};
use serde_json::{Value, json};

use crate::published::{DAY, Keys, begin, first_log, key, plan, sign, update, wanted, write};
use crate::web::Web;

/// An instance that publishes, and a machine that may trust it.
struct Scene {
    web: Web,
    keys: Keys,
    published: Repository,
    home: tempfile::TempDir,
}

impl Scene {
    async fn begun(at: SystemTime) -> Self {
        let web = Web::serve().await;
        let keys = Keys::new();
        let published = begin(&keys, Vec::new(), at).await;
        let home = tempfile::tempdir().unwrap();
        let scene = Self {
            web,
            keys,
            published,
            home,
        };
        scene.write();
        scene
    }

    async fn set_up() -> Self {
        let scene = Self::begun(SystemTime::now()).await;
        scene.instances().setup(&scene.setup()).await.unwrap();
        scene
    }

    fn write(&self) {
        write(&self.published, &self.tuf());
    }

    fn tuf(&self) -> PathBuf {
        self.web.folder().join("tuf")
    }

    /// What this machine knows, as each program opens it. It asks the instance each time.
    fn instances(&self) -> Instances {
        Instances::in_folder(self.home.path().join("chancery")).fresh_for(Duration::ZERO)
    }

    fn setup(&self) -> Setup {
        Setup {
            url: self.web.url().parse().unwrap(),
            checksum: RootChecksum::of(self.root(1)),
            name: Some(name("here")),
        }
    }

    fn root(&self, version: usize) -> &[u8] {
        &self.published.files().roots[version - 1]
    }

    fn record(&self) -> PathBuf {
        self.home.path().join("chancery/instances/here.json")
    }

    /// Publishes a new log under new keys for every role.
    async fn rotate(&mut self) {
        let now = SystemTime::now();
        let old = std::mem::replace(&mut self.keys, Keys::new());
        let (_, log) = first_log(now);
        let mut plan = plan(Some(&self.published), &wanted(&self.keys, vec![log]), now);
        sign(&mut plan, &[&old.root, &self.keys.root, &self.keys.targets]).await;
        self.publish(&plan).await;
    }

    async fn publish(&mut self, plan: &chancery_trust::plan::Plan) {
        let (before, root) = (Some(&self.published), Some(self.published.root()));
        let now = SystemTime::now();
        let next = update(plan, before, root, &self.keys, now).await.unwrap();
        self.published = next.repository().clone();
        self.write();
    }

    async fn renew(&mut self) {
        let (renewal, keys) = (Renewal { snapshot: true }, self.keys.online());
        let context = Context::at(SystemTime::now());
        let next = renew(&self.published, renewal, keys, &context).await;
        self.published = next.unwrap().repository().clone();
        self.write();
    }
}

fn name(text: &str) -> InstanceName {
    text.parse().unwrap()
}

fn names(log: &[u8]) -> bool {
    String::from_utf8_lossy(log).contains("/ct/first")
}

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
    assert_eq!(set_up.root_version, 1);
    assert_eq!(instances.default_name().unwrap(), Some(name("here")));
    scene.web.stop().await;
    for asked in [None, Some(&name("here"))] {
        let trust = instances.trust(asked).await.unwrap();
        assert_eq!(trust.trusted_root, set_up.trusted_root);
        assert!(trust.signing_config.is_some());
        assert!(trust.stale.is_none());
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
    assert!(set_up.instance.name.as_str().starts_with("127.0.0.1-"));
    assert_eq!(instances.list().unwrap().instances.len(), 2);
    assert_eq!(instances.default_name().unwrap(), Some(name("here")));
    instances.make_default(&set_up.instance.name).unwrap();
    assert_eq!(
        instances.default_name().unwrap(),
        Some(set_up.instance.name)
    );

    // Again is nothing new, by the checksum of a later root as well.
    instances.setup(&scene.setup()).await.unwrap();
    scene.rotate().await;
    let mut later = scene.setup();
    later.checksum = RootChecksum::of(scene.root(2));
    let again = instances.setup(&later).await.unwrap();
    assert_eq!(again.root_version, 2);

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
async fn new_keys_for_every_role_are_followed_and_the_old_checksum_still_sets_up() {
    let mut scene = Scene::set_up().await;
    let before = scene.instances().trust(None).await.unwrap();
    assert!(!names(&before.trusted_root));
    scene.rotate().await;
    let after = scene.instances().trust(None).await.unwrap();
    assert_eq!(after.root_version, 2);
    assert!(names(&after.trusted_root));

    let elsewhere = tempfile::tempdir().unwrap();
    let instances = Instances::in_folder(elsewhere.path());
    let set_up = instances.setup(&scene.setup()).await.unwrap();
    assert_eq!(set_up.root_version, 2);
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
    assert!(matches!(refused, TrustError::Refused { .. }), "{refused}");
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
    assert!(matches!(refused, TrustError::Refused { .. }), "{refused}");
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
            matches!(refused, TrustError::Refused { .. }),
            "{name}: {refused}"
        );
        fs::write(scene.tuf().join(&name), good).unwrap();
    }
    let trust = scene.instances().trust(None).await.unwrap();
    assert!(names(&trust.trusted_root));
}

#[tokio::test]
async fn an_instance_that_is_away_is_used_until_its_metadata_expire() {
    let mut scene = Scene::set_up().await;
    scene.web.stop().await;
    let trust = scene.instances().trust(None).await.unwrap();
    let why = trust.stale.unwrap().why;
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
    assert!(matches!(served, TrustError::Expired { .. }), "{served}");
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

fn text(content: &[u8]) -> String {
    String::from_utf8(content.to_vec()).unwrap()
}

#[tokio::test]
async fn an_instance_whose_metadata_have_expired_is_not_set_up() {
    let scene = Scene::begun(SystemTime::now() - 60 * DAY).await;
    let refused = scene.instances().setup(&scene.setup()).await.unwrap_err();
    assert!(matches!(refused, SetupError::Expired { .. }), "{refused}");
    assert!(scene.instances().list().unwrap().instances.is_empty());
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
        assert_eq!(task.await.unwrap().root_version, 1);
    }
    scene.rotate().await;
    let second: Vec<_> = (0..8).map(|_| run(&scene)).collect();
    for task in second {
        let trust = task.await.unwrap();
        assert_eq!(trust.root_version, 2);
        assert!(trust.stale.is_none());
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
async fn a_clock_that_was_ahead_is_named_and_not_the_server() {
    let mut scene = Scene::set_up().await;
    let mut record: Value = serde_json::from_slice(&fs::read(scene.record()).unwrap()).unwrap();
    record["updated"] = "2999-01-01T00:00:00Z".into();
    fs::write(scene.record(), record.to_string()).unwrap();
    let setup = scene.instances().setup(&scene.setup()).await.unwrap_err();
    assert!(matches!(setup, SetupError::Clock { .. }), "{setup}");
    scene.web.stop().await;
    let clock = scene.instances().trust(None).await.unwrap_err();
    assert!(matches!(clock, TrustError::Clock { .. }), "{clock}");
    let said = clock.to_string();
    assert!(said.contains("2998-12-31T23:55:00Z"), "{said}");
    assert!(said.contains("chancery client remove here"), "{said}");
    scene.instances().remove(&name("here")).await.unwrap();
}

#[tokio::test]
async fn an_endless_file_is_not_read_to_its_end() {
    let scene = Scene::begun(SystemTime::now()).await;
    fs::write(scene.tuf().join("root.json"), vec![b' '; 5 << 20]).unwrap();
    let refused = scene.instances().setup(&scene.setup()).await.unwrap_err();
    let SetupError::Away { source, .. } = refused else {
        panic!("{refused}");
    };
    assert!(matches!(source, DownloadError::TooLarge { .. }), "{source}");
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

fn damage(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, &text[..text.len() / 2]).unwrap();
}
