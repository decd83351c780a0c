//! A whole repository, verified from a root that is trusted already.

use std::collections::BTreeMap;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::chain::verify_roots;
use super::{
    Expires, Metadata, MetadataError, MetadataVersion, Role, Root, Signed, Snapshot, Targets,
    ThresholdError, Timestamp, Versions,
};

/// What is stored of a repository. Nothing of it is trusted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Files {
    /// Every version of root, from 1.
    pub roots: Vec<Vec<u8>>,
    /// The newest targets metadata.
    pub targets: Vec<u8>,
    /// The newest snapshot metadata.
    pub snapshot: Vec<u8>,
    /// The newest timestamp metadata.
    pub timestamp: Vec<u8>,
    /// The documents, by SHA-256: at least those that the targets metadata name.
    pub documents: BTreeMap<[u8; 32], Vec<u8>>,
}

/// A repository whose every file is signed by the keys that a trusted root leads to. It may have
/// expired: ask [`Repository::expired`].
#[derive(Clone, Debug)]
pub struct Repository {
    roots: Vec<Signed<Root>>,
    targets: Signed<Targets>,
    snapshot: Signed<Snapshot>,
    timestamp: Signed<Timestamp>,
    files: Files,
    /// The newest root apart, so that there always is one.
    root: Signed<Root>,
}

/// Why files are no repository that is to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// A file is no metadata.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// A file is signed by too few.
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
    /// There is another root than the one that is trusted.
    #[error(
        "version {0} of root is not the one that is trusted here: either the database is \
         another instance's, or somebody has put other keys into it"
    )]
    OtherRoot(MetadataVersion),
    /// The trusted root is newer than all that are there.
    #[error(
        "version {trusted} of root is trusted here, and {found} is the newest that is stored: \
         the database is older than what was published"
    )]
    RootMissing {
        /// Which is trusted.
        trusted: MetadataVersion,
        /// How many there are.
        found: usize,
    },
    /// Versions of root are not numbered from 1 without a gap.
    #[error("where version {expected} of root should be, there is {found}")]
    RootVersion {
        /// Which should be there.
        expected: usize,
        /// Which is.
        found: MetadataVersion,
    },
    /// A file is not the one that the file before it names.
    #[error("{by} names version {named} of {role}, and the newest is {found}")]
    OtherVersion {
        /// Whose file names it.
        by: Role,
        /// Whose file is named.
        role: Role,
        /// Which is named.
        named: MetadataVersion,
        /// Which is there.
        found: MetadataVersion,
    },
    /// A document is not there, or not what targets say.
    #[error("{0} is not stored as its targets metadata have it")]
    Document(String),
    /// Something older than what was there before.
    #[error("{role} would go from version {before} to {after}: versions never go back")]
    Rollback {
        /// Whose.
        role: Role,
        /// What was there.
        before: MetadataVersion,
        /// What is there now.
        after: MetadataVersion,
    },
    /// Another file under a version that was published.
    #[error("version {version} of {role} was published with another content")]
    Rewritten {
        /// Whose.
        role: Role,
        /// Which.
        version: MetadataVersion,
    },
}

impl Repository {
    /// Verifies files from a root that is trusted: one of them, byte for byte in what is signed.
    ///
    /// # Errors
    /// [`RepositoryError`] says what does not hold.
    pub fn verify(files: Files, trusted: &Signed<Root>) -> Result<Self, RepositoryError> {
        let roots = files.roots.iter().map(|bytes| Signed::parse(bytes));
        let roots: Vec<Signed<Root>> = roots.collect::<Result<_, _>>()?;
        verify_roots(&roots, trusted)?;
        let root = roots.last().unwrap_or(trusted).clone();
        let timestamp: Signed<Timestamp> = by(&root, &files.timestamp)?;
        let snapshot: Signed<Snapshot> = by(&root, &files.snapshot)?;
        let targets: Signed<Targets> = by(&root, &files.targets)?;
        require_named(Role::Timestamp, timestamp.content().snapshot(), &snapshot)?;
        require_named(Role::Snapshot, snapshot.content().targets(), &targets)?;
        for (name, file) in targets.content().documents() {
            let stored = files.documents.get(&file.hashes.sha256);
            let is_it = |stored: &Vec<u8>| {
                u64::try_from(stored.len()) == Ok(file.length)
                    && Sha256::digest(stored)[..] == file.hashes.sha256
            };
            if !stored.is_some_and(is_it) {
                return Err(RepositoryError::Document(name.clone()));
            }
        }
        Ok(Self {
            roots,
            targets,
            snapshot,
            timestamp,
            files,
            root,
        })
    }

    /// Refuses to come after a repository if anything in it would go back.
    ///
    /// # Errors
    /// [`RepositoryError::Rollback`] and [`RepositoryError::Rewritten`].
    pub fn require_after(&self, before: &Self) -> Result<(), RepositoryError> {
        for (old, new) in before.roots.iter().zip(&self.roots) {
            require_same(old, new)?;
        }
        require_not_before(&before.root, &self.root)?;
        require_not_before(&before.targets, &self.targets)?;
        require_not_before(&before.snapshot, &self.snapshot)?;
        require_not_before(&before.timestamp, &self.timestamp)
    }

