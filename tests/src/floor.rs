//! The cryptographic floor: what the signatures of one issuance cost on this machine, and nothing
//! else.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use sha2::{Digest, Sha256};

/// What each part costs.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    /// Verifying an RS256 token of 700 bytes.
    pub token: Duration,
    /// Verifying a P-256 proof of possession.
    pub proof: Duration,
    /// Three P-256 signatures: precertificate, SCT, final certificate.
    pub signatures: Duration,
    /// SHA-256 of what is signed, hashed into the tree, and recorded.
    pub hashing: Duration,
}

impl Floor {
    /// Returns the sum.
    pub fn total(&self) -> Duration {
        self.token + self.proof + self.signatures + self.hashing
    }

    /// Measures with every core busy, as it is while a server is under load: processors that share
    /// a core are slower then, and the server's own figure is taken in that state.
    pub fn measure_busy() -> anyhow::Result<Self> {
        let cores = thread::available_parallelism()?.get();
        thread::scope(|scope| {
            let others: Vec<_> = (1..cores).map(|_| scope.spawn(Self::measure)).collect();
            let measured = Self::measure();
            for other in others {
                other
                    .join()
                    .map_err(|_| anyhow::anyhow!("a thread ended"))??;
            }
            measured
        })
    }

    /// Measures each part, as the median of many runs on one thread.
    pub fn measure() -> anyhow::Result<Self> {
        let random = SystemRandom::new();
        let message = [7u8; 700];

        let rsa = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).context("RSA key")?;
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature)
            .context("RSA signature")?;
        let rsa_public = rsa.public_key().as_ref().to_vec();
        let token = median(|| {
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &rsa_public)
                .verify(&message, &signature)
                .is_ok()
        })?;

        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).context("EC key")?;
        let proof_signature = ec.sign(&random, &message).context("EC signature")?;
        let ec_public = ec.public_key().as_ref().to_vec();
        let proof = median(|| {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &ec_public)
                .verify(&message, proof_signature.as_ref())
                .is_ok()
        })?;
        let signatures = 3 * median(|| ec.sign(&random, &message).is_ok())?;
        let certificate = [9u8; 1_500];
        let hashing = 2 * median(|| Sha256::digest(certificate)[0] < 255 || message[0] == 7)?;
        Ok(Self {
            token,
            proof,
            signatures,
            hashing,
        })
    }
}

fn median(mut act: impl FnMut() -> bool) -> anyhow::Result<Duration> {
    let mut times = Vec::with_capacity(2_001);
    for _ in 0..2_001 {
        let begun = Instant::now();
        anyhow::ensure!(std::hint::black_box(act()), "an operation failed");
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
