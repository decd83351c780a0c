//! Tests of what is taken for a key, and why the rest is not.

use serde_json::json;

use super::*;

/// The y coordinates of the points of order 8, little-endian.
const ORDER_EIGHT: [[u8; 32]; 2] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

fn b64(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

fn code(jwk: Value) -> &'static str {
    Key::parse(jwk).map_or_else(|fault| fault.code(), |_| "accepted")
}

fn ed25519(x: [u8; 32]) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": b64(x)})
}

/// The sum of a number of less than 256 bits, little-endian, and a small one.
fn plus(mut number: [u8; 32], mut addend: u8) -> [u8; 32] {
    for octet in &mut number {
        let (sum, carry) = octet.overflowing_add(addend);
        *octet = sum;
        addend = u8::from(carry);
    }
    number
}

#[test]
fn ed25519_keys_of_small_order_are_refused_in_every_encoding() {
    let mut prime = [0xff; 32];
    (prime[0], prime[31]) = (0xed, 0x7f);
    let mut minus_one = prime;
    minus_one[0] = 0xec;
    let zero = [0; 32];
    let mut weak = vec![zero, plus(zero, 1), minus_one];
    weak.extend(ORDER_EIGHT);
    // Every y from p to 2^255 - 1, the same points or others in a form that nobody should send.
    weak.extend((0..19).map(|more| plus(prime, more)));
    for y in weak {
        assert_eq!(code(ed25519(y)), "key-small-order", "{y:02x?}");
        let mut negative = y;
        negative[31] |= 0x80;
        assert_eq!(code(ed25519(negative)), "key-small-order", "{y:02x?}");
    }
    // RFC 8032, section 7.1, test 1; and the largest y that is neither.
    let good = [
        0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07,
        0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07,
        0x51, 0x1a,
    ];
    assert_eq!(code(ed25519(good)), "accepted");
    let mut minus_two = prime;
    minus_two[0] = 0xeb;
    assert_ne!(code(ed25519(minus_two)), "key-small-order");
}

/// What makes a key of small order worthless: with the neutral element for a key, a signature whose
/// first half is the key and whose second is zero is good for every message, had it been accepted.
#[test]
fn a_key_of_small_order_would_verify_a_forgery() {
    let algorithm = Algorithm::EdDsa;
    let neutral = plus([0; 32], 1);
    let key = ParsedPublicKey::new(algorithm.curve().unwrap(), neutral).unwrap();
    let forged = [neutral, [0; 32]].concat();
    assert!(key.verify_sig(b"anything", &forged).is_ok());
    assert!(key.verify_sig(b"anything else", &forged).is_ok());
}

#[test]
fn each_key_that_is_not_used_has_its_reason() {
    let modulus = |octets: usize, last: u8| {
        let middle = vec![1; octets - 2];
        b64([&[0x80], middle.as_slice(), &[last]].concat())
    };
    let rsa = |n: String, e: &str| json!({"kty": "RSA", "n": n, "e": e});
    let with = |mut jwk: Value, name: &str, value: Value| {
        jwk[name] = value;
        jwk
    };
    let good = || rsa(modulus(256, 1), "AQAB");
    let point = json!({"kty": "EC", "crv": "P-256", "x": b64([1; 32]), "y": b64([1; 32])});
    for (jwk, expected) in [
        (good(), "accepted"),
        (with(good(), "use", json!("sig")), "accepted"),
        (with(good(), "key_ops", json!(["verify"])), "accepted"),
        (with(good(), "alg", json!("PS512")), "accepted"),
        (rsa(modulus(64, 1), "AQAB"), "key-modulus-refused"),
        (rsa(modulus(255, 1), "AQAB"), "key-modulus-refused"),
        (rsa(modulus(1025, 1), "AQAB"), "key-modulus-refused"),
        (rsa(modulus(256, 2), "AQAB"), "key-modulus-refused"),
        (rsa(modulus(256, 1), "AQ"), "key-exponent-refused"),
        (rsa(modulus(256, 1), "Ag"), "key-exponent-refused"),
        (rsa(modulus(256, 1), "AQAAAAE"), "key-exponent-refused"),
        (rsa(modulus(256, 1), ""), "key-malformed"),
        (rsa(modulus(256, 1), "!"), "key-malformed"),
        (with(good(), "n", json!(7)), "key-malformed"),
        (
            with(good(), "kid", json!("k".repeat(1025))),
            "key-malformed",
        ),
        (with(good(), "use", json!("enc")), "key-not-for-signatures"),
        (
            with(good(), "key_ops", json!(["sign"])),
            "key-not-for-signatures",
        ),
        (with(good(), "key_ops", json!([])), "key-not-for-signatures"),
        (
            with(good(), "alg", json!("RSA-OAEP")),
            "key-algorithm-mismatch",
        ),
        (
            with(good(), "alg", json!("ES256")),
            "key-algorithm-mismatch",
        ),
        (
            with(good(), "alg", json!("HS256")),
            "key-algorithm-mismatch",
        ),
        (with(good(), "alg", json!("none")), "key-algorithm-mismatch"),
        (with(good(), "d", json!("AQ")), "key-private"),
        (json!({"kty": "oct", "k": "c2VjcmV0"}), "key-secret"),
        (json!({"kty": "AKP"}), "key-type-unsupported"),
        (
            json!({"kty": "EC", "crv": "P-192"}),
            "key-curve-unsupported",
        ),
        (
            json!({"kty": "OKP", "crv": "X25519"}),
            "key-curve-unsupported",
        ),
        (
            json!({"kty": "OKP", "crv": "Ed25519", "x": b64([9; 31])}),
            "key-malformed",
        ),
        (
            with(point.clone(), "x", json!(b64([1; 31]))),
            "key-malformed",
        ),
        (point, "key-off-curve"),
        (json!({"kty": "EC"}), "key-malformed"),
        (json!("a key"), "key-malformed"),
        (json!(null), "key-malformed"),
    ] {
        assert_eq!(code(jwk.clone()), expected, "{jwk}");
    }
}

#[test]
fn a_reason_shows_no_part_of_a_secret() {
    let private = json!({"kty": "RSA", "d": "c2VjcmV0", "n": "AQ", "e": "AQAB"});
    let fault = Key::parse(private).unwrap_err();
    assert!(!format!("{fault} {fault:?}").contains("c2Vj"));
}
