//! The encryption of key files: PBES2 (RFC 8018, section 6.2) with scrypt (RFC 7914) and AES-256.

use aws_lc_rs::rand;
use der::asn1::OctetStringRef;
use der::{Decode, Encode, Sequence};
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::pkcs5::{self, pbes2};
use spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use crate::Passphrase;

/// scrypt's cost `N` in the files that we write, with `r` = 8 and `p` = 3: 16 MiB, filled three
/// times, which takes a tenth of a second.
///
/// OpenSSL reads no key file that needs more than 32 MiB, so a larger `N` would take from
/// operators the access to their keys without us. OWASP would have `p` = 5; a generated
/// passphrase has 256 bits of entropy and needs no derivation at all, and for a chosen one this
/// is three times the work of OpenSSL's own default.
const SCRYPT_COST: u64 = 1 << 14;
const SCRYPT_BLOCK_SIZE: u16 = 8;
const SCRYPT_PARALLELIZATION: u16 = 3;

/// The least memory that scrypt must fill in the files that we read, in bytes. It is what
/// `openssl pkcs8 -scrypt` does if nobody says otherwise.
const SCRYPT_MIN_MEMORY: u64 = 128 * (1 << 14) * 8;

/// The most memory that a file can make us fill, in bytes.
const SCRYPT_MAX_MEMORY: u64 = 256 << 20;

/// The most bytes that scrypt may fill in all passes together: some 40 times what we write with.
const SCRYPT_MAX_WORK: u64 = 2 << 30;

/// The PBKDF2 iterations of the files that we read. The least is what OWASP recommends for
/// SHA-256; the most keeps a file from stopping us for longer than seconds.
const PBKDF2_ITERATIONS: std::ops::RangeInclusive<u32> = 600_000..=10_000_000;

/// Why an encrypted key did not become a decrypted one.
#[derive(Debug)]
pub(super) enum DecryptError {
    /// Not an `EncryptedPrivateKeyInfo`.
    Damaged,
    /// Encrypted in a way that we do not accept.
    Unsupported { reason: &'static str },
    /// The padding came out wrong.
    WrongPassphrase,
}

/// Encrypts a `PrivateKeyInfo` into an `EncryptedPrivateKeyInfo`, or answers `None` if the system
/// gives neither memory nor randomness.
pub(super) fn encrypt(private_key_info: &[u8], passphrase: &Passphrase) -> Option<Vec<u8>> {
    let mut salt = [0; 16];
    let mut iv = [0; 16];
    rand::fill(&mut salt).ok()?;
    rand::fill(&mut iv).ok()?;
    let parameters = pbes2::Parameters {
        kdf: pbes2::ScryptParams {
            salt: pbes2::Salt::new(salt).ok()?,
            cost_parameter: SCRYPT_COST,
            block_size: SCRYPT_BLOCK_SIZE,
            parallelization: SCRYPT_PARALLELIZATION,
            key_length: None,
        }
        .into(),
        encryption: pbes2::EncryptionScheme::Aes256Cbc { iv },
    };
    let encrypted = parameters
        .encrypt(passphrase.as_bytes(), private_key_info)
        .ok()?;
    EncryptedPrivateKeyInfoRef {
        encryption_algorithm: parameters.into(),
        encrypted_data: OctetStringRef::new(&encrypted).ok()?,
    }
    .to_der()
    .ok()
}

/// Decrypts an `EncryptedPrivateKeyInfo` into what should be a `PrivateKeyInfo`.
pub(super) fn decrypt(
    document: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    let info = EncryptedPrivateKeyInfoRef::from_der(document).map_err(|_| refusal_of(document))?;
    let pkcs5::EncryptionScheme::Pbes2(parameters) = info.encryption_algorithm else {
        return Err(refusal_of(document));
    };
    check_cost(&parameters.kdf)?;
    let mut buffer = Zeroizing::new(info.encrypted_data.as_bytes().to_vec());
    let length = parameters
        .decrypt_in_place(passphrase.as_bytes(), &mut buffer)
        .map_err(|error| match error {
            pkcs5::Error::DecryptFailed => DecryptError::WrongPassphrase,
            _ => DecryptError::Unsupported {
                reason: "the key's encryption has parameters that are not supported",
            },
        })?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}

/// Refuses what protects too little, and what would cost us too much: the parameters are read
/// from the file, and deriving with them comes before anything proves that the file is ours.
fn check_cost(kdf: &pbes2::Kdf) -> Result<(), DecryptError> {
    let refuse = |reason| Err(DecryptError::Unsupported { reason });
    match kdf {
        pbes2::Kdf::Scrypt(parameters) => {
            let memory =
                (128 * u64::from(parameters.block_size)).saturating_mul(parameters.cost_parameter);
            let work = memory.saturating_mul(u64::from(parameters.parallelization));
            if memory < SCRYPT_MIN_MEMORY || work == 0 {
                return refuse("the key's scrypt parameters are too weak");
            }
            if memory > SCRYPT_MAX_MEMORY || work > SCRYPT_MAX_WORK {
                return refuse("the key's scrypt parameters ask for too much memory or time");
            }
            Ok(())
        }
        pbes2::Kdf::Pbkdf2(parameters)
            if !PBKDF2_ITERATIONS.contains(&parameters.iteration_count) =>
        {
            refuse("the key's PBKDF2 iterations are not between 600000 and 10000000")
        }
        pbes2::Kdf::Pbkdf2(_) => Ok(()),
        _ => refuse("the key's derivation function is not supported"),
    }
}

/// Tells encryption that the decoder does not know from a document that is broken.
fn refusal_of(document: &[u8]) -> DecryptError {
    match AnyEncryption::from_der(document) {
        Ok(_) => DecryptError::Unsupported {
            reason: "the key's encryption is not PBES2 with scrypt or PBKDF2 and AES",
        },
        Err(_) => DecryptError::Damaged,
    }
}

/// `EncryptedPrivateKeyInfo` as RFC 5958 has it, open to every algorithm.
#[derive(Sequence)]
struct AnyEncryption<'a> {
    _algorithm: AlgorithmIdentifierRef<'a>,
    _encrypted_data: &'a OctetStringRef,
}

#[cfg(test)]
mod tests;
