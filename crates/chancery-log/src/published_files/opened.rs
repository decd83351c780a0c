//! A folder of published files that is open: nothing in it is reached through a symbolic link.
//!
//! Whoever may write the folder could put one there, and have this process write or delete what they
//! may not. So each folder on the way to a file is opened in the one above it, and none followed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;

use super::place::NewFile;

/// Held while the checkpoint is replaced. Web servers leave out what begins with a dot, or should.
const LOCK_FILE: &str = ".lock";

/// How many names of temporary files are tried: others may be left of a process that ended.
const TRIES: u32 = 1_000;

/// Tells the temporary files of one process apart.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The folder itself, and those below it that were used, by their names.
pub(super) struct Opened {
    root: OwnedFd,
    folders: BTreeMap<String, OwnedFd>,
}

impl Opened {
    /// Opens a folder, which the operator may well have named by a link.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            root: rustix::fs::open(path, flags, Mode::empty())?,
            folders: BTreeMap::new(),
        })
    }

    /// Reads a regular file of at most `bound` bytes.
    pub(super) fn read(&mut self, name: &str, bound: u64) -> io::Result<Vec<u8>> {
        let (folder, last) = self.parent(name, false)?;
        // A pipe must not make it wait.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(folder, last, flags, Mode::empty()).map_err(no_link)?;
        let file = regular(file.into())?;
        let mut bytes = Vec::new();
        file.take(bound.saturating_add(1)).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > bound {
            true => Err(invalid(&format!("it has more than {bound} bytes"))),
            false => Ok(bytes),
        }
    }

    /// Writes a file under another name, syncs it, and gives it its own. Its folder is to be synced
    /// yet.
    pub(super) fn write(&mut self, NewFile { name, bytes }: &NewFile) -> io::Result<()> {
        let (folder, last) = self.parent(name, true)?;
        let (temporary, mut file) = new_file(folder)?;
        let written = (|| {
            file.write_all(bytes)?;
            file.sync_all()?;
            Ok(rustix::fs::renameat(folder, &*temporary, folder, last)?)
        })();
        if written.is_err() {
            // What is left of it is in nobody's way.
            let _ = rustix::fs::unlinkat(folder, &*temporary, AtFlags::empty());
        }
        written
    }

    /// Makes durable every name on the way to what was written: also those that were there, which
    /// another process may have made and not synced.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.used()
            .try_for_each(|(_, folder)| Ok(rustix::fs::fsync(folder)?))
    }

    /// Returns the folders that were used, and the one that they are in.
    fn used(&self) -> impl Iterator<Item = (&str, &OwnedFd)> {
        let below = self.folders.iter().map(|(name, folder)| (&**name, folder));
        below.chain([("", &self.root)])
    }

    /// Opens the file that is held while the checkpoint is replaced.
    pub(super) fn lock_file(&self) -> io::Result<File> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.root, LOCK_FILE, flags, Mode::from(0o666));
        regular(file.map_err(no_link)?.into())
    }

    /// Removes a file.
    pub(super) fn remove(&mut self, name: &str) -> io::Result<()> {
        let (folder, last) = self.parent(name, false)?;
        Ok(rustix::fs::unlinkat(folder, last, AtFlags::empty())?)
    }

    /// Removes a folder with the files in it. It has no folders in it, or stays.
    pub(super) fn remove_folder(&mut self, name: &str) -> io::Result<()> {
        let (above, last) = self.parent(name, false)?;
        let folder = open_folder(above, last)?;
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") {
                rustix::fs::unlinkat(&folder, name, AtFlags::empty())?;
            }
        }
        Ok(rustix::fs::unlinkat(above, last, AtFlags::REMOVEDIR)?)
    }

    /// Opens the folder that a name is in, and returns it with the name's last part.
    fn parent<'n>(&mut self, name: &'n str, make: bool) -> io::Result<(&OwnedFd, &'n str)> {
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        if !name.split('/').all(plain) {
            return Err(invalid(&format!("{name:?} is no name of a published file")));
        }
        let Some((folders, last)) = name.rsplit_once('/') else {
            return Ok((&self.root, name));
        };
        for (end, _) in name.match_indices('/') {
            let (path, _) = name.split_at(end);
            if self.folders.contains_key(path) {
                continue;
            }
            let (above, part) = path.rsplit_once('/').unwrap_or(("", path));
            let above = self.folders.get(above).unwrap_or(&self.root);
            let folder = match open_folder(above, part) {
                Err(e) if make && e.kind() == io::ErrorKind::NotFound => {
                    make_folder(above, part)?;
                    open_folder(above, part)?
                }
                opened => opened?,
            };
            self.folders.insert(path.to_owned(), folder);
        }
        Ok((self.folders.get(folders).unwrap_or(&self.root), last))
    }
}

fn open_folder(above: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(above, name, flags, Mode::empty()).map_err(no_link)
}

fn make_folder(above: &OwnedFd, name: &str) -> io::Result<()> {
    match rustix::fs::mkdirat(above, name, Mode::from(0o777)) {
        // Another process was faster.
        Err(Errno::EXIST) => Ok(()),
        made => Ok(made?),
    }
}

/// Makes a file that was not there: what is there may be a link.
fn new_file(folder: &OwnedFd) -> io::Result<(String, File)> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    for _ in 0..TRIES {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".new-{}-{number}", std::process::id());
        match rustix::fs::openat(folder, &*name, flags, Mode::from(0o666)) {
            Err(Errno::EXIST) => {}
            made => return Ok((name, made?.into())),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        "it is full of temporary files; delete those whose names begin with .new-",
    ))
}

fn regular(file: File) -> io::Result<File> {
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(invalid("it is no regular file")),
    }
}

/// Says of a link that it is one.
fn no_link(error: Errno) -> io::Error {
    match error {
        Errno::LOOP | Errno::NOTDIR => {
            invalid("it, or a folder on the way to it, is a symbolic link or something else")
        }
        other => other.into(),
    }
}

fn invalid(wrong: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, wrong.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn file(name: &str) -> NewFile {
        NewFile {
            name: name.to_owned(),
            bytes: b"x".to_vec(),
        }
    }

    #[test]
    fn folders_that_were_there_are_synced_with_what_is_written_into_them() {
        let root = tempfile::tempdir().unwrap();
        // As a process left them that ended before it synced anything.
        fs::create_dir_all(root.path().join("tile/0/x001")).unwrap();
        let mut opened = Opened::open(root.path()).unwrap();
        opened.write(&file("tile/0/x001/000")).unwrap();
        opened.write(&file("tile/0/x001/001")).unwrap();
        let used: Vec<_> = opened.used().map(|(name, _)| name).collect();
        assert_eq!(used, ["tile", "tile/0", "tile/0/x001", ""]);
        opened.sync().unwrap();
    }

    #[test]
    fn a_temporary_file_that_somebody_has_planted_is_not_opened() {
        let outside = tempfile::tempdir().unwrap();
        let precious = outside.path().join("precious");
        fs::write(&precious, b"kept").unwrap();
        let root = tempfile::tempdir().unwrap();
        let next = NEXT.load(Ordering::Relaxed);
        for number in next..next + 50 {
            let name = format!(".new-{}-{number}", std::process::id());
            symlink(&precious, root.path().join(name)).unwrap();
        }
        Opened::open(root.path())
            .unwrap()
            .write(&file("checkpoint"))
            .unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"kept");
        let written = root.path().join("checkpoint");
        assert!(fs::symlink_metadata(written).unwrap().is_file());
    }
}
