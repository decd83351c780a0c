//! One process at a time changes what is kept of an instance.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::FolderError;
use super::record::make_folder;

/// How long another process is waited for: longer than fetching a root and an update may take.
const LONGEST: Duration = Duration::from_secs(45);
const PAUSE: Duration = Duration::from_millis(20);

/// Held while an instance is changed. The kernel lets go of it if the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until no other process changes the instance.
    ///
    /// # Errors
    /// [`FolderError`] if the folder cannot be written to, or another process takes too long.
    pub(super) async fn of(folder: &Path, name: &str) -> Result<Self, FolderError> {
        let path = folder.join(format!(".{name}.lock"));
        make_folder(folder).map_err(|e| FolderError::new(folder, e))?;
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|e| FolderError::new(&path, e))?;
        let deadline = Instant::now() + LONGEST;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(TryLockError::WouldBlock) => return Err(FolderError::Busy { path }),
                Err(TryLockError::Error(error)) => return Err(FolderError::new(&path, error)),
            }
        }
    }
}
