//! What is genuine here: the one key that signs tokens and requests, and the time.

use std::future::Future;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

/// The present, in seconds since the epoch.
pub(crate) const NOW: u64 = 1_700_000_000;

static KEY: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("32 octets are a seed"));

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("threads")
});

pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the key as an issuer publishes it.
pub(crate) fn jwk() -> Value {
    let x = base64url(KEY.public_key().as_ref());
    json!({"kty": "OKP", "crv": "Ed25519", "kid": "genuine", "x": x})
}

/// Returns the key as DER `SubjectPublicKeyInfo` (RFC 8410, section 4).
pub(crate) fn spki_der() -> Vec<u8> {
    const HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
    [&HEAD[..], KEY.public_key().as_ref()].concat()
}

pub(crate) fn sign(message: &[u8]) -> Vec<u8> {
    KEY.sign(message).as_ref().to_vec()
}

/// Returns a token with a good signature, whatever its header says.
pub(crate) fn token(header: &[u8], payload: &[u8]) -> String {
    let signed = format!("{}.{}", base64url(header), base64url(payload));
    let signature = base64url(&sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}
