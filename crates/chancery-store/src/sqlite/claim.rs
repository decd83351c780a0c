//! Claiming an SQLite file for this process.
//!
//! SQLite itself lets several processes write to one file. Two that both sign heads of one log
//! would be one mistake away from a fork, so the second is refused: whoever uses `chancery.db`
//! holds the lock of `chancery.db.lock` beside it. The kernel lets go of it when the process ends,
//! however it ends.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chancery_log::StoreError;

use crate::{Access, ConnectError, ConnectOptions};

/// A claim on an SQLite file. It lasts until it is dropped.
pub(crate) struct Claim {
    path: PathBuf,
    /// Device and inode.
    file: (u64, u64),
    /// None for one who only reads, or adds a log beside the one who has it.
    _lock: Option<File>,
}

impl Claim {
    /// Refuses to go on if another file stands where the claimed one did, or none. SQLite would
    /// write to the old one, whose contents are gone when this process ends.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match identity(&self.path) {
            Ok(found) if found == self.file => Ok(()),
            Ok(_) => Err(unavailable(Displaced(self.path.clone()))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                Err(unavailable(Displaced(self.path.clone())))
            }
            Err(e) => Err(unavailable(e)),
        }
    }
}

/// The database file is not the one that was opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} was deleted or replaced while this process had it open; put it back, or stop this process \
     and restore a backup", .0.display()
)]
struct Displaced(PathBuf);

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Claims the file, and makes it if that is asked for. Whoever only reads needs no claim, and makes
/// nothing.
pub(crate) fn claim(path: &Path, options: ConnectOptions) -> Result<Claim, ConnectError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| ConnectError::File(path, error)
    };
    // Before the lock file is made, so that a mistyped path leaves nothing behind.
    let exists = path.try_exists().map_err(failed(path))?;
    let may_make = options.create && options.access == Access::ReadWrite;
    if !exists && !may_make {
        return Err(ConnectError::Missing(path.to_owned()));
    }
    let lock = match options.access {
        Access::ReadOnly | Access::AddLog => None,
        Access::ReadWrite => Some(lock(path)?),
    };
    if !exists {
        make(path).map_err(failed(path))?;
    }
    Ok(Claim {
        path: path.to_owned(),
        file: identity(path).map_err(failed(path))?,
        _lock: lock,
    })
}

/// Makes a file if there is none, name and all.
pub(crate) fn make(path: &Path) -> io::Result<()> {
    open(path)?;
    sync_folder(path)
}

/// Takes the lock beside the file, which no other process may have.
fn lock(path: &Path) -> Result<File, ConnectError> {
    let lock_path = lock_path(path);
    let lock = open(&lock_path).map_err(|e| ConnectError::File(lock_path.clone(), e))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(ConnectError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(ConnectError::File(lock_path, error)),
    }
}

/// Opens a file, made for its owner alone if it is new. SQLite gives its other files the same mode.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Makes the new file's name durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".lock");
    PathBuf::from(name)
}
