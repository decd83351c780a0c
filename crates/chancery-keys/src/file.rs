//! Keys in files: encrypted PKCS#8 (RFC 5958, section 3) in PEM, and the passphrases for them.
//!
//! ```text
//! -----BEGIN ENCRYPTED PRIVATE KEY-----
//! EncryptedPrivateKeyInfo ::= SEQUENCE { encryptionAlgorithm PBES2, encryptedData OCTET STRING }
//! ```
//!
//! Everything here blocks: reading, writing, and the derivation of the encryption key, which
//! takes about a tenth of a second on purpose.

mod encryption;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use der::pem::{self, LineEnding};
use spki::ObjectIdentifier;

use crate::local::FromPkcs8Error;
use crate::secret_file::{self, Source};
use crate::{LocalKey, Passphrase, PassphraseError, SecretFileError};

use encryption::{DecryptError, decrypt, encrypt};

/// The PEM label of an encrypted PKCS#8 key (RFC 7468, section 11).
const LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// The most bytes a key file may have. RSA-4096 needs 3.4 kB.
const KEY_FILE_LIMIT: usize = 64 * 1024;

/// The most bytes a passphrase file may have.
const PASSPHRASE_FILE_LIMIT: usize = 4 * 1024;

/// Loads the key in the encrypted PKCS#8 PEM file at `path`. Symbolic links are followed.
///
/// # Errors
/// [`LoadKeyError`] names the file, what is wrong with it and what to do. A file that others than
/// its owner can read or write is refused before anything is read from it.
pub fn load(path: &Path, passphrase: &Passphrase) -> Result<LocalKey, LoadKeyError> {
    let bytes = secret_file::read(path, Source::File, KEY_FILE_LIMIT)?;
    parse(&bytes, passphrase).map_err(|fault| LoadKeyError::Content {
        path: path.into(),
        fault,
    })
}

/// Writes `key`, encrypted with `passphrase`, to a new file of mode 0600 at `path`.
///
/// When this returns, file and directory entry are on disk. A file that is there already is
/// never touched, and a failure leaves no new file behind.
///
/// # Errors
/// [`CreateKeyError::Exists`] if there is anything at `path`, a dangling link included.
pub fn create(path: &Path, key: &LocalKey, passphrase: &Passphrase) -> Result<(), CreateKeyError> {
    let pem = to_pem(key, passphrase).ok_or(CreateKeyError::Encrypt)?;
    let write_error = |error| CreateKeyError::Write {
        path: path.into(),
        source: error,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => CreateKeyError::Exists { path: path.into() },
            _ => write_error(error),
        })?;
    file.write_all(pem.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| sync_directory_of(path))
        .map_err(|error| {
            // Half a key file would only stand in the way of the next attempt.
            drop(std::fs::remove_file(path));
            write_error(error)
        })
}

/// Reads a passphrase from the file at `path`, which may also be a pipe or a character device
/// such as `/dev/stdin` or `/dev/fd/3`. A regular file must be readable by its owner only.
///
/// # Errors
/// [`ReadPassphraseError`] names the file and what is wrong with it, never its content.
pub fn read_passphrase_file(path: &Path) -> Result<Passphrase, ReadPassphraseError> {
    let bytes = secret_file::read(path, Source::FileOrStream, PASSPHRASE_FILE_LIMIT)?;
    Passphrase::from_bytes(&bytes).map_err(|error| ReadPassphraseError::Content {
        path: path.into(),
        source: error,
    })
}

fn parse(bytes: &[u8], passphrase: &Passphrase) -> Result<LocalKey, KeyFileFault> {
    let document = decode_pem(bytes)?;
    let private_key_info = decrypt(&document, passphrase)?;
    LocalKey::from_pkcs8_der(&private_key_info).map_err(|error| match error {
        // Padding comes out right by chance for one wrong passphrase in 256.
        FromPkcs8Error::NotPkcs8 => KeyFileFault::WrongPassphrase,
        FromPkcs8Error::Inconsistent => KeyFileFault::InvalidKey,
        FromPkcs8Error::Unsupported { oid } => KeyFileFault::UnsupportedKey { oid },
    })
}

/// Returns the DER in the PEM block, if it is one of an encrypted PKCS#8 key.
fn decode_pem(bytes: &[u8]) -> Result<Vec<u8>, KeyFileFault> {
    let label = pem_label(bytes).ok_or(KeyFileFault::NotPem)?;
    match label {
        LABEL => {}
        "PRIVATE KEY" => return Err(KeyFileFault::NotEncrypted),
        "EC PRIVATE KEY" | "RSA PRIVATE KEY" | "DSA PRIVATE KEY" => {
            // RFC 1423 encryption derives its key with one round of MD5.
            let encrypted = contains(bytes, b"Proc-Type: 4,ENCRYPTED");
            return Err(if encrypted {
                KeyFileFault::LegacyEncryption
            } else {
                KeyFileFault::TraditionalFormat
            });
        }
        _ => {
            return Err(KeyFileFault::OtherLabel {
                label: label.to_owned(),
            });
        }
    }
    // Editors leave empty lines at the end, which RFC 7468's grammar does not provide for.
    let (_, der) = pem::decode_vec(bytes.trim_ascii_end()).map_err(|_| KeyFileFault::Damaged)?;
    Ok(der)
}

