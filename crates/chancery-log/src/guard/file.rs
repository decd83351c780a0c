//! A guard in a file, for processes on one machine.
//!
//! The file has two slots of one disk block each; every move overwrites the older one and syncs,
//! so a torn write leaves the other. A slot is the line of a [`Record`], padded with spaces.
//!
//! A snapshot of the whole machine rolls back database and file together: only a guard elsewhere
//! sees that.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chancery_tlog::TreeHead;

use super::{Advance, Guard, GuardError, Record};

const SLOT_LEN: usize = 4096;

/// How long a move waits for another's. A process that is frozen while it holds the lock must not
/// freeze the others with it.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// A guard in a file. Several processes of one machine may share it: each move holds the file's
/// lock.
#[derive(Debug)]
pub struct FileGuard {
    id: String,
    path: PathBuf,
    // The file's lock is between processes: threads of one process share the open file, and with
    // it the lock.
    file: Arc<Mutex<Opened>>,
}

#[derive(Debug)]
struct Opened {
    file: File,
    /// Whether a write or sync failed. Then what is read back may be in memory only: after a failed
    /// sync the system calls the pages clean, and no later sync writes them.
    unsure: bool,
}

impl Opened {
    fn shared(file: File) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            file,
            unsure: false,
        }))
    }
}

/// Why a guard file was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateGuardError {
    /// There is a file already; a guard is never overwritten.
    #[error("{} exists already, and a guard is never overwritten", .0.display())]
    Exists(PathBuf),
    /// The file could not be written.
    #[error("cannot write the guard {}", .0.display())]
    Io(PathBuf, #[source] io::Error),
}

/// Why a guard file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenGuardError {
    /// Neither slot holds a guard.
    #[error("{} is not a guard file, or both of its slots are damaged", .0.display())]
    Damaged(PathBuf),
    /// The file could not be opened. A missing guard is never made anew: that is what it guards.
    #[error("cannot open the guard {}", .0.display())]
    Io(PathBuf, #[source] io::Error),
}

impl FileGuard {
    /// Makes a guard for an empty log, with a random id, durable when this returns.
    pub fn create(path: &Path) -> Result<Self, CreateGuardError> {
        Self::create_at(path, &TreeHead::EMPTY)
    }

    /// Makes a guard that stands at `head` from the beginning: for a log whose guard was lost. It
    /// notices nothing of what happened before, so whoever calls this vouches for `head`.
    pub fn create_at(path: &Path, head: &TreeHead) -> Result<Self, CreateGuardError> {
        let failed = |e: io::Error| match e.kind() {
            io::ErrorKind::AlreadyExists => CreateGuardError::Exists(path.to_owned()),
            _ => CreateGuardError::Io(path.to_owned(), e),
        };
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;

        let first = Record::first(head);
        let mut contents = slot(&first);
        contents.resize(2 * SLOT_LEN, b' ');
        (&file).write_all(&contents).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;

        Ok(Self {
            id: first.id,
            path: path.to_owned(),
            file: Opened::shared(file),
        })
    }

    /// Opens a guard that [`FileGuard::create`] made.
    pub fn open(path: &Path) -> Result<Self, OpenGuardError> {
        let io = |e| OpenGuardError::Io(path.to_owned(), e);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(io)?;
        let (_, newest) = read_newest(&file, None)
            .map_err(io)?
            .ok_or_else(|| OpenGuardError::Damaged(path.to_owned()))?;
        Ok(Self {
            id: newest.id,
            path: path.to_owned(),
            file: Opened::shared(file),
        })
    }

