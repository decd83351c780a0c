//! Instances by name: set up, kept fresh, used offline, and whatever an instance or somebody on the
//! way to it may do wrong.

mod attacker;
mod away;
mod folder;
mod refresh;
mod setup;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use chancery_client::instances::{InstanceName, Instances, RootChecksum, Setup};
use chancery_trust::tuf::Repository;
use chancery_trust::update::{Context, Renewal, renew};

use crate::published::{Keys, begin, first_log, plan, sign, update, wanted, write};
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

fn text(content: &[u8]) -> String {
    String::from_utf8(content.to_vec()).unwrap()
}
