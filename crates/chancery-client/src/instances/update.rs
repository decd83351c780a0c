//! The client's part of TUF, by `tough`: from a trusted root to the documents that it leads to.
//!
//! <https://theupdateframework.github.io/specification/v1.0.31/#detailed-client-workflow>

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chancery_trust::documents::{SIGNING_CONFIG, TRUSTED_ROOT, TrustedRoot};
use tempfile::TempDir;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tough::schema::RoleType;
use tough::{IntoVec as _, Limits, Repository, RepositoryLoader, TargetName};
use url::Url;

use super::RefusedMetadata;
use super::chain;
use super::download::DownloadError;
use super::source::{Files, Source};

/// How long all files together may take.
pub(super) const ALL: Duration = Duration::from_secs(20);
/// By how much this machine's clock may have been set back since the last update.
const CLOCK: Duration = Duration::from_mins(5);
const LIMITS: Limits = Limits {
    max_root_size: 512 << 10,
    max_targets_size: 4 << 20,
    max_timestamp_size: 64 << 10,
    max_snapshot_size: 4 << 20,
    max_root_updates: 256,
};
const ROLES: [&str; 3] = ["timestamp", "snapshot", "targets"];

/// What is trusted at the beginning of an update.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// Root metadata, as they were served.
    pub(super) root: String,
    /// Timestamp, snapshot and targets metadata and the documents, which must not become older; none
    /// before the first update.
    pub(super) files: Files,
    /// When they were seen.
    pub(super) at: Option<OffsetDateTime>,
}

impl Known {
    /// A root, and nothing that came after it.
    pub(super) fn of_root(root: String) -> Self {
        Self {
            root,
            files: Files::new(),
            at: None,
        }
    }

    /// Takes a newer root. Where it has other keys for timestamp or snapshot, what these roles said
    /// is forgotten: whoever had the old keys may have signed versions so high that no later one is
    /// ever newer (section 5.3.11 of the specification).
    pub(super) fn with_root(&self, root: String) -> Self {
        let mut files = self.files.clone();
        if !chain::same_online_keys(&self.root, &root) {
            files.retain(|name, _| !is_of(name, "timestamp") && !is_of(name, "snapshot"));
        }
        let at = self.at;
        Self { root, files, at }
    }
}

/// A repository that was verified, and has not expired.
#[derive(Clone, Debug)]
pub(super) struct Updated {
    pub(super) known: Known,
    pub(super) root_version: u64,
    /// When the first of its metadata expires.
    pub(super) expires: OffsetDateTime,
    pub(super) documents: Documents,
}

/// The documents that clients are configured with, as the targets metadata name them.
#[derive(Clone, Debug)]
pub(super) struct Documents {
    pub(super) trusted_root: TrustedRoot,
    /// From which `trusted_root` was read.
    pub(super) trusted_root_json: Vec<u8>,
    pub(super) signing_config: Option<Vec<u8>>,
}

/// Why there is no repository to trust.
#[derive(Debug)]
pub(super) enum Fault {
    /// A file could not be had.
    Away(DownloadError),
    /// The metadata of this role have expired.
    Expired(RoleType),
    /// This machine's clock was past this time before, and no longer is.
    Clock(OffsetDateTime),
    /// There is something that must not be believed.
    Refused(RefusedMetadata),
    /// A file or the folder for the update could not be written or read.
    Local(io::Error),
}

/// Updates from what is known. What fails may still have led to a newer root: it is the second
/// value, and to be trusted from then on, since those before it may be the very ones that were
/// replaced because somebody has their keys.
pub(super) async fn update(
    known: &Known,
    source: Source,
) -> Result<Updated, (Fault, Option<String>)> {
    let folder = match datastore(known) {
        Ok(folder) => folder,
        Err(error) => return Err((Fault::Local(error), None)),
    };
    let asked = tokio::time::timeout(ALL, load(known, &source, folder.path())).await;
    let brought = source.take();
    let newest = chain::newest(&known.root, &brought.files);
    match (asked, brought.failure) {
        (Ok(Ok(loaded)), _) => loaded
            .into_updated(known, newest.as_ref(), &brought.files)
            .map_err(|fault| (fault, newest)),
        (Ok(Err(_)), Some(failure)) => Err((Fault::Away(failure), newest)),
        (Ok(Err(fault)), None) => Err((fault, newest)),
        (Err(_), _) => {
            let url = source.base().to_owned();
            Err((Fault::Away(DownloadError::Slow { url, limit: ALL }), newest))
        }
    }
}

/// A repository that was verified, and its documents.
struct Loaded {
    root_version: u64,
    expires: OffsetDateTime,
    documents: Documents,
}

