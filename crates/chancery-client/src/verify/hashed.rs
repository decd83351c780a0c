//! Bytes whose hashes are calculated once, however many entries of a bundle are held against them.

use std::cell::OnceCell;

use chancery_keys::HashAlgorithm;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// Bytes, and each of their hashes once it was asked for.
pub(crate) struct Hashed<B> {
    bytes: B,
    sha256: OnceCell<Vec<u8>>,
    sha384: OnceCell<Vec<u8>>,
    sha512: OnceCell<Vec<u8>>,
}

impl<B: AsRef<[u8]>> Hashed<B> {
    pub(super) fn new(bytes: B) -> Self {
        Self {
            bytes,
            sha256: OnceCell::new(),
            sha384: OnceCell::new(),
            sha512: OnceCell::new(),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    pub(crate) fn digest(&self, algorithm: HashAlgorithm) -> &[u8] {
        let bytes = self.bytes();
        match algorithm {
            HashAlgorithm::Sha256 => self.sha256.get_or_init(|| Sha256::digest(bytes).to_vec()),
            HashAlgorithm::Sha384 => self.sha384.get_or_init(|| Sha384::digest(bytes).to_vec()),
            HashAlgorithm::Sha512 => self.sha512.get_or_init(|| Sha512::digest(bytes).to_vec()),
        }
    }
}
