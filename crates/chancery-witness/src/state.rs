//! What a witness must never forget: the latest checkpoint that it cosigned of each log, in files.
//!
//! ```text
//! <folder>/lock                                  held by the one process that witnesses
//! <folder>/<hex(SHA-256(origin))>.checkpoint     the checkpoint with its lines, the witness's last
//! ```
//! A file is replaced whole and made durable before anybody is told of the cosignature in it. The
//! witness's own line is what tells a damaged file from a whole one.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chancery_tlog::{Checkpoint, Origin, SignedNote, TreeHead, VerifierKey};
use sha2::{Digest, Sha256};

use crate::verify::{BadCosignature, CosignatureKey};

/// The files of a witness, locked against other processes.
#[derive(Debug)]
pub struct WitnessState {
    folder: PathBuf,
    // Kept open: closing it gives the lock away.
    _lock: File,
}

/// A checkpoint that the witness has cosigned.
#[derive(Clone, Debug)]
pub(crate) struct Cosigned {
    pub(crate) head: TreeHead,
    pub(crate) note: String,
}

/// Why the files of a witness were not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenStateError {
    /// A file is not what this witness has written.
    #[error(
        "{} is damaged, or another witness's: {fault}. Put back the newest copy that there is: \
         without it the witness forgets what it has seen of the log",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// Another process uses the folder.
    #[error("another process witnesses with {}", .0.display())]
    InUse(PathBuf),
    /// The files could not be read or made.
    #[error(transparent)]
    Io(#[from] StateError),
    /// The key is no witness's.
    #[error(transparent)]
    Key(#[from] BadCosignature),
}

/// Why something was not read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {}", path.display())]
pub struct StateError {
    /// The file or folder.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl WitnessState {
    /// Opens or makes the folder, and locks it.
    ///
    /// # Errors
    ///
    /// When another process has it, or it cannot be used.
    pub fn open(folder: &Path) -> Result<Self, OpenStateError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| StateError { path, source }
        };
        create_durably(folder).map_err(failed(folder))?;
        let path = folder.join("lock");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let lock = options.open(&path).map_err(failed(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                folder: folder.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(OpenStateError::InUse(folder.to_owned())),
            Err(TryLockError::Error(e)) => Err(failed(&path)(e).into()),
        }
    }

    /// Reads what the witness with this key has cosigned of these logs.
    pub(crate) fn load<'o>(
        &self,
        origins: impl Iterator<Item = &'o Origin>,
        key: &VerifierKey,
    ) -> Result<HashMap<Origin, Cosigned>, OpenStateError> {
        let key = CosignatureKey::new(key)?;
        let mut loaded = HashMap::new();
        for origin in origins {
            let path = self.path(origin);
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(StateError { path, source }.into()),
            };
            let cosigned = read(&bytes, origin, &key);
            let cosigned = cosigned.map_err(|fault| OpenStateError::Damaged { path, fault })?;
            loaded.insert(origin.clone(), cosigned);
        }
        Ok(loaded)
    }

    /// Replaces a log's file; durable when this returns.
    pub(crate) fn save(&self, origin: &Origin, note: &str) -> Result<(), StateError> {
        let path = self.path(origin);
        let new = path.with_extension("new");
        let written = write(&new, note.as_bytes())
            .and_then(|()| fs::rename(&new, &path))
            .and_then(|()| File::open(&self.folder)?.sync_all());
        written.map_err(|source| StateError { path, source })
    }

    fn path(&self, origin: &Origin) -> PathBuf {
        self.folder
            .join(format!("{}.checkpoint", origin_hash(origin)))
    }
}

/// Returns the name of a log in a witness's URLs: SHA-256 of its origin in lower-case hex.
pub(crate) fn origin_hash(origin: &Origin) -> String {
    hex::encode(Sha256::digest(origin.as_str().as_bytes()))
}

/// Makes the folder and those above it that are missing. A folder that a crash takes back would take
/// along all that was made durable in it.
fn create_durably(folder: &Path) -> io::Result<()> {
    let folder = std::path::absolute(folder)?;
    let missing: Vec<_> = folder.ancestors().take_while(|f| !f.exists()).collect();
    fs::create_dir_all(&folder)?;
    for made in missing {
        if let Some(above) = made.parent() {
            File::open(above)?.sync_all()?;
        }
    }
    Ok(())
}

fn read(bytes: &[u8], origin: &Origin, key: &CosignatureKey) -> Result<Cosigned, String> {
    let note = SignedNote::parse(bytes).map_err(|e| e.to_string())?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|e| e.to_string())?;
    if checkpoint.origin != *origin {
        return Err(format!("it is of the log {}", checkpoint.origin));
    }
    let line = note.signatures().iter().find(|line| key.made(line));
    let line = line.ok_or_else(|| "it has no line by this witness".to_owned())?;
    key.verify(note.text(), line).map_err(|e| e.to_string())?;
    Ok(Cosigned {
        head: checkpoint.head,
        note: note.encode(),
    })
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true).mode(0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
