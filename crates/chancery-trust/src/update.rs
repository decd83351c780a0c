//! What is added to a stored repository: checked as a whole before anything is stored.

mod context;

use std::collections::BTreeMap;

use chancery_keys::Signer;
use sha2::{Digest as _, Sha256};

use crate::tuf::{
    Metadata, MetadataError, MetadataVersion, Repository, RepositoryError, Role, Root, Signed,
    SigningError, Snapshot, Targets, Timestamp,
};

pub use context::{Context, Lifetimes};

/// The keys that the server signs with.
#[derive(Clone, Copy, Debug)]
pub struct OnlineKeys<'a> {
    /// For snapshots.
    pub snapshot: &'a dyn Signer,
    /// For timestamps.
    pub timestamp: &'a dyn Signer,
}

/// Files to add to a repository. Whoever has one knows that the repository is whole and verifies
/// once they are added to the one that [`Update::after`] names.
#[derive(Clone, Debug)]
pub struct Update {
    after: Option<MetadataVersion>,
    metadata: Vec<(Role, MetadataVersion, Vec<u8>)>,
    documents: BTreeMap<[u8; 32], Vec<u8>>,
    repository: Repository,
}

/// Why there is nothing to be added.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// What would come of it is not to be trusted.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// Clients would not take the metadata.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// A key did not sign.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// It would have expired already.
    #[error("the metadata of {0} have expired")]
    Expired(Role),
    /// Nothing was published, and there is no root to begin with.
    #[error("there is no root that is trusted here")]
    NoRoot,
    /// Clients have seen others of that version, or newer ones.
    #[error(
        "this is version {version} of targets, and version {published} was published before: draw \
         up a new plan, which comes after it"
    )]
    Published {
        /// What would be published.
        version: MetadataVersion,
        /// What is known to have been.
        published: u32,
    },
    /// Versions are counted to 4,294,967,295.
    #[error("there is no version of {0} after this")]
    Version(Role),
}

/// What operators sign, and what it is about: the part of an update that the server does not sign.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    pub(crate) root: Option<Signed<Root>>,
    pub(crate) targets: Option<Signed<Targets>>,
    pub(crate) documents: Vec<Vec<u8>>,
}

impl Update {
    /// Signs what the server signs: a new timestamp always, and a new snapshot if the old one does
    /// not fit or `renew_snapshot` says so. Then everything is verified, from `trusted` on.
    pub(crate) async fn make(
        current: Option<&Repository>,
        change: Change,
        renew_snapshot: bool,
        trusted: &Signed<Root>,
        online: OnlineKeys<'_>,
        context: &Context,
    ) -> Result<Self, UpdateError> {
        let mut files = current.map(|c| c.files().clone()).unwrap_or_default();
        let mut added = Added::default();
        if let Some(root) = &change.root {
            files.roots.push(added.put(root));
        }
        let targets = change
            .targets
            .as_ref()
            .or_else(|| current.map(Repository::targets));
        let targets_version = targets.map_or(MetadataVersion::MIN, Signed::version);
        if let Some(targets) = &change.targets {
            files.targets = added.put(targets);
        }
        let mut snapshot_version = current.map(|c| c.snapshot().version());
        if renew_snapshot || change.root.is_some() || change.targets.is_some() {
            let version = context.next(Role::Snapshot, snapshot_version)?;
            let expires = context.expiry(Role::Snapshot);
            let content = Snapshot::new(version, expires, targets_version);
            let mut snapshot = Signed::unsigned(content)?;
            snapshot.sign(online.snapshot).await?;
            files.snapshot = added.put(&snapshot);
            snapshot_version = Some(version);
        }
        let after = current.map(|c| c.timestamp().version());
        let content = Timestamp::new(
            context.next(Role::Timestamp, after)?,
            context.expiry(Role::Timestamp),
            snapshot_version.unwrap_or(MetadataVersion::MIN),
        );
        let mut timestamp = Signed::unsigned(content)?;
        timestamp.sign(online.timestamp).await?;
        files.timestamp = added.put(&timestamp);
        let documents: BTreeMap<[u8; 32], Vec<u8>> = change
            .documents
            .into_iter()
            .map(|document| (Sha256::digest(&document).into(), document))
            .collect();
        files.documents.extend(documents.clone());

        let repository = Repository::verify(files, trusted)?;
        if let Some(current) = current {
            repository.require_after(current)?;
        }
        if let Some(role) = repository.expired(context.now).first() {
            return Err(UpdateError::Expired(*role));
        }
        Ok(Self {
            after,
            metadata: added.0,
            documents,
            repository,
        })
    }

    /// Returns the version of timestamp that this comes after: `None` if there is no repository
    /// yet. If another is the newest, somebody else has published.
    #[must_use]
    pub fn after(&self) -> Option<MetadataVersion> {
        self.after
    }

    /// Returns the metadata to add.
    #[must_use]
    pub fn metadata(&self) -> &[(Role, MetadataVersion, Vec<u8>)] {
        &self.metadata
    }

    /// Returns the documents to add, by SHA-256. Some may be there already.
    #[must_use]
    pub fn documents(&self) -> &BTreeMap<[u8; 32], Vec<u8>> {
        &self.documents
    }

    /// Returns the repository that comes of it.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }
}

#[derive(Default)]
struct Added(Vec<(Role, MetadataVersion, Vec<u8>)>);

impl Added {
    fn put<T: Metadata>(&mut self, signed: &Signed<T>) -> Vec<u8> {
        let bytes = signed.to_bytes();
        self.0.push((T::ROLE, signed.version(), bytes.clone()));
        bytes
    }
}

/// What is to be renewed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Renewal {
    /// Whether the snapshot is, besides the timestamp.
    pub snapshot: bool,
}

/// Tells what the server has to renew by itself: what has lived half of its time, or is older than
/// what was published.
#[must_use]
pub fn due(repository: &Repository, context: &Context) -> Option<Renewal> {
    let snapshot = context.is_due(repository.snapshot());
    let timestamp = context.is_due(repository.timestamp());
    (snapshot || timestamp).then_some(Renewal { snapshot })
}

/// Makes the next timestamp, and the next snapshot if it is due. Root and targets stay as they are.
///
/// # Errors
/// [`UpdateError`]: the keys are not those that the root names, or root or targets have expired,
/// which only operators can mend.
pub async fn renew(
    repository: &Repository,
    renewal: Renewal,
    online: OnlineKeys<'_>,
    context: &Context,
) -> Result<Update, UpdateError> {
    let change = Change::default();
    let (current, trusted) = (Some(repository), repository.root());
    Update::make(current, change, renewal.snapshot, trusted, online, context).await
}
