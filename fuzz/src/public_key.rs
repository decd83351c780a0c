//! Public keys, PEM or DER: a key has one encoding, PEM and DER mean the same, and what is no
//! signature proves nothing.

use chancery_ca::PossessionRequest;
use chancery_keys::{Algorithm, PublicKey};

use crate::possession::{NAME, armor, prove};

/// Reads a public key. An input is what a client puts into `publicKey.content`.
pub fn run(input: &[u8]) {
    let as_sent = judge(input);
    if input.first() != Some(&0x30) || input.windows(11).any(|part| part == b"-----BEGIN ") {
        return;
    }
    assert_eq!(judge(&armor("PUBLIC KEY", input)), as_sent, "PEM differs");
    judge(&armor("RSA PUBLIC KEY", input));
    let Ok(key) = PublicKey::from_spki_der(input) else {
        return;
    };
    assert_eq!(key.spki_der(), input);
    assert!(input.ends_with(key.subject_public_key()));
    assert_eq!(PublicKey::from_spki_der(key.spki_der()).as_ref(), Ok(&key));
    for forged in forgeries(&key) {
        assert!(key.verify(NAME.as_bytes(), &forged).is_err());
        assert!(key.verify_der_or_p1363(NAME.as_bytes(), &forged).is_err());
    }
}

/// Returns why the key is refused with a proof that is none.
fn judge(content: &[u8]) -> &'static str {
    let request = PossessionRequest::PublicKey {
        content: content.to_vec(),
        proof: content.iter().rev().take(64).copied().collect(),
    };
    prove(&request).expect_err("a proof that nobody made")
}

/// Returns what verifies where an implementation forgets a check: zero, one, and the neutral point.
pub(crate) fn forgeries(key: &PublicKey) -> Vec<Vec<u8>> {
    let length = match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::EcdsaP256Sha256 => 64,
        Algorithm::EcdsaP384Sha384 => 96,
        Algorithm::EcdsaP521Sha512 => 132,
        Algorithm::RsaPkcs1Sha256 => key.rsa_modulus_bits().unwrap_or_default().div_ceil(8),
    };
    forgeries_of(length)
}

/// Returns such forgeries of a length, and the DER of ECDSA's.
pub(crate) fn forgeries_of(length: usize) -> Vec<Vec<u8>> {
    let zero = vec![0; length];
    let (mut one, mut neutral) = (zero.clone(), zero.clone());
    if let (Some(last), Some(first)) = (one.last_mut(), neutral.first_mut()) {
        (*last, *first) = (1, 1);
    }
    let number = |n| [2, 1, n];
    let der = |r, s| [&[0x30, 6][..], &number(r), &number(s)].concat();
    vec![
        Vec::new(),
        zero,
        one,
        neutral,
        der(0, 0),
        der(1, 0),
        der(0, 1),
        der(1, 1),
    ]
}
