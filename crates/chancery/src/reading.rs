//! Reading the files that somebody names: bounded, and blamed by their path.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use chancery_log::published_files::MAX_CHECKPOINT;

use crate::failure::{Causes, Failure};

/// Reads a file that may be a stranger's, of at most `bound` bytes.
///
/// # Errors
/// [`ErrorKind::FileTooLarge`] if it has more.
pub(crate) fn read_bounded(path: &Path, bound: u64) -> std::io::Result<Vec<u8>> {
    let too_long = || {
        let why = format!("it has more than {bound} bytes");
        std::io::Error::new(ErrorKind::FileTooLarge, why)
    };
    let file = fs::File::open(path)?;
    // What is no file, such as a pipe, has no length before it is read.
    let length = file.metadata()?.len();
    if length > bound {
        return Err(too_long());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(bound.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > bound {
        true => Err(too_long()),
        false => Ok(bytes),
    }
}

/// Reads a file with a public key, which is a few hundred bytes long.
pub(crate) fn read_key_file(path: &Path) -> Result<Vec<u8>, Failure> {
    read_bounded(path, 64 * 1024).map_err(|e| named(path, &e))
}

/// Reads a file with a checkpoint that somebody has kept.
pub(crate) fn read_checkpoint_file(path: &Path) -> Result<Vec<u8>, Failure> {
    read_bounded(path, MAX_CHECKPOINT).map_err(|e| named(path, &e))
}

/// Blames a file.
pub(crate) fn named(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::configuration(format!("{}: {}", path.display(), Causes(error)))
}
