//! Reading files that hold secrets: only those that nobody but their owner can read.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// The permission bits of group and others.
const GROUP_AND_OTHERS: u32 = 0o077;

/// The same, but for the group's right to read.
const GROUP_WRITES_AND_OTHERS: u32 = 0o037;

/// What a path may lead to.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Source {
    /// A regular file.
    File,
    /// A regular file, a pipe or a character device, so that a secret can come from
    /// `/dev/fd/3`, standard input or a shell's process substitution.
    FileOrStream,
    /// A regular file that its group may read.
    SharedFile,
}

impl Source {
    /// Returns the permission bits that no file may have.
    fn forbidden(self) -> u32 {
        match self {
            Self::File | Self::FileOrStream => GROUP_AND_OTHERS,
            Self::SharedFile => GROUP_WRITES_AND_OTHERS,
        }
    }
}

/// Reads the whole of a secret that another program puts there, of at most `limit` bytes: its group
/// may read it, as where Kubernetes or an ACME client hands over the key of a TLS certificate.
///
/// # Errors
///
/// Fails if the path leads to no regular file, if its mode lets the group write or others in, and
/// if it cannot be read or is longer.
pub fn read_shared_secret(
    path: &Path,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    read(path, Source::SharedFile, limit)
}

/// Reads the whole of a secret, of at most `limit` bytes. Symbolic links are followed.
pub(crate) fn read(
    path: &Path,
    source: Source,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    let open_error = |error| SecretFileError::Open {
        path: path.into(),
        source: error,
    };
    if source != Source::FileOrStream && !std::fs::metadata(path).map_err(open_error)?.is_file() {
        // Opening a pipe would wait for its writer. This spares the wait and proves nothing: the
        // check that counts is the one on the handle.
        return Err(SecretFileError::NotAFile { path: path.into() });
    }
    let file = File::open(path).map_err(open_error)?;
    check(path, source, &file.metadata().map_err(open_error)?)?;
    read_to_limit(path, file, limit)
}

/// Checks what has been opened, so that nobody can change it between check and reading.
fn check(path: &Path, source: Source, metadata: &Metadata) -> Result<(), SecretFileError> {
    let kind = metadata.file_type();
    if kind.is_file() {
        let mode = metadata.mode() & 0o7777;
        if mode & source.forbidden() != 0 {
            return Err(SecretFileError::Exposed {
                path: path.into(),
                mode,
            });
        }
        return Ok(());
    }
    if source == Source::FileOrStream && (kind.is_fifo() || kind.is_char_device()) {
        return Ok(());
    }
    Err(SecretFileError::NotAFile { path: path.into() })
}

fn read_to_limit(
    path: &Path,
    file: File,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    // Room to spare: a vector that grows would leave its old bytes behind, unwiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 64));
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| SecretFileError::Read {
            path: path.into(),
            source: error,
        })?;
    if bytes.len() > limit {
        return Err(SecretFileError::TooLarge {
            path: path.into(),
            limit,
        });
    }
    Ok(bytes)
}

/// Why a file that holds a secret was not read.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// Others than the owner may read or change the file. The secret may have leaked already.
    #[error(
        "{path} has mode {mode:04o}, so others than its owner can get at the secret in it: \
         consider it leaked, or run `chmod 600 {path}`",
        path = path.display()
    )]
    Exposed {
        /// The file, as it was named.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The path leads to a directory, a device or the like.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path, as it was named.
        path: PathBuf,
    },
    /// The file could not be opened.
    #[error("{} cannot be opened", path.display())]
    Open {
        /// The file, as it was named.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file could not be read to its end.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file, as it was named.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is too large to be what it should be.
    #[error("{} has more than {limit} bytes: is it the right file?", path.display())]
    TooLarge {
        /// The file, as it was named.
        path: PathBuf,
        /// The most bytes that are read.
        limit: usize,
    },
}