    /// Returns the newest root.
    #[must_use]
    pub fn root(&self) -> &Signed<Root> {
        &self.root
    }

    /// Returns every version of root, from 1.
    #[must_use]
    pub fn roots(&self) -> &[Signed<Root>] {
        &self.roots
    }

    /// Returns the newest targets metadata.
    #[must_use]
    pub fn targets(&self) -> &Signed<Targets> {
        &self.targets
    }

    /// Returns the newest snapshot metadata.
    #[must_use]
    pub fn snapshot(&self) -> &Signed<Snapshot> {
        &self.snapshot
    }

    /// Returns the newest timestamp metadata.
    #[must_use]
    pub fn timestamp(&self) -> &Signed<Timestamp> {
        &self.timestamp
    }

    /// Returns a document.
    #[must_use]
    pub fn document(&self, name: &str) -> Option<&[u8]> {
        let file = self.targets.content().documents().get(name)?;
        Some(self.files.documents.get(&file.hashes.sha256)?)
    }

    /// Returns every document that targets name.
    pub fn documents(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let names = self.targets.content().documents().keys();
        names.filter_map(|name| Some((name.as_str(), self.document(name)?)))
    }

    /// Returns the files as they were stored.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Returns the newest version of each role.
    #[must_use]
    pub fn versions(&self) -> Versions {
        Versions {
            root: self.root.version().get(),
            targets: self.targets.version().get(),
            snapshot: self.snapshot.version().get(),
            timestamp: self.timestamp.version().get(),
        }
    }

    /// Returns when each role's metadata expire.
    #[must_use]
    pub fn expiries(&self) -> [(Role, Expires); 4] {
        [
            (Role::Root, self.root.expires()),
            (Role::Targets, self.targets.expires()),
            (Role::Snapshot, self.snapshot.expires()),
            (Role::Timestamp, self.timestamp.expires()),
        ]
    }

    /// Returns the roles whose metadata have expired at a moment: clients refuse all of it then.
    #[must_use]
    pub fn expired(&self, now: SystemTime) -> Vec<Role> {
        let expiries = self.expiries().into_iter();
        let passed = expiries.filter(|(_, expires)| expires.has_passed(now));
        passed.map(|(role, _)| role).collect()
    }

    /// Returns the names under which clients ask for the files, below the repository's URL, with
    /// the files; and `root.json`, a copy of the newest root for people.
    pub fn named_files(&self) -> impl Iterator<Item = (String, &[u8])> {
        let files = &self.files;
        let roots = (1..).zip(&files.roots);
        let roots = roots.map(|(version, bytes)| (format!("{version}.root.json"), &bytes[..]));
        let newest = files
            .roots
            .last()
            .map(|bytes| ("root.json".to_owned(), &bytes[..]));
        let snapshot = format!("{}.snapshot.json", self.snapshot.version());
        let targets = format!("{}.targets.json", self.targets.version());
        let documents = self.targets.content().documents().iter();
        let documents = documents.filter_map(|(name, file)| {
            let content = files.documents.get(&file.hashes.sha256)?;
            Some((format!("targets/{}", file.file_name(name)), &content[..]))
        });
        roots
            .chain(newest)
            .chain([
                ("timestamp.json".to_owned(), &files.timestamp[..]),
                (snapshot, &files.snapshot[..]),
                (targets, &files.targets[..]),
            ])
            .chain(documents)
    }
}

/// Reads metadata that must be signed by the keys that a root has for them.
fn by<T: Metadata>(root: &Signed<Root>, bytes: &[u8]) -> Result<Signed<T>, RepositoryError> {
    let signed = Signed::parse(bytes)?;
    signed.require(&root.content().keys(T::ROLE), T::ROLE.name())?;
    Ok(signed)
}

fn require_named<T: Metadata>(
    by: Role,
    named: MetadataVersion,
    file: &Signed<T>,
) -> Result<(), RepositoryError> {
    if file.version() == named {
        return Ok(());
    }
    Err(RepositoryError::OtherVersion {
        by,
        role: T::ROLE,
        named,
        found: file.version(),
    })
}

fn require_not_before<T: Metadata>(
    before: &Signed<T>,
    after: &Signed<T>,
) -> Result<(), RepositoryError> {
    if after.version() < before.version() {
        return Err(RepositoryError::Rollback {
            role: T::ROLE,
            before: before.version(),
            after: after.version(),
        });
    }
    if after.version() == before.version() {
        require_same(before, after)?;
    }
    Ok(())
}

fn require_same<T: Metadata>(before: &Signed<T>, after: &Signed<T>) -> Result<(), RepositoryError> {
    if before.canonical() == after.canonical() {
        return Ok(());
    }
    Err(RepositoryError::Rewritten {
        role: T::ROLE,
        version: before.version(),
    })
}
