//! Published files in a folder: a web server can serve it as it stands.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::opened::Opened;
use super::place::{FilePlace, NewFile, PlaceError};

/// How long to wait for another process to have replaced the checkpoint.
const LOCK: Duration = Duration::from_secs(5);

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
        let found = Opened::open(&self.0).and_then(|mut opened| opened.read(name, bound));
        match found {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    fn write_now(&self, files: &[NewFile]) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let mut opened = Opened::open(&self.0)?;
        files.iter().try_for_each(|file| opened.write(file))?;
        opened.sync()?;
        sync_above(&self.0)
    }

    fn replace_now(&self, expected: Option<&[u8]>, file: NewFile) -> io::Result<bool> {
        fs::create_dir_all(&self.0)?;
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
        let lock = Opened::open(&self.0)?.lock_file()?;
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

    fn remove_now(&self, name: &str) -> io::Result<()> {
        gone(Opened::open(&self.0).and_then(|mut opened| opened.remove(name)))
    }

    fn remove_folder_now(&self, name: &str) -> io::Result<()> {
        gone(Opened::open(&self.0).and_then(|mut opened| opened.remove_folder(name)))
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

/// Makes the names of the folders above durable: any of them may be new, by this process or by one
/// that ended before it could. What another file system is mounted on is the operator's, and need
/// not be of a kind that can be synced.
fn sync_above(folder: &Path) -> io::Result<()> {
    let folder = fs::canonicalize(folder)?;
    let file_system = fs::metadata(&folder)?.dev();
    for above in folder.ancestors().skip(1) {
        if fs::metadata(above)?.dev() != file_system {
            break;
        }
        match File::open(above).and_then(|above| above.sync_all()) {
            // Whoever may not read a folder has not made it.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
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
        self.off_thread(move |folder| folder.remove_folder_now(&name))
            .await
    }

    async fn remove(&self, name: &str) -> Result<(), PlaceError> {
        let name = name.to_owned();
        self.off_thread(move |folder| folder.remove_now(&name))
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
    use std::os::unix::fs::symlink;

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

    #[tokio::test]
    async fn nothing_is_written_or_read_through_a_symbolic_link() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("000"), b"precious").unwrap();
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::new(parent.path());
        folder.write(vec![file("checkpoint", b"1")]).await.unwrap();
        symlink(outside.path(), parent.path().join("tile")).unwrap();
        symlink(outside.path().join("made"), parent.path().join(".lock")).unwrap();

        assert!(folder.write(vec![file("tile/000", b"x")]).await.is_err());
        assert!(folder.write(vec![file("tile/new/1", b"x")]).await.is_err());
        assert!(folder.read("tile/000", 99).await.is_err());
        assert!(folder.remove("tile/000").await.is_err());
        assert!(folder.remove_folder("tile").await.is_err());
        let replaced = folder.replace(Some(b"1"), file("checkpoint", b"2")).await;
        assert!(replaced.is_err(), "the lock is a link");

        let left: Vec<_> = fs::read_dir(outside.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
        let kept = fs::read(outside.path().join("000")).unwrap();
        assert_eq!(kept, b"precious");
        assert_eq!(folder.read("checkpoint", 9).await.unwrap().unwrap(), b"1");
    }

    #[tokio::test]
    async fn names_that_lead_out_of_the_folder_are_refused() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::new(&parent.path().join("inner"));
        for name in ["../x", "a/../../x", "/tmp/x", "", "a//b", "."] {
            assert!(
                folder.write(vec![file(name, b"x")]).await.is_err(),
                "{name}"
            );
        }
        assert!(!parent.path().join("x").exists());
    }

    #[test]
    fn folders_of_another_file_system_need_not_be_synced() {
        // The kernel mounts one there that can be, below one that cannot.
        let cgroup = Path::new("/sys/fs/cgroup");
        let syncs = |folder: &Path| File::open(folder).and_then(|folder| folder.sync_all());
        let device = |folder: &Path| fs::metadata(folder).map(|found| found.dev()).ok();
        let above = Path::new("/sys/fs");
        if !cgroup.exists() || device(cgroup) == device(above) || syncs(above).is_ok() {
            return;
        }
        sync_above(cgroup).unwrap();
    }
}
