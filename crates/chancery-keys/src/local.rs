//! Keys held in this process's memory.

mod certifying;

use std::fmt;

use async_trait::async_trait;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use const_oid::db::{rfc5912, rfc8410};
use der::Decode;
use pkcs8::PrivateKeyInfoRef;
use spki::ObjectIdentifier;
use zeroize::Zeroizing;

use crate::{Algorithm, KeyType, PublicKey, SignError, Signer};

/// A private key in this process's memory.
///
/// The secret lives in aws-lc's own allocations, which aws-lc wipes when it frees them.
#[derive(Clone)]
pub struct LocalKey {
    pair: KeyPair,
    public_key: PublicKey,
}

#[derive(Clone)]
enum KeyPair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl LocalKey {
    /// Makes a new key. RSA keys take from tenths of a second to seconds: not on a thread that
    /// serves requests.
    ///
    /// # Errors
    /// [`GenerateKeyError`] if aws-lc makes none, which happens only when the system gives
    /// neither memory nor randomness.
    pub fn generate(key_type: KeyType) -> Result<Self, GenerateKeyError> {
        Self::from_pair(KeyPair::generate(key_type)?).ok_or(GenerateKeyError)
    }

    /// Signs `message`, which is not hashed yet, on the calling thread: about 16 µs with P-256
    /// or Ed25519, 84 µs with P-384, and 0.3, 0.7 or 1.5 ms with RSA of 2048, 3072 or 4096 bits.
    ///
    /// # Errors
    /// [`SignError::Failed`] if aws-lc fails; it has no reason to.
    pub fn sign_now(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.pair
            .sign(message)
            .map_err(|Unspecified| SignError::Failed {
                reason: format!(
                    "aws-lc refused to sign with {}",
                    self.public_key.algorithm()
                ),
            })
    }

    /// Takes a key from an unencrypted PKCS#8 `PrivateKeyInfo`.
    pub(crate) fn from_pkcs8_der(der: &[u8]) -> Result<Self, FromPkcs8Error> {
        Self::from_pair(KeyPair::from_pkcs8_der(der)?).ok_or(FromPkcs8Error::Inconsistent)
    }

    /// Returns the unencrypted PKCS#8 `PrivateKeyInfo`, version 1 for all: OpenSSL does not read
    /// version 2.
    pub(crate) fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let secret = |document: &[u8]| Zeroizing::new(document.to_vec());
        Ok(match &self.pair {
            KeyPair::Ecdsa(pair) => secret(pair.to_pkcs8v1()?.as_ref()),
            KeyPair::Ed25519(pair) => secret(pair.to_pkcs8v1()?.as_ref()),
            KeyPair::Rsa(pair) => {
                let document: Pkcs8V1Der<'_> = pair.as_der()?;
                secret(document.as_ref())
            }
        })
    }

    fn from_pair(pair: KeyPair) -> Option<Self> {
        let public_key = PublicKey::from_spki_der(pair.spki_der().ok()?.as_ref()).ok()?;
        Some(Self { pair, public_key })
    }
}

impl KeyPair {
    fn generate(key_type: KeyType) -> Result<Self, GenerateKeyError> {
        let rsa = |size| RsaKeyPair::generate(size).map(Self::Rsa);
        match key_type {
            KeyType::P256 | KeyType::P384 | KeyType::P521 => {
                let algorithm = key_type
                    .algorithm()
                    .ecdsa_signing()
                    .ok_or(GenerateKeyError)?;
                EcdsaKeyPair::generate(algorithm).map(Self::Ecdsa)
            }
            KeyType::Ed25519 => Ed25519KeyPair::generate().map(Self::Ed25519),
            KeyType::Rsa2048 => rsa(KeySize::Rsa2048),
            KeyType::Rsa3072 => rsa(KeySize::Rsa3072),
            KeyType::Rsa4096 => rsa(KeySize::Rsa4096),
        }
        .map_err(|Unspecified| GenerateKeyError)
    }

    fn from_pkcs8_der(der: &[u8]) -> Result<Self, FromPkcs8Error> {
        let info = PrivateKeyInfoRef::from_der(der).map_err(|_| FromPkcs8Error::NotPkcs8)?;
        let ecdsa = |algorithm: Algorithm| {
            let algorithm = algorithm
                .ecdsa_signing()
                .ok_or(FromPkcs8Error::Inconsistent)?;
            EcdsaKeyPair::from_pkcs8(algorithm, der)
                .map(Self::Ecdsa)
                .map_err(|_| FromPkcs8Error::Inconsistent)
        };
        match info.algorithm.oid {
            rfc5912::ID_EC_PUBLIC_KEY => match info.algorithm.parameters_oid() {
                Ok(rfc5912::SECP_256_R_1) => ecdsa(Algorithm::EcdsaP256Sha256),
                Ok(rfc5912::SECP_384_R_1) => ecdsa(Algorithm::EcdsaP384Sha384),
                Ok(rfc5912::SECP_521_R_1) => ecdsa(Algorithm::EcdsaP521Sha512),
                Ok(oid) => Err(FromPkcs8Error::Unsupported { oid }),
                Err(_) => Err(FromPkcs8Error::Inconsistent),
            },
            rfc5912::RSA_ENCRYPTION => RsaKeyPair::from_pkcs8(der)
                .map(Self::Rsa)
                .map_err(|_| FromPkcs8Error::Inconsistent),
            rfc8410::ID_ED_25519 => Ed25519KeyPair::from_pkcs8(der)
                .map(Self::Ed25519)
                .map_err(|_| FromPkcs8Error::Inconsistent),
            oid => Err(FromPkcs8Error::Unsupported { oid }),
        }
    }

    fn spki_der(&self) -> Result<PublicKeyX509Der<'static>, Unspecified> {
        match self {
            Self::Ecdsa(pair) => pair.public_key().as_der(),
            Self::Ed25519(pair) => pair.public_key().as_der(),
            Self::Rsa(pair) => pair.public_key().as_der(),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        // aws-lc brings its own randomness and ignores what is handed over.
        let random = SystemRandom::new();
        match self {
            Self::Ecdsa(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Self::Ed25519(pair) => Ok(pair.try_sign(message)?.as_ref().to_vec()),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }
}

#[async_trait]
impl Signer for LocalKey {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Signs on the thread that polls. Even RSA-4096 keeps it for 1.5 ms only; handing over to a
    /// blocking thread and back would cost more than every other key does.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.sign_now(message)
    }
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalKey").field(&self.public_key).finish()
    }
}

/// No key was made: the system gave neither memory nor randomness.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no key could be generated: the system gave neither memory nor randomness")]
pub struct GenerateKeyError;

/// Why a PKCS#8 document gave no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FromPkcs8Error {
    /// It is not a `PrivateKeyInfo`.
    NotPkcs8,
    /// It is one, but its numbers do not make a key.
    Inconsistent,
    /// It is a key of an algorithm or a curve that we do not sign with.
    Unsupported { oid: ObjectIdentifier },
}
