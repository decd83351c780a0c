//! Instances that somebody trusts, by names, in a folder: each begins with a TUF root whose checksum
//! was compared, and is kept fresh from there.
//!
//! ```text
//! FOLDER/default                 the name of the default instance
//! FOLDER/instances/NAME.json     its URL, root, newest metadata and documents, in one file
//! ```
//!
//! Nothing in the folder is secret. Whoever can write to it decides what is trusted.
//!
//! ```no_run
//! use chancery_client::instances::{Instances, Setup};
//! use chancery_client::sign::SigningServices;
//! use chancery_client::trust::TrustMaterial;
//! use chancery_client::verify::Verifier;
//!
//! # async fn use_it() -> Result<(), Box<dyn std::error::Error>> {
//! let instances = Instances::in_folder("/var/lib/my-program/chancery");
//! // Once. The checksum comes from whoever runs the instance, and not from its server.
//! let setup = Setup {
//!     url: "https://ca.example.org".parse()?,
//!     checksum: "8f0db3b1b5a7d1d7b5b6ad7bbd2b3c5aadf2b1bc29d27a28d02d0be9c4b5ad55".parse()?,
//!     name: None,
//! };
//! instances.setup(&setup).await?;
//!
//! // From then on. The instance is asked when some hours have passed, and may be away.
//! let trust = instances.trust(None).await?;
//! if let Some(stale) = trust.stale() {
//!     eprintln!("{} could not be asked: {}", trust.instance().url, stale.why);
//! }
//! let verifier = Verifier::new(TrustMaterial::of(trust.trusted_root()));
//! let config = trust.signing_config().ok_or("nothing is signed there")?;
//! let services = SigningServices::choose(config, std::time::SystemTime::now())?;
//! # Ok(())
//! # }
//! ```

mod address;
mod chain;
mod checksum;
mod download;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod lock;
mod name;
mod record;
mod setup;
mod source;
mod trust;
mod update;
mod updating;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

pub use address::{InstanceUrl, InstanceUrlError};
pub use checksum::{RootChecksum, RootChecksumError};
pub use download::DownloadError;
pub use error::{FolderError, RefusedMetadata, SetupError, TrustError, UpdateError};
pub use name::{InstanceName, InstanceNameError};
pub use setup::Setup;
pub use trust::{Stale, Trust};

use lock::Lock;
use record::Record;

/// After how long the instance is asked again. Its timestamps last for a week, and a change that is
/// planned, such as a new log, is published two days before it counts.
const FRESH: Duration = Duration::from_hours(6);

/// The instances in one folder. Several processes may use it at once.
#[derive(Clone, Debug)]
pub struct Instances {
    folder: PathBuf,
    fresh: Duration,
}

/// An instance as it is kept.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its name here.
    pub name: InstanceName,
    /// Its base URL.
    pub url: InstanceUrl,
    /// The checksum with which it was set up.
    pub checksum: RootChecksum,
    /// When it was last asked with success.
    pub updated: Option<SystemTime>,
}

/// What there is in the folder.
#[derive(Debug, Default)]
pub struct Listing {
    /// The instances, by their names.
    pub instances: Vec<Instance>,
    /// What cannot be read, by name. It can be removed.
    pub damaged: Vec<(InstanceName, FolderError)>,
}

