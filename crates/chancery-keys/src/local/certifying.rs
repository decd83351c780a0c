//! Lends a key to rcgen, which makes the instance's own certificates, without handing it over.

use rcgen::{
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519,
    PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm, SigningKey,
};

use crate::{Algorithm, LocalKey, Signer};

impl PublicKeyData for LocalKey {
    fn der_bytes(&self) -> &[u8] {
        self.public_key().subject_public_key()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.public_key().algorithm() {
            Algorithm::EcdsaP256Sha256 => &PKCS_ECDSA_P256_SHA256,
            Algorithm::EcdsaP384Sha384 => &PKCS_ECDSA_P384_SHA384,
            Algorithm::EcdsaP521Sha512 => &PKCS_ECDSA_P521_SHA512,
            Algorithm::Ed25519 => &PKCS_ED25519,
            Algorithm::RsaPkcs1Sha256 => &PKCS_RSA_SHA256,
        }
    }
}

impl SigningKey for LocalKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.sign_now(message)
            .map_err(|_| rcgen::Error::RemoteKeyError)
    }
}
