//! What is kept of an instance: one file, which is replaced whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::source::Files;
use super::update::{Known, Updated};
use super::{FolderError, InstanceUrl, RootChecksum};

/// The version of the file's format.
const FORMAT: u32 = 1;
/// The most bytes of the file: several files as large as one may be.
const MOST: u64 = 32 << 20;

/// What is kept of an instance.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) url: InstanceUrl,
    /// What somebody compared when the instance was set up.
    pub(super) checksum: RootChecksum,
    pub(super) known: Known,
    /// The last time that the instance was asked, if it could not be.
    pub(super) failed: Option<Failed>,
}

/// That an instance was asked in vain.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    pub(super) at: OffsetDateTime,
    /// What stood in the way, in words.
    pub(super) why: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    url: String,
    root_checksum: String,
    /// RFC 3339.
    updated: Option<String>,
    root: String,
    files: Files,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<WrittenFailed>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenFailed {
    /// RFC 3339.
    at: String,
    why: String,
}

impl Record {
    /// Reads what is kept; `None` if nothing is.
    ///
    /// # Errors
    /// [`FolderError`] if it cannot be read, or is not what was written.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, FolderError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FolderError::new(path, error)),
        };
        let mut text = String::new();
        let read = file.take(MOST).read_to_string(&mut text);
        read.map_err(|e| FolderError::new(path, e))?;
        Self::parse(&text).map(Some).ok_or_else(|| {
            let path = path.to_owned();
            FolderError::Content { path }
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let written: Written = serde_json::from_str(text).ok()?;
        let at = match written.updated {
            Some(text) => Some(OffsetDateTime::parse(&text, &Rfc3339).ok()?),
            None => None,
        };
        let failed = match written.failed {
            Some(WrittenFailed { at, why }) => {
                let at = OffsetDateTime::parse(&at, &Rfc3339).ok()?;
                Some(Failed { at, why })
            }
            None => None,
        };
        (written.format == FORMAT).then_some(Self {
            url: written.url.parse().ok()?,
            checksum: written.root_checksum.parse().ok()?,
            known: Known {
                root: written.root,
                files: written.files,
                at,
            },
            failed,
        })
    }

    /// Puts the record in its place, whole.
    ///
    /// # Errors
    /// [`FolderError`] if it cannot be written; what was there before is there still.
    pub(super) fn write(&self, path: &Path) -> Result<(), FolderError> {
        let written = Written {
            format: FORMAT,
            url: self.url.to_string(),
            root_checksum: self.checksum.to_string(),
            updated: self.known.at.and_then(|at| at.format(&Rfc3339).ok()),
            root: self.known.root.clone(),
            files: self.known.files.clone(),
            failed: self.failed.as_ref().and_then(Failed::written),
        };
        let text = serde_json::to_vec_pretty(&written);
        let text = text.map_err(|e| FolderError::new(path, e.into()))?;
        replace(path, &text)
    }

    /// Takes over what an update has brought.
    pub(super) fn after(&self, updated: &Updated) -> Self {
        Self {
            known: updated.known.clone(),
            failed: None,
            ..self.clone()
        }
    }

    /// Takes over what an update has brought that failed: a newer root is to be trusted from then on.
    pub(super) fn after_failure(&self, newer: Option<String>) -> Self {
        match newer {
            None => self.clone(),
            Some(root) => Self {
                known: self.known.with_root(root),
                ..self.clone()
            },
        }
    }
}

impl Failed {
    /// Says that it was now.
    pub(super) fn now(why: String) -> Self {
        let at = OffsetDateTime::now_utc().truncate_to_second();
        Self { at, why }
    }

    fn written(&self) -> Option<WrittenFailed> {
        let at = self.at.format(&Rfc3339).ok()?;
        let why = self.why.clone();
        Some(WrittenFailed { at, why })
    }
}

/// Puts a file in its place, whole: readers see what was there before, or all of it.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), FolderError> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let write = || -> io::Result<()> {
        make_folder(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|e| FolderError::new(path, e))
}

/// Makes a folder that nobody else can write to: what is in it is trusted.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Returns the file of an instance in a folder.
pub(super) fn file_in(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}
