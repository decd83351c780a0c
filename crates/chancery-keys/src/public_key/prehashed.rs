//! Verifying over a digest that somebody else made of a message which is not at hand.

use aws_lc_rs::digest::{self, Digest};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::digest::consts::U64;
use sha2::digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Update};

use super::{BadSignature, PublicKey};
use crate::{Algorithm, HashAlgorithm};

impl PublicKey {
    /// Returns the hash of the digests that [`verify_digest`](Self::verify_digest) takes: that of
    /// the key's [algorithm](Self::algorithm), and SHA-512 for Ed25519ph.
    #[must_use]
    pub fn digest_algorithm(&self) -> HashAlgorithm {
        match self.algorithm() {
            Algorithm::EcdsaP256Sha256 | Algorithm::RsaPkcs1Sha256 => HashAlgorithm::Sha256,
            Algorithm::EcdsaP384Sha384 => HashAlgorithm::Sha384,
            Algorithm::EcdsaP521Sha512 | Algorithm::Ed25519 => HashAlgorithm::Sha512,
        }
    }

    /// Verifies `signature` over a message of which only the digest is known.
    ///
    /// A signature says nothing of a digest that its sender chose freely, unless somebody holds
    /// that against a message some day: this is for logs, which keep both. An Ed25519 key verifies
    /// Ed25519ph with an empty context (RFC 8032, section 5.1), never pure Ed25519, which has no
    /// digest.
    ///
    /// # Errors
    /// [`BadSignature`], also if the digest is not one of
    /// [`digest_algorithm`](Self::digest_algorithm).
    pub fn verify_digest(&self, digest: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.refuse_weak_signature(signature)?;
        if self.algorithm() == Algorithm::Ed25519 {
            return self.verify_ed25519ph(digest, signature);
        }
        let algorithm = match self.digest_algorithm() {
            HashAlgorithm::Sha256 => &digest::SHA256,
            HashAlgorithm::Sha384 => &digest::SHA384,
            HashAlgorithm::Sha512 => &digest::SHA512,
        };
        let digest = Digest::import_less_safe(digest, algorithm).map_err(|_| BadSignature)?;
        self.0
            .verifier
            .verify_digest_sig(&digest, signature)
            .map_err(|_| BadSignature)
    }

    fn verify_ed25519ph(&self, digest: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let digest = <[u8; 64]>::try_from(digest).map_err(|_| BadSignature)?;
        let key = self.subject_public_key().try_into();
        let key = VerifyingKey::from_bytes(key.map_err(|_| BadSignature)?);
        let signature = Signature::from_slice(signature).map_err(|_| BadSignature)?;
        key.map_err(|_| BadSignature)?
            .verify_prehashed_strict(Made(digest), None, &signature)
            .map_err(|_| BadSignature)
    }
}

/// A SHA-512 that somebody else has made, where one to be finished is wanted.
struct Made([u8; 64]);

impl Default for Made {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl HashMarker for Made {}

impl OutputSizeUser for Made {
    type OutputSize = U64;
}

impl Update for Made {
    fn update(&mut self, _: &[u8]) {}
}

impl FixedOutput for Made {
    fn finalize_into(self, out: &mut Output<Self>) {
        out.copy_from_slice(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256, Sha384, Sha512};

    use super::*;
    use crate::{KeyType, LocalKey, Signer as _};

    const MESSAGE: &[u8] = b"hello, chancery\n";

    fn digests() -> [Vec<u8>; 3] {
        [
            Sha256::digest(MESSAGE).to_vec(),
            Sha384::digest(MESSAGE).to_vec(),
            Sha512::digest(MESSAGE).to_vec(),
        ]
    }

    #[test]
    fn a_signature_over_a_message_verifies_over_its_digest_alone() {
        let kinds = [
            (KeyType::P256, 0),
            (KeyType::P384, 1),
            (KeyType::P521, 2),
            (KeyType::Rsa2048, 0),
        ];
        for (kind, own) in kinds {
            let key = LocalKey::generate(kind).unwrap();
            let signature = key.sign_now(MESSAGE).unwrap();
            for (place, digest) in digests().iter().enumerate() {
                let verified = key.public_key().verify_digest(digest, &signature);
                assert_eq!(verified.is_ok(), place == own, "{kind} {place}");
            }
            let mut other = digests()[own].clone();
            other[0] ^= 1;
            let verified = key.public_key().verify_digest(&other, &signature);
            assert_eq!(verified, Err(BadSignature), "{kind}");
        }
    }

    #[test]
    fn ed25519_verifies_the_prehashed_kind_and_not_the_pure_one() {
        // RFC 8032, section 7.3.
        let hex = |text: &str| hex::decode(text).unwrap();
        let key = hex("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf");
        let signature = hex(
            "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41\
             31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406",
        );
        let key = PublicKey::from_ed25519(&key.try_into().unwrap()).unwrap();
        let digest = Sha512::digest(b"abc");
        assert_eq!(key.verify_digest(&digest, &signature), Ok(()));
        let other = Sha512::digest(b"abd");
        assert_eq!(key.verify_digest(&other, &signature), Err(BadSignature));
        assert_eq!(key.verify_digest(b"abc", &signature), Err(BadSignature));

        let pure = LocalKey::generate(KeyType::Ed25519).unwrap();
        let signature = pure.sign_now(&digest).unwrap();
        let verified = pure.public_key().verify_digest(&digest, &signature);
        assert_eq!(verified, Err(BadSignature));
    }
}
