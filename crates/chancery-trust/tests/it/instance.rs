//! An instance with keys, whose trust is published step by step.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use chancery_keys::{KeyType, LocalKey, PublicKey, Signer};
use chancery_trust::documents::{CtLog, Instance, TrustDocuments, Window};
use chancery_trust::plan::{Plan, Wanted};
use chancery_trust::tuf::{Files, Repository, Role, RoleKeys, Root, Signed};
use chancery_trust::update::{Context, OnlineKeys, Update, UpdateError};
use url::Url;

pub(crate) const DAY: Duration = Duration::from_hours(24);

pub(crate) fn key() -> LocalKey {
    LocalKey::generate(KeyType::Ed25519).unwrap()
}

/// Which keys there are now.
pub(crate) struct Keys {
    pub(crate) root: LocalKey,
    pub(crate) targets: LocalKey,
    pub(crate) snapshot: LocalKey,
    pub(crate) timestamp: LocalKey,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self {
            root: key(),
            // One of the other kind that clients verify.
            targets: LocalKey::generate(KeyType::P256).unwrap(),
            snapshot: key(),
            timestamp: key(),
        }
    }

    pub(crate) fn online(&self) -> OnlineKeys<'_> {
        OnlineKeys {
            snapshot: &self.snapshot,
            timestamp: &self.timestamp,
        }
    }

    pub(crate) fn of_roles(&self) -> BTreeMap<Role, RoleKeys> {
        let one = |key: &LocalKey| RoleKeys::one(key.public_key().clone());
        BTreeMap::from([
            (Role::Root, one(&self.root)),
            (Role::Targets, one(&self.targets)),
            (Role::Snapshot, one(&self.snapshot)),
            (Role::Timestamp, one(&self.timestamp)),
        ])
    }
}

pub(crate) fn log(name: &str, key: &PublicKey, begins: SystemTime) -> CtLog {
    CtLog {
        url: Url::parse(&format!("https://ca.test/ct/{name}")).unwrap(),
        key: key.clone(),
        window: Window::between(begins, None),
    }
}

pub(crate) fn documents(logs: Vec<CtLog>) -> TrustDocuments {
    TrustDocuments::of(&Instance {
        organization: "ca.test".to_owned(),
        operator: "ca.test".to_owned(),
        authorities: Vec::new(),
        logs,
        ledgers: Vec::new(),
        timestamp_authorities: Vec::new(),
        stamps: false,
        login: Vec::new(),
    })
    .unwrap()
}

pub(crate) fn wanted(keys: &Keys, logs: Vec<CtLog>) -> Wanted {
    Wanted {
        keys: keys.of_roles(),
        documents: documents(logs),
    }
}

pub(crate) fn first_log(now: SystemTime) -> (LocalKey, CtLog) {
    let key = LocalKey::generate(KeyType::P256).unwrap();
    let log = log("first", key.public_key(), now);
    (key, log)
}

/// Draws up a plan, which must be needed.
pub(crate) fn plan(current: Option<&Repository>, wanted: &Wanted, now: SystemTime) -> Plan {
    let plan = Plan::new(current, wanted, &Context::at(now)).unwrap();
    // By way of a file, as it travels.
    Plan::parse(&plan.unwrap().to_bytes()).unwrap()
}

pub(crate) async fn sign(plan: &mut Plan, by: &[&dyn Signer]) {
    for signer in by {
        assert!(!plan.sign(*signer).await.unwrap().is_empty());
    }
    *plan = Plan::parse(&plan.to_bytes()).unwrap();
}

pub(crate) async fn update(
    plan: &Plan,
    current: Option<&Repository>,
    trusted: Option<&Signed<Root>>,
    keys: &Keys,
    now: SystemTime,
) -> Result<Update, UpdateError> {
    plan.update(current, trusted, keys.online(), &Context::at(now))
        .await
}

/// Publishes the first version.
pub(crate) async fn begin(keys: &Keys, logs: Vec<CtLog>, now: SystemTime) -> Repository {
    let mut plan = plan(None, &wanted(keys, logs), now);
    sign(&mut plan, &[&keys.root, &keys.targets]).await;
    let update = update(&plan, None, None, keys, now).await.unwrap();
    assert_eq!(update.after(), None);
    update.repository().clone()
}

pub(crate) fn parsed_root(files: &Files, version: usize) -> Signed<Root> {
    Signed::parse(&files.roots[version - 1]).unwrap()
}

/// Writes a repository as a web server would have it, beside what is there from versions before.
pub(crate) fn write(repository: &Repository, folder: &Path) {
    for (name, content) in repository.named_files() {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}