impl Instances {
    /// Takes the folder, which need not be there yet.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            fresh: FRESH,
        }
    }

    /// Asks an instance again after another time than six hours; `ZERO` asks each time. One that could
    /// not be asked is left alone for ten minutes, and never for longer than this.
    #[must_use]
    pub fn fresh_for(mut self, fresh: Duration) -> Self {
        self.fresh = fresh;
        self
    }

    /// Lists the instances by their names. Nothing is verified and nobody is asked.
    ///
    /// # Errors
    /// [`FolderError`] if the folder cannot be read.
    pub fn list(&self) -> Result<Listing, FolderError> {
        let mut listing = Listing::default();
        for name in self.names()? {
            match self.read(&name) {
                Ok(Some(record)) => listing.instances.push(record.describe(name)),
                // It was removed meanwhile.
                Ok(None) => {}
                Err(error) => listing.damaged.push((name, error)),
            }
        }
        Ok(listing)
    }

    /// Returns the names of which there is a record, which may be damaged.
    fn names(&self) -> Result<Vec<InstanceName>, FolderError> {
        let folder = self.records();
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(FolderError::new(&folder, error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| FolderError::new(&folder, e))?;
            let file = entry.file_name();
            let name = file.to_str().and_then(|file| file.strip_suffix(".json"));
            if let Some(Ok(name)) = name.map(str::parse::<InstanceName>) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Returns the name of the default instance; `None` if there is none.
    ///
    /// # Errors
    /// [`FolderError`] if the folder cannot be read.
    pub fn default_name(&self) -> Result<Option<InstanceName>, FolderError> {
        let path = self.default_file();
        match std::fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse() {
                Ok(name) => Ok(Some(name)),
                Err(_) => Err(FolderError::Content { path }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FolderError::new(&path, error)),
        }
    }

    /// Makes an instance the default.
    ///
    /// # Errors
    /// [`TrustError::Unknown`] if there is none of that name; [`TrustError::Folder`].
    pub fn make_default(&self, name: &InstanceName) -> Result<(), TrustError> {
        self.find(Some(name))?;
        Ok(self.write_default(name)?)
    }

    /// Forgets an instance, even if its record cannot be read. If it is the default, there is none
    /// afterwards.
    ///
    /// # Errors
    /// [`TrustError::Unknown`] if there is none of that name; [`TrustError::Folder`].
    pub async fn remove(&self, name: &InstanceName) -> Result<(), TrustError> {
        self.require_record(name)?;
        let _lock = self.lock(name).await?;
        self.require_record(name)?;
        match self.default_name() {
            Ok(default) if default.as_ref() != Some(name) => {}
            // What is damaged is nobody's name.
            Ok(_) | Err(FolderError::Content { .. }) => remove_file(&self.default_file())?,
            Err(error) => return Err(error.into()),
        }
        Ok(remove_file(&self.record_file(name))?)
    }

    fn require_record(&self, name: &InstanceName) -> Result<(), TrustError> {
        let known = self.names()?;
        match known.contains(name) {
            true => Ok(()),
            false => Err(TrustError::Unknown {
                name: name.clone(),
                known,
            }),
        }
    }

    /// Finds an instance by its name, or the default one.
    fn find(&self, name: Option<&InstanceName>) -> Result<(InstanceName, Record), TrustError> {
        let name = match name {
            Some(name) => name.clone(),
            None => match self.default_name()? {
                Some(name) => name,
                None => {
                    let known = self.names()?;
                    return Err(match known.is_empty() {
                        true => TrustError::NothingSetUp,
                        false => TrustError::NoDefault { known },
                    });
                }
            },
        };
        match self.read(&name)? {
            Some(record) => Ok((name, record)),
            None => {
                let known = self.names()?;
                Err(TrustError::Unknown { name, known })
            }
        }
    }

    fn read(&self, name: &InstanceName) -> Result<Option<Record>, FolderError> {
        Record::read(&self.record_file(name))
    }

    async fn lock(&self, name: &InstanceName) -> Result<Lock, FolderError> {
        Lock::of(&self.records(), name.as_str()).await
    }

    fn write_default(&self, name: &InstanceName) -> Result<(), FolderError> {
        record::replace(&self.default_file(), format!("{name}\n").as_bytes())
    }

    fn default_file(&self) -> PathBuf {
        self.folder.join("default")
    }

    fn records(&self) -> PathBuf {
        self.folder.join("instances")
    }

    fn record_file(&self, name: &InstanceName) -> PathBuf {
        record::file_in(&self.records(), name.as_str())
    }
}

impl Record {
    fn describe(&self, name: InstanceName) -> Instance {
        Instance {
            name,
            url: self.url.clone(),
            checksum: self.checksum,
            updated: self.known.at.map(SystemTime::from),
        }
    }
}

fn remove_file(path: &Path) -> Result<(), FolderError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FolderError::new(path, error)),
        _ => Ok(()),
    }
}
