//! The trust metadata: added to, never changed, and by one of those who race.

use std::time::SystemTime;

use chancery_keys::{KeyType, LocalKey, Signer as _};
use chancery_trust::documents::{Instance, TrustDocuments};
use chancery_trust::plan::{Plan, Wanted};
use chancery_trust::store::TrustStoreError;
use chancery_trust::tuf::{Repository, Role, RoleKeys, Versions};
use chancery_trust::update::{Context, OnlineKeys, Renewal, Update, renew};

use crate::harness::TestDatabase;

on_both_databases!(
    what_is_published_is_read_back_and_verifies,
    of_updates_at_the_same_time_one_wins,
    nothing_is_added_after_what_is_not_there,
);

/// Signs the first version of a repository, with one key for every role.
async fn first(key: &LocalKey) -> Update {
    let documents = TrustDocuments::of(&Instance {
        organization: "ca.test".to_owned(),
        operator: "ca.test".to_owned(),
        authorities: Vec::new(),
        logs: Vec::new(),
        ledgers: Vec::new(),
        timestamp_authorities: Vec::new(),
        stamps: false,
        login: Vec::new(),
    });
    let one = |role| (role, RoleKeys::one(key.public_key().clone()));
    let wanted = Wanted {
        keys: Role::ALL.map(one).into(),
        documents: documents.unwrap(),
    };
    let context = Context::at(SystemTime::now());
    let plan = Plan::new(None, &wanted, &context).unwrap();
    let mut plan = plan.unwrap();
    plan.sign(key).await.unwrap();
    let update = plan.update(None, None, online(key), &context);
    update.await.unwrap()
}

fn online(key: &LocalKey) -> OnlineKeys<'_> {
    OnlineKeys {
        snapshot: key,
        timestamp: key,
    }
}

async fn next(repository: &Repository, key: &LocalKey) -> Update {
    above(Versions::default(), repository, key).await
}

/// Makes the next versions after some that were published and lost.
async fn above(published: Versions, repository: &Repository, key: &LocalKey) -> Update {
    let renewal = Renewal { snapshot: true };
    let context = Context {
        published,
        ..Context::at(SystemTime::now())
    };
    let renewed = renew(repository, renewal, online(key), &context);
    renewed.await.unwrap()
}

fn key() -> LocalKey {
    LocalKey::generate(KeyType::Ed25519).unwrap()
}

async fn what_is_published_is_read_back_and_verifies(database: TestDatabase) {
    let store = database.store().await.trust();
    assert_eq!(store.newest().await.unwrap(), None);
    assert_eq!(store.files().await.unwrap(), None);
    let key = key();
    let update = first(&key).await;
    store.add(&update).await.unwrap();
    assert_eq!(store.newest().await.unwrap().unwrap().get(), 1);
    let files = store.files().await.unwrap().unwrap();
    assert_eq!(&files, update.repository().files());

    let trusted = update.repository().root();
    let repository = Repository::verify(files, trusted).unwrap();
    let update = next(&repository, &key).await;
    store.add(&update).await.unwrap();
    let files = store.files().await.unwrap().unwrap();
    let repository = Repository::verify(files, trusted).unwrap();
    assert_eq!(repository.timestamp().version().get(), 2);
    let kept = database.column("SELECT role FROM trust_metadata WHERE version = 1");
    assert_eq!(kept.await.len(), 4);

    let lost = Versions {
        snapshot: 20,
        timestamp: 70,
        ..Versions::default()
    };
    let update = above(lost, &repository, &key).await;
    store.add(&update).await.unwrap();
    let files = store.files().await.unwrap().unwrap();
    let versions = Repository::verify(files, trusted).unwrap().versions();
    assert_eq!((versions.snapshot, versions.timestamp), (21, 71));
}

async fn of_updates_at_the_same_time_one_wins(database: TestDatabase) {
    let store = database.store().await;
    let other = database.another(&store).await;
    let key = key();
    let update = first(&key).await;
    store.trust().add(&update).await.unwrap();
    let mut repository = update.repository().clone();
    for lost in (0..20).map(|round| round % 3) {
        // Processes may know of different versions that were lost, and so race for different ones.
        let mut published = repository.versions();
        published.timestamp += lost;
        published.snapshot += lost;
        let one = next(&repository, &key).await;
        let two = above(published, &repository, &key).await;
        let (ours, theirs) = (store.trust(), other.trust());
        let results = tokio::join!(ours.add(&one), theirs.add(&two));
        let won = match results {
            (Ok(()), Err(TrustStoreError::Overtaken)) => one,
            (Err(TrustStoreError::Overtaken), Ok(())) => two,
            other => panic!("{other:?}"),
        };
        let files = ours.files().await.unwrap().unwrap();
        repository = Repository::verify(files, repository.root()).unwrap();
        assert_eq!(repository.files(), won.repository().files());
    }
}

async fn nothing_is_added_after_what_is_not_there(database: TestDatabase) {
    let store = database.store().await.trust();
    let key = key();
    let update = first(&key).await;
    let second = next(update.repository(), &key).await;
    let refused = store.add(&second).await;
    assert!(matches!(refused, Err(TrustStoreError::Overtaken)));
    store.add(&update).await.unwrap();
    let refused = store.add(&update).await;
    assert!(matches!(refused, Err(TrustStoreError::Overtaken)));
    store.add(&second).await.unwrap();
}
