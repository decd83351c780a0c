//! Keys that sign: what other crates see of a key is a [`Signer`] and its [`PublicKey`].
//!
//! Key material stays behind this border: no type of another crate holds any, and none of the
//! types here shows it in `Debug`, `Display` or an error. All cryptography is aws-lc's; the
//! `RustCrypto` crates read and write formats only.
//!
//! | who signs | where the key is |
//! |---|---|
//! | [`LocalKey`] | in this process: generated, or loaded by [`file::load`] from encrypted PKCS#8 |

mod algorithm;
pub mod file;
mod local;
mod own_certificate;
mod passphrase;
mod public_key;
pub mod roca;
mod scheme;
mod secret_file;
mod signer;

pub use algorithm::{Algorithm, KeyType, UnknownKeyType};
pub use local::{GenerateKeyError, LocalKey};
pub use own_certificate::OwnCertificate;
pub use passphrase::{Passphrase, PassphraseError};
pub use public_key::{BadSignature, PublicKey, PublicKeyError, is_weak_ed25519};
pub use scheme::{HashAlgorithm, SignatureScheme};
pub use secret_file::{SecretFileError, read_shared_secret};
pub use signer::{SignError, Signer};

#[cfg(test)]
mod conformance;