    /// Runs `act` under the file's lock, off the async threads, with the newest slot.
    async fn locked<T: Send + 'static>(
        &self,
        act: impl FnOnce(&File, u64, Record) -> io::Result<T> + Send + 'static,
    ) -> Result<T, GuardError> {
        let opened = Arc::clone(&self.file);
        let id = self.id.clone();
        let path = self.path.clone();
        // The caller may leave meanwhile; the closure then runs to its end, under both locks.
        let outcome = tokio::task::spawn_blocking(move || {
            let mut opened = retry(|| match opened.try_lock() {
                Ok(opened) => Ok(Some(opened)),
                Err(TryLockError::Poisoned(opened)) => Ok(Some(opened.into_inner())),
                Err(TryLockError::WouldBlock) => Ok(None),
            })?;
            retry(|| match opened.file.try_lock() {
                Ok(()) => Ok(Some(())),
                Err(fs::TryLockError::WouldBlock) => Ok(None),
                Err(fs::TryLockError::Error(e)) => Err(e),
            })?;
            let result =
                in_place(&opened.file, &path).and_then(|()| act_on_newest(&mut opened, &id, act));
            opened.file.unlock()?;
            result
        })
        .await;
        match outcome {
            Ok(Ok(Some(value))) => Ok(value),
            Ok(Ok(None)) => Err(GuardError::Damaged(format!(
                "no readable slot of guard {}",
                self.id
            ))),
            Ok(Err(e)) => Err(GuardError::Unavailable(e)),
            Err(e) => Err(GuardError::Unavailable(io::Error::other(e))),
        }
    }
}

/// Refuses a file that no longer stands at its path: the next process would find another, or none.
fn in_place(file: &File, path: &Path) -> io::Result<()> {
    let (here, there) = (file.metadata()?, fs::metadata(path));
    if there.is_ok_and(|there| (there.dev(), there.ino()) == (here.dev(), here.ino())) {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{} was deleted or replaced while this process had it open; put it back",
        path.display()
    )))
}

/// Repeats `attempt` until it gets what it wants, for [`LOCK_WAIT`] at most.
fn retry<T>(mut attempt: impl FnMut() -> io::Result<Option<T>>) -> io::Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(got) = attempt()? {
            return Ok(got);
        }
        if begun.elapsed() > LOCK_WAIT {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "another process or thread keeps it locked",
            ));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs `act` on the newest slot, which is on the disk by then.
fn act_on_newest<T>(
    opened: &mut Opened,
    id: &str,
    act: impl FnOnce(&File, u64, Record) -> io::Result<T>,
) -> io::Result<Option<T>> {
    let Some((position, newest)) = read_newest(&opened.file, Some(id))? else {
        return Ok(None);
    };
    if opened.unsure {
        // The same bytes again: torn or not, they stay the same.
        write_slot(&opened.file, position, &newest)?;
        opened.unsure = false;
    }
    let result = act(&opened.file, position, newest);
    opened.unsure = result.is_err();
    result.map(Some)
}

fn write_slot(file: &File, position: u64, record: &Record) -> io::Result<()> {
    file.write_all_at(&slot(record), position * SLOT_LEN as u64)?;
    file.sync_data()
}

#[async_trait]
impl Guard for FileGuard {
    fn id(&self) -> &str {
        &self.id
    }

    async fn read(&self) -> Result<TreeHead, GuardError> {
        self.locked(|_, _, newest| Ok(newest.head)).await
    }

    async fn advance(&self, from: &TreeHead, to: &TreeHead) -> Result<Advance, GuardError> {
        let (from, to) = (*from, *to);
        self.locked(move |file, position, newest| {
            if newest.head != from {
                return Ok(Advance::StandsAt(newest.head));
            }
            write_slot(file, 1 - position, &newest.moved_to(&to))?;
            Ok(Advance::Moved)
        })
        .await
    }
}

/// Returns the newest readable slot and its position, 0 or 1.
fn read_newest(file: &File, id: Option<&str>) -> io::Result<Option<(u64, Record)>> {
    let mut contents = vec![0; 2 * SLOT_LEN];
    match file.read_exact_at(&mut contents, 0) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    Ok(contents
        .chunks(SLOT_LEN)
        .zip(0..)
        .filter_map(|(bytes, position)| Some((position, Record::parse(bytes)?)))
        .filter(|(_, record)| id.is_none_or(|id| id == record.id))
        .max_by_key(|(_, record)| record.sequence))
}

/// The line and its padding: what one write puts in place.
fn slot(record: &Record) -> Vec<u8> {
    let mut line = format!("{record}\n").into_bytes();
    line.resize(SLOT_LEN, b' ');
    line
}

#[cfg(test)]
mod tests;
