//! `tough`, another implementation of TUF, as a client of our repository.

use std::path::Path;
use std::time::{Duration, SystemTime};

use chancery_trust::documents::TRUSTED_ROOT;
use chancery_trust::tuf::Repository;
use chancery_trust::update::{Context, Renewal, renew};
use tough::{IntoVec as _, RepositoryLoader, TargetName};
use url::Url;

use crate::instance::{DAY, Keys, begin, first_log, key, plan, sign, update, wanted, write};

/// Updates from a folder, beginning with a root, and reads the trusted root.
async fn fetch(root: &[u8], folder: &Path, state: &Path) -> Result<Vec<u8>, tough::error::Error> {
    let metadata = Url::from_directory_path(folder).unwrap();
    let targets = metadata.join("targets/").unwrap();
    let loader = RepositoryLoader::new(&root, metadata, targets).datastore(state);
    let repository = loader.load().await?;
    let name = TargetName::new(TRUSTED_ROOT)?;
    repository
        .read_target(&name)
        .await?
        .unwrap()
        .into_vec()
        .await
}

fn root_of(repository: &Repository, version: usize) -> &[u8] {
    &repository.files().roots[version - 1]
}

#[tokio::test]
async fn a_client_takes_the_first_version_and_follows_a_rotation_of_every_key() {
    let now = SystemTime::now();
    let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut keys = Keys::new();
    let first = begin(&keys, Vec::new(), now).await;
    write(&first, folder.path());
    let pinned = root_of(&first, 1).to_vec();
    let read = fetch(&pinned, folder.path(), state.path()).await.unwrap();
    assert_eq!(Some(&read[..]), first.document(TRUSTED_ROOT));

    let old = std::mem::replace(&mut keys, Keys::new());
    let (_, log) = first_log(now);
    let mut plan = plan(Some(&first), &wanted(&keys, vec![log]), now);
    sign(&mut plan, &[&old.root, &keys.root, &keys.targets]).await;
    let second = update(&plan, Some(&first), Some(first.root()), &keys, now).await;
    let second = second.unwrap().repository().clone();
    write(&second, folder.path());
    let read = fetch(&pinned, folder.path(), state.path()).await.unwrap();
    assert_eq!(Some(&read[..]), second.document(TRUSTED_ROOT));
    assert!(String::from_utf8(read).unwrap().contains("/ct/first"));
}

#[tokio::test]
async fn a_client_refuses_what_has_expired_and_takes_it_again_once_it_is_renewed() {
    // Long ago, so that the server's metadata have expired by now, and the operators' have not.
    let then = SystemTime::now() - 60 * DAY;
    let keys = Keys::new();
    let first = begin(&keys, Vec::new(), then).await;
    let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&first, folder.path());
    let pinned = root_of(&first, 1).to_vec();
    let refused = fetch(&pinned, folder.path(), state.path())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("expired"), "{refused}");

    let now = SystemTime::now() - Duration::from_secs(1);
    let renewal = Renewal { snapshot: true };
    let renewed = renew(&first, renewal, keys.online(), &Context::at(now)).await;
    write(renewed.unwrap().repository(), folder.path());
    fetch(&pinned, folder.path(), state.path()).await.unwrap();
}

#[tokio::test]
async fn a_client_refuses_a_root_that_the_one_before_has_not_signed() {
    let now = SystemTime::now();
    let mut keys = Keys::new();
    let first = begin(&keys, Vec::new(), now).await;
    let pinned = root_of(&first, 1).to_vec();
    keys.root = key();
    let mut plan = plan(Some(&first), &wanted(&keys, Vec::new()), now);
    sign(&mut plan, &[&keys.root]).await;
    let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&first, folder.path());
    let unsigned = plan.root().unwrap().to_bytes();
    std::fs::write(folder.path().join("2.root.json"), unsigned).unwrap();
    fetch(&pinned, folder.path(), state.path())
        .await
        .unwrap_err();
}
