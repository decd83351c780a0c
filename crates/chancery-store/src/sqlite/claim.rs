//! Claiming an SQLite file for this process.
//!
//! SQLite itself lets several processes write to one file. Two that both sign heads of one log
//! would be one mistake away from a fork, so the second is refused: whoever uses `chancery.db`
//! holds the lock of `chancery.db.lock` beside it. The kernel lets go of it when the process ends,
//! however it ends.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::{ConnectError, ConnectOptions};

/// Claims the file, and makes it if that is asked for. The claim lasts as long as what is
/// returned.
pub(crate) fn claim(path: &Path, options: ConnectOptions) -> Result<File, ConnectError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| ConnectError::File(path, error)
    };
    // Before the lock file is made, so that a mistyped path leaves nothing behind.
    let exists = path.try_exists().map_err(failed(path))?;
    if !exists && !options.create {
        return Err(ConnectError::Missing(path.to_owned()));
    }

    let lock_path = lock_path(path);
    let lock = open(&lock_path).map_err(failed(&lock_path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(ConnectError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => return Err(ConnectError::File(lock_path, error)),
    }
    if !exists {
        open(path)
            .and_then(|_| sync_folder(path))
            .map_err(failed(path))?;
    }
    Ok(lock)
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