/// Returns the label of the first PEM block, whatever follows it.
fn pem_label(bytes: &[u8]) -> Option<&str> {
    const LONGEST: usize = 64;
    let begin = b"-----BEGIN ";
    let line = bytes
        .split(|&byte| byte == b'\n' || byte == b'\r')
        .find_map(|line| line.strip_prefix(begin))?;
    let label = std::str::from_utf8(line.strip_suffix(b"-----")?).ok()?;
    let printable = label
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ');
    (printable && label.len() <= LONGEST).then_some(label)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

fn to_pem(key: &LocalKey, passphrase: &Passphrase) -> Option<String> {
    let private_key_info = key.to_pkcs8_der().ok()?;
    let document = encrypt(&private_key_info, passphrase)?;
    pem::encode_string(LABEL, LineEnding::LF, &document).ok()
}

/// Makes the new directory entry survive a loss of power.
fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}

/// Why no key was loaded from a file.
#[derive(Debug, thiserror::Error)]
pub enum LoadKeyError {
    /// The file was read, and is not a key that can be used.
    #[error("{}: {fault}", path.display())]
    Content {
        /// The file, as it was named.
        path: PathBuf,
        /// What is wrong with its content.
        fault: KeyFileFault,
    },
    /// The file was not read.
    #[error(transparent)]
    File(#[from] SecretFileError),
}

/// What can be wrong with the content of a key file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyFileFault {
    /// The PEM block or the DER in it is broken or cut off.
    #[error("the encrypted key is damaged or cut off: restore the file from a backup")]
    Damaged,
    /// The passphrase was right, and the numbers in the key do not make a usable key.
    #[error(
        "the key in the file is invalid: its parts do not belong together, or it is RSA with a \
         modulus of fewer than 2048 bits"
    )]
    InvalidKey,
    /// A PEM key with a `Proc-Type` header, encrypted as RFC 1423 has it.
    #[error(
        "the key is encrypted the old way (RFC 1423), which does not protect it: convert it with \
         `openssl pkcs8 -topk8 -scrypt -in OLD -out NEW`"
    )]
    LegacyEncryption,
    /// An unencrypted PKCS#8 key.
    #[error(
        "the key is not encrypted: encrypt it with \
         `openssl pkcs8 -topk8 -scrypt -in OLD -out NEW` and destroy the old file"
    )]
    NotEncrypted,
    /// There is no PEM block.
    #[error(
        "there is no PEM in it: a key file begins with `-----BEGIN {LABEL}-----` (a DER key is \
         converted with `openssl pkcs8 -inform DER -topk8 -scrypt -in OLD -out NEW`)"
    )]
    NotPem,
    /// A PEM block that is not a private key, or one of a foreign format.
    #[error("it holds a `{label}`, not an `{LABEL}`: is it the right file?")]
    OtherLabel {
        /// The block's label.
        label: String,
    },
    /// An unencrypted key in the formats of SEC 1 or PKCS#1.
    #[error(
        "the key is not encrypted, and in a format older than PKCS#8: convert it with \
         `openssl pkcs8 -topk8 -scrypt -in OLD -out NEW` and destroy the old file"
    )]
    TraditionalFormat,
    /// The key was decrypted, and is not of a kind that Chancery signs with.
    #[error(
        "keys of the algorithm or curve {oid} are not supported: use P-256, P-384, P-521, RSA or \
         Ed25519"
    )]
    UnsupportedKey {
        /// The object identifier of the algorithm or of the curve.
        oid: ObjectIdentifier,
    },
    /// The encryption is not PBES2 with parameters in the accepted range.
    #[error("{reason}: encrypt the key again with `openssl pkcs8 -topk8 -scrypt -in OLD -out NEW`")]
    UnsupportedEncryption {
        /// What is wrong with the encryption.
        reason: &'static str,
    },
    /// The passphrase does not open the key, or the encrypted bytes were changed: CBC cannot
    /// tell one from the other.
    #[error("the passphrase does not open the key: it is wrong, or the file is damaged")]
    WrongPassphrase,
}

impl From<DecryptError> for KeyFileFault {
    fn from(error: DecryptError) -> Self {
        match error {
            DecryptError::Damaged => Self::Damaged,
            DecryptError::Unsupported { reason } => Self::UnsupportedEncryption { reason },
            DecryptError::WrongPassphrase => Self::WrongPassphrase,
        }
    }
}

/// Why no key file was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateKeyError {
    /// The key could not be encrypted: the system gave neither memory nor randomness.
    #[error("the key could not be encrypted: the system gave neither memory nor randomness")]
    Encrypt,
    /// There is something at the path already.
    #[error("{} exists already, and keys are never overwritten: move it away first", path.display())]
    Exists {
        /// The path, as it was named.
        path: PathBuf,
    },
    /// The file could not be created, written or made durable.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The path, as it was named.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why no passphrase was read from a file.
#[derive(Debug, thiserror::Error)]
pub enum ReadPassphraseError {
    /// The file was read, and there is no passphrase in it.
    #[error("{} holds no passphrase", path.display())]
    Content {
        /// The file, as it was named.
        path: PathBuf,
        /// What is wrong with its content.
        source: PassphraseError,
    },
    /// The file was not read.
    #[error(transparent)]
    File(#[from] SecretFileError),
}

#[cfg(test)]
mod tests;
