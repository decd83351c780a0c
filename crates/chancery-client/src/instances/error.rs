//! What can go wrong with instances, by who is at fault.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chancery_trust::documents::TrustedRootError;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::update::Fault;
use super::{DownloadError, InstanceName, InstanceNameError, InstanceUrl, RootChecksum};

/// The folder, or a file in it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system refuses.
    #[error("{}", .path.display())]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds something else than what was written.
    #[error("{} is damaged, or was written by a newer version: remove it, or type `chancery client remove NAME`, and set the instance up again", .path.display())]
    Content {
        /// Which file.
        path: PathBuf,
    },
    /// Another process does not let go.
    #[error("another process has held {} for 45 seconds", .path.display())]
    Busy {
        /// The file that is locked.
        path: PathBuf,
    },
}

impl FolderError {
    pub(super) fn new(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::File { path, source }
    }

    /// The folder for temporary files cannot be used.
    pub(super) fn temporary(source: io::Error) -> Self {
        Self::new(&std::env::temp_dir(), source)
    }
}

/// Metadata that must not be believed.
#[derive(Debug, thiserror::Error)]
pub enum RefusedMetadata {
    /// They are not signed as they must be, older than what was seen, or not what they are said to
    /// be.
    #[error(transparent)]
    Tuf(Box<tough::error::Error>),
    /// They let others sign targets, which no Chancery does: what such a role is called could be
    /// taken for another file of the repository.
    #[error("the targets metadata delegate to other roles, which no Chancery's do")]
    Delegated,
    /// They name no trusted root.
    #[error("there is no trusted_root.json among what is signed")]
    NoTrustedRoot,
    /// What is signed as the trusted root is none that is read here.
    #[error("the trusted_root.json that is signed cannot be read")]
    TrustedRoot(#[source] TrustedRootError),
    /// A file is no text.
    #[error("{0} is not text")]
    NotText(String),
}

/// Why what an instance publishes cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The instance could not be asked.
    #[error("{url} cannot be asked now")]
    Away {
        /// The instance.
        url: InstanceUrl,
        /// Why.
        source: DownloadError,
    },
    /// This machine's clock went back, so that expired metadata could look good again.
    #[error("{}", clock(.name, *.seen))]
    Clock {
        /// The instance.
        name: InstanceName,
        /// A time that the clock was past when the instance was last asked.
        seen: SystemTime,
    },
    /// What it publishes has expired.
    #[error(
        "{url} publishes {role} metadata that have expired: whoever runs it has to renew them, or \
         this machine's clock is wrong"
    )]
    Expired {
        /// The instance.
        url: InstanceUrl,
        /// Whose metadata.
        role: String,
    },
    /// What it publishes must not be believed.
    #[error("what {url} publishes is refused")]
    Refused {
        /// The instance.
        url: InstanceUrl,
        /// Why.
        source: RefusedMetadata,
    },
    /// The folder for temporary files cannot be used.
    #[error(transparent)]
    Temporary(FolderError),
}

impl UpdateError {
    pub(super) fn new(fault: Fault, name: &InstanceName, url: &InstanceUrl) -> Self {
        let (name, url) = (name.clone(), url.clone());
        match fault {
            Fault::Away(source) => Self::Away { url, source },
            Fault::Clock(seen) => {
                let seen = seen.into();
                Self::Clock { name, seen }
            }
            Fault::Expired(role) => {
                let role = role.to_string();
                Self::Expired { url, role }
            }
            Fault::Local(error) => Self::Temporary(FolderError::temporary(error)),
            Fault::Refused(source) => Self::Refused { url, source },
        }
    }
}

/// Why an instance was not set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The name is that of another instance.
    #[error(
        "{name} is set up already, for {url}: choose another name with --name, or type `chancery \
         client remove {name}` first"
    )]
    Taken {
        /// The name.
        name: InstanceName,
        /// Whose it is.
        url: InstanceUrl,
    },
    /// There is another instance at the URL now, or one that has gone back.
    #[error(
        "what {url} publishes does not follow from what {name} trusts; if it was made anew, type \
         `chancery client remove {name}` first"
    )]
    OtherInstance {
        /// The name.
        name: InstanceName,
        /// The URL.
        url: InstanceUrl,
        /// What does not follow.
        source: RefusedMetadata,
    },
    /// The URL makes no name.
    #[error("the URL makes no name: choose one with --name")]
    NoName(#[source] InstanceNameError),
    /// The instance publishes no root, or is none.
    #[error("{url}tuf/root.json is not there: is this a Chancery that signs what clients trust?")]
    NoRoot {
        /// Its URL.
        url: String,
    },
    /// The root is not the one whose checksum was given.
    #[error(
        "the root at {url} has the checksum {found}, not {expected}, and no earlier version has it. \
         Compare with what whoever runs it says (`chancery trust root-checksum`); if that is \
         {expected}, somebody has changed what reaches you"
    )]
    OtherRoot {
        /// The instance.
        url: InstanceUrl,
        /// The newest root's.
        found: RootChecksum,
        /// What was given.
        expected: RootChecksum,
    },
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What the instance publishes cannot be used.
    #[error(transparent)]
    Update(#[from] UpdateError),
}

/// Why there is nothing to trust.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// No instance is set up.
    #[error(
        "no instance is set up: type `chancery client setup URL --root-checksum CHECKSUM`, as your \
         instance's page says and its operator confirms, or name a file with --trusted-root"
    )]
    NothingSetUp,
    /// Instances are set up, and none is the default.
    #[error("none of the instances is the default: say --instance NAME, or type `chancery client use NAME` with one of {}", listed(.known))]
    NoDefault {
        /// Which there are.
        known: Vec<InstanceName>,
    },
    /// There is no such instance.
    #[error("no instance is called {name}: {}", others(.known))]
    Unknown {
        /// What was asked for.
        name: InstanceName,
        /// Which there are.
        known: Vec<InstanceName>,
    },
    /// What is kept has expired, and the instance cannot be asked for newer.
    #[error(
        "the {role} metadata of {name} that were fetched last have expired, and newer ones cannot \
         be had from {url}"
    )]
    ExpiredOffline {
        /// The instance.
        name: InstanceName,
        /// Its URL.
        url: InstanceUrl,
        /// Whose metadata.
        role: String,
        /// Why there are no newer ones.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is kept is no longer to be believed, and the instance cannot be asked for newer.
    #[error("what is kept of {name} does not verify, and newer cannot be had: {why}")]
    RefusedOffline {
        /// The instance.
        name: InstanceName,
        /// Why the instance was not asked with success.
        why: String,
        /// What is wrong with what is kept.
        source: RefusedMetadata,
    },
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What the instance publishes cannot be used.
    #[error(transparent)]
    Update(#[from] UpdateError),
}

fn clock(name: &InstanceName, seen: SystemTime) -> String {
    let seen = OffsetDateTime::from(seen).truncate_to_second();
    let seen = seen.format(&Rfc3339);
    let seen = seen.unwrap_or_default();
    format!(
        "this machine's clock is behind: when {name} was last asked, it was past {seen}. Set it \
         right; if it is right now and was ahead then, type `chancery client remove {name}` and \
         set {name} up again"
    )
}

fn listed(names: &[InstanceName]) -> String {
    let names: Vec<_> = names.iter().map(InstanceName::as_str).collect();
    names.join(", ")
}

fn others(names: &[InstanceName]) -> String {
    match names.is_empty() {
        true => "none is set up; type `chancery client setup URL --root-checksum CHECKSUM`".into(),
        false => format!("there are {}", listed(names)),
    }
}