async fn load(known: &Known, source: &Source, datastore: &Path) -> Result<Loaded, Fault> {
    let base = source.base();
    let url = |text: &str| Url::parse(text).map_err(|e| Fault::Local(io::Error::other(e)));
    let (metadata, targets) = (url(base)?, url(&format!("{base}targets/"))?);
    let repository = RepositoryLoader::new(&known.root, metadata, targets)
        .transport(source.clone())
        .limits(LIMITS)
        .datastore(datastore)
        .load()
        .await?;
    let delegations = &repository.targets().signed.delegations;
    if delegations.as_ref().is_some_and(|d| !d.roles.is_empty()) {
        return Err(Fault::Refused(RefusedMetadata::Delegated));
    }
    let expiries = [
        repository.root().signed.expires,
        repository.timestamp().signed.expires,
        repository.snapshot().signed.expires,
        repository.targets().signed.expires,
    ];
    let expires = expiries.map(|expires| OffsetDateTime::from(SystemTime::from(expires)));
    let first = expires
        .into_iter()
        .min()
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    Ok(Loaded {
        root_version: repository.root().signed.version.get(),
        expires: first,
        documents: documents(&repository).await?,
    })
}

async fn documents(repository: &Repository) -> Result<Documents, Fault> {
    let json = document(repository, TRUSTED_ROOT).await?;
    let json = json.ok_or(Fault::Refused(RefusedMetadata::NoTrustedRoot))?;
    let read = TrustedRoot::parse(&json);
    Ok(Documents {
        trusted_root: read.map_err(|e| Fault::Refused(RefusedMetadata::TrustedRoot(e)))?,
        trusted_root_json: json,
        signing_config: document(repository, SIGNING_CONFIG).await?,
    })
}

/// Reads a document whose length and hash are as the targets metadata say; `None` if they name none.
async fn document(repository: &Repository, name: &str) -> Result<Option<Vec<u8>>, Fault> {
    let name = TargetName::new(name)?;
    match repository.read_target(&name).await? {
        Some(stream) => Ok(Some(stream.into_vec().await?)),
        None => Ok(None),
    }
}

impl Loaded {
    /// Keeps the newest root and every other file that was brought.
    fn into_updated(
        self,
        known: &Known,
        newest: Option<&String>,
        brought: &BTreeMap<String, Bytes>,
    ) -> Result<Updated, Fault> {
        let files = brought.iter().filter(|(name, _)| !is_root(name));
        let files = files.map(|(name, bytes)| Ok((name.clone(), text(name, bytes)?)));
        Ok(Updated {
            known: Known {
                root: newest.unwrap_or(&known.root).clone(),
                files: files.collect::<Result<_, Fault>>()?,
                at: Some(OffsetDateTime::now_utc().truncate_to_second()),
            },
            root_version: self.root_version,
            expires: self.expires,
            documents: self.documents,
        })
    }
}

/// Puts what is known where `tough` compares with it.
fn datastore(known: &Known) -> io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for (name, text) in &known.files {
        let role = ROLES.iter().find(|role| is_of(name, role));
        if let Some(role) = role {
            std::fs::write(folder.path().join(format!("{role}.json")), text)?;
        }
    }
    if let Some(time) = known.at.and_then(|at| (at - CLOCK).format(&Rfc3339).ok()) {
        let text = serde_json::Value::String(time).to_string();
        std::fs::write(folder.path().join("latest_known_time.json"), text)?;
    }
    Ok(folder)
}

fn text(name: &str, bytes: &Bytes) -> Result<String, Fault> {
    let text = String::from_utf8(bytes.to_vec());
    text.map_err(|_| Fault::Refused(RefusedMetadata::NotText(name.to_owned())))
}

fn is_root(name: &str) -> bool {
    is_of(name, "root")
}

/// Tells whether a path is of a role's metadata: `snapshot.json`, or with its version before it.
fn is_of(name: &str, role: &str) -> bool {
    let Some(version) = name
        .strip_suffix(".json")
        .and_then(|n| n.strip_suffix(role))
    else {
        return false;
    };
    let digits = version.strip_suffix('.').unwrap_or(version);
    digits.chars().all(|c| c.is_ascii_digit())
}

impl From<tough::error::Error> for Fault {
    fn from(error: tough::error::Error) -> Self {
        match error {
            tough::error::Error::ExpiredMetadata { role, .. } => Self::Expired(role),
            tough::error::Error::SystemTimeSteppedBackward {
                latest_known_time, ..
            } => Self::Clock(SystemTime::from(latest_known_time).into()),
            other => Self::Refused(RefusedMetadata::Tuf(Box::new(other))),
        }
    }
}
