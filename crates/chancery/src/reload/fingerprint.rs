//! What files contain at a moment, for telling whether they have changed.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// More is not compared: no file of ours is so large.
const MOST: u64 = 64 << 20;

/// A digest over the contents of some files, or over why they cannot be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Reads `files`. Links are followed, so that a link to other contents is a change.
    pub(crate) fn of(files: &[PathBuf]) -> Self {
        let mut digest = Sha256::new();
        for path in files {
            let state = match contents(path) {
                Ok(Some(contents)) => format!("{contents:x?}"),
                Ok(None) => "not a file".to_owned(),
                Err(error) => error.kind().to_string(),
            };
            digest.update(path.as_os_str().as_encoded_bytes());
            digest.update([0]);
            digest.update(state);
            digest.update([0]);
        }
        Self(digest.finalize().into())
    }
}

/// Digests a file. A pipe or a device is none: to read it would take something away, or hang.
fn contents(path: &Path) -> io::Result<Option<[u8; 32]>> {
    if !path.metadata()?.is_file() {
        return Ok(None);
    }
    let mut file = File::open(path)?.take(MOST);
    let mut digest = Sha256::new();
    let mut piece = [0; 8192];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(Some(digest.finalize().into())),
            Ok(read) => digest.update(piece.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn contents_count_and_times_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let now = || Fingerprint::of(std::slice::from_ref(&path));
        let missing = now();
        fs::write(&path, "a").unwrap();
        let first = now();
        assert_ne!(missing, first);
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "b").unwrap();
        File::options()
            .append(true)
            .open(&path)
            .unwrap()
            .set_modified(time)
            .unwrap();
        assert_ne!(first, now());
        fs::write(&path, "a").unwrap();
        assert_eq!(first, now());
        fs::remove_file(&path).unwrap();
        assert_eq!(missing, now());
    }

    #[test]
    fn a_link_to_other_contents_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two, link] = ["1", "2", "link"].map(|name| folder.path().join(name));
        fs::create_dir(&one).unwrap();
        fs::create_dir(&two).unwrap();
        fs::write(one.join("file"), "a").unwrap();
        fs::write(two.join("file"), "b").unwrap();
        symlink(&one, &link).unwrap();
        let now = || Fingerprint::of(&[link.join("file")]);
        let first = now();
        symlink(&two, folder.path().join("new")).unwrap();
        fs::rename(folder.path().join("new"), &link).unwrap();
        assert_ne!(first, now());
    }

    #[test]
    fn a_pipe_is_not_read() {
        let endless = [PathBuf::from("/dev/zero")];
        assert_eq!(Fingerprint::of(&endless), Fingerprint::of(&endless));
    }
}
