//! The passphrase that protects a key file.

use std::fmt;

use aws_lc_rs::rand;
use zeroize::Zeroizing;

/// A passphrase, wiped from memory when dropped. It has no `Display`, and `Debug` hides it.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// The bytes of entropy in a generated passphrase, before they are written in hexadecimal.
    const GENERATED_ENTROPY: usize = 32;

    /// Takes `bytes` without the line ending (`\n` or `\r\n`) that editors and `echo` put at the
    /// end. Every other byte counts, further line endings among them.
    ///
    /// # Errors
    /// [`PassphraseError::Empty`] if nothing is left: an empty passphrase protects nothing.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PassphraseError> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.is_empty() {
            return Err(PassphraseError::Empty);
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// Makes a passphrase of 32 random bytes, written as 64 hexadecimal digits so that it
    /// survives shells, editors and YAML unquoted.
    ///
    /// # Errors
    /// [`PassphraseError::NoRandomness`] if the system gives none.
    pub fn generate() -> Result<Self, PassphraseError> {
        let mut entropy = Zeroizing::new([0; Self::GENERATED_ENTROPY]);
        let mut text = Zeroizing::new(vec![0; 2 * Self::GENERATED_ENTROPY]);
        rand::fill(entropy.as_mut()).map_err(|_| PassphraseError::NoRandomness)?;
        hex::encode_to_slice(entropy.as_ref(), &mut text)
            .map_err(|_| PassphraseError::NoRandomness)?;
        Ok(Self(text))
    }

    /// Returns the secret itself, to derive a key from or to write into a file of mode 0600.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(redacted)")
    }
}

/// Why there is no passphrase.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PassphraseError {
    /// There were no bytes, or only a line ending.
    #[error("the passphrase is empty")]
    Empty,
    /// The system's random generator failed.
    #[error("the system gave no randomness for a passphrase")]
    NoRandomness,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_ending_is_dropped_and_everything_else_counts() {
        for (given, kept) in [
            (&b"correct horse"[..], &b"correct horse"[..]),
            (b"correct horse\n", b"correct horse"),
            (b"correct horse\r\n", b"correct horse"),
            (b"two\n\n", b"two\n"),
            (b" spaces \n", b" spaces "),
            (b"\nfirst", b"\nfirst"),
        ] {
            assert_eq!(Passphrase::from_bytes(given).unwrap().as_bytes(), kept);
        }
    }

    #[test]
    fn an_empty_passphrase_is_refused() {
        for given in [&b""[..], b"\n", b"\r\n"] {
            assert_eq!(
                Passphrase::from_bytes(given).unwrap_err(),
                PassphraseError::Empty
            );
        }
    }

    #[test]
    fn generated_passphrases_are_printable_long_and_different() {
        let one = Passphrase::generate().unwrap();
        let other = Passphrase::generate().unwrap();
        assert_eq!(one.as_bytes().len(), 64);
        assert!(one.as_bytes().iter().all(u8::is_ascii_hexdigit));
        assert_ne!(one.as_bytes(), other.as_bytes());
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let passphrase = Passphrase::from_bytes(b"hunter2").unwrap();
        assert_eq!(format!("{passphrase:?}"), "Passphrase(redacted)");
    }
}
