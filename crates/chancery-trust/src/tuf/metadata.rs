//! What each role says.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Expires, MetadataError};

/// The version of the specification; clients want major version 1.
const SPEC_VERSION: &str = "1.0.31";

/// A version of metadata, from 1.
pub type MetadataVersion = NonZeroU32;

/// Who signs what.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Says which keys sign each role.
    Root,
    /// Says what the documents are.
    Targets,
    /// Says which version of targets is the newest.
    Snapshot,
    /// Says which version of snapshot is the newest.
    Timestamp,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Root, Self::Targets, Self::Snapshot, Self::Timestamp];

    /// Returns the role's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
        }
    }

    /// The most bytes that clients take: sigstore-java 99 KiB of anything, go-tuf 16 KiB of a
    /// timestamp.
    #[must_use]
    pub fn size_limit(self) -> usize {
        match self {
            Self::Timestamp => 16 * 1024,
            Self::Root | Self::Targets | Self::Snapshot => 99 * 1024,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What all metadata have.
pub trait Metadata: Serialize + DeserializeOwned {
    /// Whose it is.
    const ROLE: Role;
    /// What it begins with.
    fn head(&self) -> &Head;
    /// Whether it is what it should be, besides its shape and its head.
    ///
    /// # Errors
    /// [`MetadataError::Content`] says what is wrong.
    fn check(&self) -> Result<(), MetadataError> {
        Ok(())
    }
}

/// What the metadata of every role begin with.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Head {
    #[serde(rename = "_type")]
    kind: Role,
    spec_version: String,
    /// The version.
    pub version: MetadataVersion,
    /// When they no longer count.
    pub expires: Expires,
}

impl Head {
    pub(super) fn of(role: Role, version: MetadataVersion, expires: Expires) -> Self {
        Self {
            kind: role,
            spec_version: SPEC_VERSION.to_owned(),
            version,
            expires,
        }
    }

    /// Refuses the head of another role, or of a specification that is not known here.
    pub(super) fn check(&self, role: Role) -> Result<(), MetadataError> {
        if self.kind != role {
            return Err(MetadataError::content(role, "it is another role's"));
        }
        if !self.spec_version.starts_with("1.") {
            return Err(MetadataError::content(
                role,
                "it is of another major version of TUF",
            ));
        }
        Ok(())
    }
}

/// What the documents are.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Targets {
    #[serde(flatten)]
    head: Head,
    targets: BTreeMap<String, TargetFile>,
}

/// A document, as targets metadata know it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TargetFile {
    /// Its length in bytes.
    pub length: u64,
    /// Its hashes.
    pub hashes: Hashes,
}

/// One hash only: of several, clients take different ones for the file's name.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Hashes {
    /// SHA-256, in hexadecimal.
    #[serde(with = "hex::serde")]
    pub sha256: [u8; 32],
}

impl TargetFile {
    /// Describes a document.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self {
            length: u64::try_from(content.len()).unwrap_or(u64::MAX),
            hashes: Hashes {
                sha256: Sha256::digest(content).into(),
            },
        }
    }

    /// Returns the name under which a document is served, with consistent snapshots.
    #[must_use]
    pub fn file_name(&self, name: &str) -> String {
        format!("{}.{name}", hex::encode(self.hashes.sha256))
    }
}

impl Targets {
    /// Draws up targets metadata.
    pub fn new<'a>(
        version: MetadataVersion,
        expires: Expires,
        documents: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Self {
        let documents = documents.into_iter();
        Self {
            head: Head::of(Role::Targets, version, expires),
            targets: documents
                .map(|(name, content)| (name.to_owned(), TargetFile::of(content)))
                .collect(),
        }
    }

    /// Returns the documents, by name.
    #[must_use]
    pub fn documents(&self) -> &BTreeMap<String, TargetFile> {
        &self.targets
    }
}

impl Metadata for Targets {
    const ROLE: Role = Role::Targets;

    fn head(&self) -> &Head {
        &self.head
    }

    fn check(&self) -> Result<(), MetadataError> {
        let named = |name: &String| {
            let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            name.bytes().all(letter) && !name.is_empty() && !name.starts_with('.')
        };
        if self.targets.keys().all(named) {
            Ok(())
        } else {
            let what = "a document's name is not letters, digits, points and lines";
            Err(MetadataError::content(Self::ROLE, what))
        }
    }
}

/// Which version of a file is the newest.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct MetaFile {
    version: MetadataVersion,
}

/// Which version of targets is the newest.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Snapshot {
    #[serde(flatten)]
    head: Head,
    meta: SnapshotMeta,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct SnapshotMeta {
    #[serde(rename = "targets.json")]
    targets: MetaFile,
}

impl Snapshot {
    /// Draws up snapshot metadata.
    #[must_use]
    pub fn new(version: MetadataVersion, expires: Expires, targets: MetadataVersion) -> Self {
        Self {
            head: Head::of(Role::Snapshot, version, expires),
            meta: SnapshotMeta {
                targets: MetaFile { version: targets },
            },
        }
    }

    /// Returns the version of targets.
    #[must_use]
    pub fn targets(&self) -> MetadataVersion {
        self.meta.targets.version
    }
}

impl Metadata for Snapshot {
    const ROLE: Role = Role::Snapshot;

    fn head(&self) -> &Head {
        &self.head
    }
}

/// Which version of snapshot is the newest.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Timestamp {
    #[serde(flatten)]
    head: Head,
    meta: TimestampMeta,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct TimestampMeta {
    #[serde(rename = "snapshot.json")]
    snapshot: MetaFile,
}

impl Timestamp {
    /// Draws up timestamp metadata.
    #[must_use]
    pub fn new(version: MetadataVersion, expires: Expires, snapshot: MetadataVersion) -> Self {
        Self {
            head: Head::of(Role::Timestamp, version, expires),
            meta: TimestampMeta {
                snapshot: MetaFile { version: snapshot },
            },
        }
    }

    /// Returns the version of snapshot.
    #[must_use]
    pub fn snapshot(&self) -> MetadataVersion {
        self.meta.snapshot.version
    }
}

impl Metadata for Timestamp {
    const ROLE: Role = Role::Timestamp;

    fn head(&self) -> &Head {
        &self.head
    }
}
