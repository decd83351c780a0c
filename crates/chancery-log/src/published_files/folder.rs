//! Published files in a folder: a web server can serve it as it stands.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::place::{FilePlace, NewFile, PlaceError};

/// How long to wait for another process to have replaced the checkpoint.
const LOCK: Duration = Duration::from_secs(5);

/// Held while the checkpoint is replaced. Web servers leave out what begins with a dot, or should.
const LOCK_FILE: &str = ".lock";

/// Tells the temporary files of one process apart.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A folder of published files. Writers of several processes may use one at a time or together.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Takes a folder, which need not exist yet: the first write makes it.
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads a regular file of at most `bound` bytes; `None` if there is none.
    pub(super) fn read_now(&self, name: &str, bound: u64) -> io::Result<Option<Vec<u8>>> {
        let path = self.0.join(name);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let invalid = |wrong: String| io::Error::new(io::ErrorKind::InvalidData, wrong);
        if !metadata.is_file() {
            return Err(invalid("it is no regular file".to_owned()));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(bound + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > bound {
            return Err(invalid(format!("it has more than {bound} bytes")));
        }
        Ok(Some(bytes))
    }

    fn write_now(&self, files: &[NewFile]) -> io::Result<()> {
        let mut changed = BTreeSet::new();
        for NewFile { name, bytes } in files {
            let path = self.0.join(name);
            let folder = path.parent().unwrap_or(&self.0).to_owned();
            make_folder(&folder, &mut changed)?;
            write_and_sync(&folder, &path, bytes)?;
            changed.insert(folder);
        }
        // A name is durable once its folder is.
        changed.iter().try_for_each(|folder| sync(folder))
    }

    fn replace_now(&self, expected: Option<&[u8]>, file: NewFile) -> io::Result<bool> {
        make_folder(&self.0, &mut BTreeSet::new())?;
        let _lock = self.lock()?;
        let bound = expected.map_or(0, <[u8]>::len) as u64;
        let found = match self.read_now(&file.name, bound) {
            Err(e) if e.kind() == io::ErrorKind::InvalidData => return Ok(false),
            found => found?,
        };
        if found.as_deref() != expected {
            return Ok(false);
        }
        self.write_now(&[file])?;
        Ok(true)
    }

    fn lock(&self) -> io::Result<File> {
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.0.join(LOCK_FILE))?;
        let begun = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(e) => return Err(e.into()),
            }
        }
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, PlaceError> {
        let folder = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&folder)).await;
        let done = done.map_err(io::Error::other).and_then(|done| done);
        done.map_err(|e| PlaceError::Unavailable {
            place: self.name(),
            error: Box::new(e),
        })
    }
}

/// Makes a folder and those above it, and notes the ones that have a new name in them.
fn make_folder(folder: &Path, changed: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or_else(|| Path::new("."));
    make_folder(parent, changed)?;
    match fs::create_dir(folder) {
        // Another process was faster, perhaps.
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists || !folder.is_dir() => return Err(e),
        _ => {}
    }
    let parent = match parent.as_os_str().is_empty() {
        true => Path::new("."),
        false => parent,
    };
    changed.insert(parent.to_owned());
    Ok(())
}

fn write_and_sync(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(".new-{}-{number}", std::process::id()));
    let written = (|| {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        // What is left of it is in nobody's way.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[async_trait]
impl FilePlace for Folder {
    fn name(&self) -> String {
        self.0.display().to_string()
    }

    async fn read(&self, name: &str, bound: u64) -> Result<Option<Vec<u8>>, PlaceError> {
        let wanted = name.to_owned();
        let read = self.off_thread(move |folder| match folder.read_now(&wanted, bound) {
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(Err(e.to_string()))
            }
            read => read.map(Ok),
        });
        read.await?.map_err(|wrong| PlaceError::Damaged {
            name: name.to_owned(),
            wrong: format!("is damaged: {wrong}"),
        })
    }

    async fn write(&self, files: Vec<NewFile>) -> Result<(), PlaceError> {
        self.off_thread(move |folder| folder.write_now(&files))
            .await
    }

    async fn replace(&self, expected: Option<&[u8]>, file: NewFile) -> Result<bool, PlaceError> {
        let expected = expected.map(<[u8]>::to_vec);
        self.off_thread(move |folder| folder.replace_now(expected.as_deref(), file))
            .await
    }

    async fn remove_folder(&self, name: &str) -> Result<(), PlaceError> {
        let name = name.to_owned();
        self.off_thread(move |folder| gone(fs::remove_dir_all(folder.0.join(name))))
            .await
    }

    async fn remove(&self, name: &str) -> Result<(), PlaceError> {
        let name = name.to_owned();
        self.off_thread(move |folder| gone(fs::remove_file(folder.0.join(name))))
            .await
    }
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, bytes: &[u8]) -> NewFile {
        NewFile {
            name: name.to_owned(),
            bytes: bytes.to_vec(),
        }
    }

    #[tokio::test]
    async fn files_are_written_read_replaced_and_removed() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::new(&parent.path().join("a/b"));
        assert_eq!(folder.read("checkpoint", 10).await.unwrap(), None);
        let files = vec![file("tile/0/x001/000", b"x"), file("tile/0/000.p/3", b"y")];
        folder.write(files).await.unwrap();
        assert_eq!(
            folder.read("tile/0/x001/000", 1).await.unwrap().unwrap(),
            b"x"
        );
        assert!(matches!(
            folder.read("tile/0/x001/000", 0).await,
            Err(PlaceError::Damaged { .. })
        ));
        folder.remove_folder("tile/0/000.p").await.unwrap();
        folder.remove_folder("tile/0/000.p").await.unwrap();
        assert_eq!(folder.read("tile/0/000.p/3", 9).await.unwrap(), None);
        let names: Vec<_> = fs::read_dir(folder.path().join("tile/0"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["x001"], "nothing temporary is left");
    }

    #[tokio::test]
    async fn of_several_who_expect_the_same_one_replaces() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::new(parent.path());
        let replace = |old: Option<&'static [u8]>, new: &'static [u8]| {
            let folder = folder.clone();
            async move { folder.replace(old, file("checkpoint", new)).await.unwrap() }
        };
        let (a, b) = tokio::join!(replace(None, b"first"), replace(None, b"other"));
        assert!(a != b, "{a} {b}");
        let found = folder.read("checkpoint", 9).await.unwrap().unwrap();
        assert!(!replace(None, b"new").await);
        assert!(!replace(Some(b"xx"), b"new").await);
        assert!(!replace(Some(b"a longer one"), b"new").await);
        let first: &'static [u8] = if found == b"first" {
            b"first"
        } else {
            b"other"
        };
        assert!(replace(Some(first), b"new").await);
        assert_eq!(folder.read("checkpoint", 9).await.unwrap().unwrap(), b"new");
    }
}
