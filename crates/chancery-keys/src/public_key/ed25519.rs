//! Ed25519 public keys (RFC 8032, section 5.1; RFC 8410): the weak ones are refused.
//!
//! A key of small order verifies signatures that nobody made: with the neutral element as key,
//! `R` = neutral element and `S` = 0 verify over every message. RFC 8032 does not demand that
//! verifiers look (section 5.1.7), so they differ; "Taming the Many `EdDSAs`" (Chalkias, Garillot
//! and Nikolaenko, IACR ePrint 2020/1244, table 1) lists the encodings in question.

use der::asn1::AnyRef;

use super::PublicKeyError;

/// What stands before the 32 bytes in a `SubjectPublicKeyInfo`: the sequence, the algorithm without
/// parameters (1.3.101.112) and the head of the bit string.
pub(super) const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// The prime of the field, 2^255 - 19, little-endian.
const FIELD_PRIME: [u8; 32] = {
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    prime
};

/// The y coordinates of the eight points whose order divides the cofactor 8, little-endian. Each
/// stands for the points `(x, y)` and `(-x, y)`, which differ in the sign bit only.
pub(super) const SMALL_ORDER_Y: [[u8; 32]; 5] = [
    // order 1: y = 1
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ],
    // order 2: y = -1
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
    // order 4: y = 0
    [0; 32],
    // order 8
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    // order 8: the negative of the one before
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// The sign of x, in the last byte of an encoding.
const SIGN_BIT: u8 = 0x80;

/// Checks parameters, encoding and order.
///
/// An encoding that no point has passes: no signature verifies with it, so it proves nothing.
pub(super) fn check(parameters: Option<AnyRef<'_>>, key: &[u8]) -> Result<(), PublicKeyError> {
    // RFC 8410, section 3: the parameters MUST be absent.
    if parameters.is_some() {
        return Err(PublicKeyError::WrongParameters {
            expected: "an Ed25519 key has none",
        });
    }
    let key: [u8; 32] = key.try_into().map_err(|_| PublicKeyError::InvalidEd25519 {
        reason: "it has not 32 bytes",
    })?;
    match weakness(key) {
        None => Ok(()),
        Some(reason) => Err(PublicKeyError::WeakEd25519 { reason }),
    }
}

/// Tells whether `R`, the signature's first half, is weak. RFC 8032 lets verifiers differ here too,
/// and nobody who signs by its rules makes such a signature.
pub(super) fn is_weak_signature(signature: &[u8]) -> bool {
    match signature.first_chunk() {
        Some(r) => weakness(*r).is_some(),
        None => true,
    }
}

/// Tells whether a key's encoding is not canonical, or is of one of the eight points of small order,
/// under each of which one signature is good for every message or every eighth.
pub fn is_weak_ed25519(key: [u8; 32]) -> bool {
    weakness(key).is_some()
}

fn weakness(mut y: [u8; 32]) -> Option<&'static str> {
    y[31] &= !SIGN_BIT;
    if y.iter().rev().ge(FIELD_PRIME.iter().rev()) {
        Some("its encoding is not canonical")
    } else if SMALL_ORDER_Y.contains(&y) {
        Some("it is of small order: anybody can sign for it")
    } else {
        None
    }
}
