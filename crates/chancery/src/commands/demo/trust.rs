//! The trust root, taken as a client takes it: through TUF, from a root that is known already.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::SystemTime;

use bytes::Bytes;
use chancery_trust::documents::TRUSTED_ROOT;
use chancery_trust::tuf::{Files, Repository, Root, Signed, Snapshot, Targets, Timestamp};
use sha2::{Digest as _, Sha256};

use super::outsider::{broken, get, hold};
use crate::failure::Failure;

/// What was verified.
pub(super) struct Trust {
    /// The version of the root that all of it leads from.
    pub(super) version: NonZeroU32,
    /// `trusted_root.json`, as it is signed.
    pub(super) trusted_root: Bytes,
}

/// Fetches the repository of the instance, and verifies it from the root with this SHA-256.
pub(super) async fn take(
    http: &reqwest::Client,
    url: &str,
    sha256: &[u8; 32],
) -> Result<Trust, Failure> {
    let tuf = format!("{url}/tuf");
    let root = get(http, &format!("{tuf}/root.json")).await?;
    hold(
        Sha256::digest(&root)[..] == *sha256,
        "root.json has the SHA-256 that the start of the CA told",
    )?;
    let trusted = Signed::<Root>::parse(&root).map_err(broken)?;
    let files = fetch(http, &tuf, trusted.version()).await?;
    let repository = Repository::verify(files, &trusted).map_err(broken)?;
    hold(
        repository.expired(SystemTime::now()).is_empty(),
        "no TUF metadata have expired",
    )?;
    let document = repository.document(TRUSTED_ROOT);
    let document = document.ok_or_else(|| {
        Failure::verification(format!("the TUF repository has no {TRUSTED_ROOT}"))
    })?;
    Ok(Trust {
        version: trusted.version(),
        trusted_root: Bytes::copy_from_slice(document),
    })
}

/// Fetches every file by the name that the one before it gives; none of them is verified yet.
async fn fetch(http: &reqwest::Client, tuf: &str, newest: NonZeroU32) -> Result<Files, Failure> {
    let mut files = Files::default();
    for version in 1..=newest.get() {
        let root = get(http, &format!("{tuf}/{version}.root.json")).await?;
        files.roots.push(root.into());
    }
    files.timestamp = get(http, &format!("{tuf}/timestamp.json")).await?.into();
    let timestamp = Signed::<Timestamp>::parse(&files.timestamp).map_err(broken)?;
    let version = timestamp.content().snapshot();
    let path = format!("{tuf}/{version}.snapshot.json");
    files.snapshot = get(http, &path).await?.into();
    let snapshot = Signed::<Snapshot>::parse(&files.snapshot).map_err(broken)?;
    let version = snapshot.content().targets();
    let path = format!("{tuf}/{version}.targets.json");
    files.targets = get(http, &path).await?.into();
    let targets = Signed::<Targets>::parse(&files.targets).map_err(broken)?;
    files.documents = documents(http, tuf, targets.content()).await?;
    Ok(files)
}

async fn documents(
    http: &reqwest::Client,
    tuf: &str,
    targets: &Targets,
) -> Result<BTreeMap<[u8; 32], Vec<u8>>, Failure> {
    let mut documents = BTreeMap::new();
    for (name, file) in targets.documents() {
        let path = format!("{tuf}/targets/{}", file.file_name(name));
        documents.insert(file.hashes.sha256, get(http, &path).await?.into());
    }
    Ok(documents)
}
