//! Public keys that must be refused, one line each, and the forgeries that this prevents.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use const_oid::db::{rfc5912, rfc8410};
use num_bigint::BigUint;

use super::*;
use crate::{KeyType, LocalKey, Signer};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const NULL: &[u8] = &[5, 0];
/// 1.3.132.0.10
const SECP256K1: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 10];
/// 1.3.101.110
const X25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x6e];

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        length @ 0..=0x7f => out.push(length as u8),
        length => {
            let length = length.to_be_bytes();
            let zeros = length.iter().take_while(|byte| **byte == 0).count();
            out.push(0x80 | (length.len() - zeros) as u8);
            out.extend(&length[zeros..]);
        }
    }
    out.extend(content);
    out
}

fn spki(algorithm: &[u8], parameters: &[u8], key: &[u8]) -> Vec<u8> {
    let algorithm = tlv(SEQUENCE, &[algorithm, parameters].concat());
    let key = tlv(BIT_STRING, &[&[0], key].concat());
    tlv(SEQUENCE, &[algorithm, key].concat())
}

fn oid(oid: ObjectIdentifier) -> Vec<u8> {
    oid.to_der().unwrap()
}

fn ec(parameters: &[u8], point: &[u8]) -> Vec<u8> {
    spki(&oid(rfc5912::ID_EC_PUBLIC_KEY), parameters, point)
}

fn p256(point: &[u8]) -> Vec<u8> {
    ec(&oid(rfc5912::SECP_256_R_1), point)
}

fn rsa(parameters: &[u8], modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let numbers = [tlv(INTEGER, modulus), tlv(INTEGER, exponent)].concat();
    let key = tlv(SEQUENCE, &numbers);
    spki(&oid(rfc5912::RSA_ENCRYPTION), parameters, &key)
}

fn ed25519(parameters: &[u8], key: &[u8]) -> Vec<u8> {
    spki(&oid(rfc8410::ID_ED_25519), parameters, key)
}

fn public_key(key_type: KeyType) -> PublicKey {
    LocalKey::generate(key_type).unwrap().public_key().clone()
}

fn refused(der: &[u8]) -> PublicKeyError {
    PublicKey::from_spki_der(der).expect_err("a bad key was accepted")
}

/// Asserts that each key is refused with a message that has the words.
fn assert_refused(table: &[(&str, Vec<u8>)]) {
    for (words, der) in table {
        let message = refused(der).to_string();
        assert!(message.contains(words), "not {words:?}: {message}");
    }
}

#[test]
fn points_that_are_not_uncompressed_points_of_their_curve_are_refused() {
    let good = public_key(KeyType::P256).subject_public_key().to_vec();
    let (x, y) = (&good[1..33], &good[33..]);
    let parity = y[31] & 1;
    let with_form = |form: u8| [&[form], &good[1..]].concat();
    let mut off_curve = good.clone();
    off_curve[64] ^= 1;
    // What the table changes is what makes its keys bad.
    PublicKey::from_spki_der(&p256(&good)).unwrap();
    assert_refused(&[
        ("compressed", p256(&[&[2 + parity], x].concat())),
        ("compressed", p256(&with_form(2 + parity))),
        ("not in uncompressed form", p256(&with_form(6 + parity))),
        ("not in uncompressed form", p256(&with_form(5))),
        ("not in uncompressed form", p256(&[])),
        ("infinity", p256(&[0])),
        ("infinity", p256(&with_form(0))),
        ("not on its curve", p256(&off_curve)),
        ("not on its curve", p256(&[&[4], &[0; 64][..]].concat())),
        ("not on its curve", p256(&[&[4], &[0xff; 64][..]].concat())),
        ("not on its curve", p256(&[&[4], y, x].concat())),
        ("length", p256(&good[..64])),
        ("length", p256(&[&good[..], &[0]].concat())),
        ("length", p256(&[4])),
        ("length", ec(&oid(rfc5912::SECP_384_R_1), &good)),
    ]);
    for (curve, key_type) in [
        (rfc5912::SECP_384_R_1, KeyType::P384),
        (rfc5912::SECP_521_R_1, KeyType::P521),
    ] {
        let mut point = public_key(key_type).subject_public_key().to_vec();
        PublicKey::from_spki_der(&ec(&oid(curve), &point)).unwrap();
        *point.last_mut().unwrap() ^= 1;
        assert_refused(&[("not on its curve", ec(&oid(curve), &point))]);
    }
}

#[test]
fn curves_that_are_not_named_or_not_known_are_refused() {
    let point = public_key(KeyType::P256).subject_public_key().to_vec();
    // ECParameters of SEC 1, appendix C.2, as far as a reader must get to be fooled.
    let explicit = tlv(
        SEQUENCE,
        &[tlv(INTEGER, &[1]), tlv(OCTET_STRING, &point)].concat(),
    );
    assert_refused(&[
        ("names its curve", ec(&explicit, &point)),
        ("names its curve", ec(NULL, &point)),
        ("names its curve", ec(&[], &point)),
        ("curve 1.3.132.0.10", ec(SECP256K1, &point)),
        (
            "curve 1.3.132.0.33",
            ec(&oid(rfc5912::SECP_224_R_1), &point[..57]),
        ),
    ]);
}

#[test]
fn encodings_other_than_the_one_in_der_are_refused() {
    let good = public_key(KeyType::P256).spki_der().to_vec();
    let content = &good[2..];
    let (algorithm, key) = (&good[2..23], &good[23..]);
    assert_eq!((key[0], key[2]), (BIT_STRING, 0));
    let mut unused_bits = good.clone();
    unused_bits[25] = 1;
    let indefinite = [&[0x30, 0x80], content, &[0, 0]].concat();
    let nested = tlv(SEQUENCE, &good);
    let third = tlv(SEQUENCE, &[content, NULL].concat());
    let extra_parameter = tlv(
        SEQUENCE,
        &[
            tlv(SEQUENCE, &[&algorithm[2..], NULL].concat()),
            key.to_vec(),
        ]
        .concat(),
    );
    for (what, der) in [
        ("trailing bytes", [&good[..], &[0]].concat()),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("empty", vec![]),
        ("indefinite length", indefinite),
        (
            "non-minimal length",
            [&[0x30, 0x81, good[1]], content].concat(),
        ),
        (
            "length of 4 GB",
            [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], content].concat(),
        ),
        ("unused bits", unused_bits),
        ("a sequence too many", nested),
        ("a third field", third),
        ("two parameters", extra_parameter),
        (
            "PKCS#1 without SPKI",
            public_key(KeyType::Rsa2048).subject_public_key().to_vec(),
        ),
    ] {
        let error = PublicKey::from_spki_der(&der).expect_err(what);
        let expected = matches!(
            error,
            PublicKeyError::NotDer { .. } | PublicKeyError::NotCanonical
        );
        assert!(expected, "{what}: {error}");
    }
}

#[test]
fn algorithms_that_do_not_sign_are_refused() {
    let key = [7; 32];
    let dsa = oid(rfc5912::ID_DSA);
    let pss = oid(rfc5912::ID_RSASSA_PSS);
    let rsa = public_key(KeyType::Rsa2048).subject_public_key().to_vec();
    assert_refused(&[
        ("algorithm 1.3.101.110", spki(X25519, &[], &key)),
        ("algorithm 1.2.840.10040.4.1", spki(&dsa, NULL, &key)),
        ("algorithm 1.2.840.113549.1.1.10", spki(&pss, &[], &rsa)),
    ]);
}

#[test]
fn rsa_numbers_out_of_bounds_are_refused() {
    let key = public_key(KeyType::Rsa2048);
    let modulus = [&[0], key.rsa_modulus().unwrap()].concat();
    let e = &[1, 0, 1];
    let mut even = modulus.clone();
    *even.last_mut().unwrap() &= 0xfe;
    let of_bytes = |bytes: usize| [&[0], &vec![0xff; bytes][..]].concat();
    assert_eq!(rsa(NULL, &modulus, e), key.spki_der());
    assert_refused(&[
        ("an RSA key has NULL", rsa(&[], &modulus, e)),
        ("an RSA key has NULL", rsa(SECP256K1, &modulus, e)),
        ("modulus is even", rsa(NULL, &even, e)),
        ("of 1024 bits", rsa(NULL, &of_bytes(128), e)),
        (
            "of 2047 bits",
            rsa(NULL, &[&[0x7f], &[0xff; 255][..]].concat(), e),
        ),
        ("of 8200 bits", rsa(NULL, &of_bytes(1025), e)),
        ("of 16384 bits", rsa(NULL, &of_bytes(2048), e)),
        ("DER", rsa(NULL, &modulus[1..], e)),
        ("DER", rsa(NULL, &[&[0], &modulus[..]].concat(), e)),
        ("DER", rsa(NULL, &modulus, &[])),
        ("DER", rsa(NULL, &modulus, &[0xfd])),
        ("exponent is 0", rsa(NULL, &modulus, &[0])),
        ("even or less than 3", rsa(NULL, &modulus, &[1])),
        ("even or less than 3", rsa(NULL, &modulus, &[2])),
        ("even or less than 3", rsa(NULL, &modulus, &[1, 0, 0])),
        ("more than 33 bits", rsa(NULL, &modulus, &[2, 0, 0, 0, 1])),
        ("more than 33 bits", rsa(NULL, &modulus, &[0x7f; 8])),
        (
            "more than 63 bits",
            rsa(NULL, &modulus, &[0, 0x80, 0, 0, 0, 0, 0, 0, 1]),
        ),
        ("more than 63 bits", rsa(NULL, &modulus, &[1; 9])),
        ("more than 63 bits", rsa(NULL, &modulus, &modulus)),
        ("modulus is 0", rsa(NULL, &[0], e)),
    ]);
    PublicKey::from_spki_der(&rsa(NULL, &modulus, &[3])).unwrap();
    PublicKey::from_spki_der(&rsa(NULL, &modulus, &[1, 0, 0, 0, 1])).unwrap();
    PublicKey::from_spki_der(&rsa(NULL, &of_bytes(1024), e)).unwrap();

    let trailing = [key.subject_public_key(), &[0]].concat();
    let trailing = spki(&oid(rfc5912::RSA_ENCRYPTION), NULL, &trailing);
    assert_refused(&[("DER", trailing)]);
}

#[test]
fn ed25519_keys_of_the_wrong_shape_are_refused() {
    let good = public_key(KeyType::Ed25519).subject_public_key().to_vec();
    let little_endian = |low: u8, high: u8| {
        let mut y = [0xff; 32];
        (y[0], y[31]) = (low, high);
        y
    };
    assert_eq!(ed25519(&[], &good), public_key_of(&good).spki_der());
    assert_refused(&[
        ("has none", ed25519(NULL, &good)),
        ("has not 32 bytes", ed25519(&[], &good[..31])),
        (
            "has not 32 bytes",
            ed25519(&[], &[&good[..], &[0]].concat()),
        ),
        ("not canonical", ed25519(&[], &little_endian(0xed, 0x7f))),
        ("not canonical", ed25519(&[], &little_endian(0xed, 0xff))),
        ("not canonical", ed25519(&[], &little_endian(0xee, 0x7f))),
        ("not canonical", ed25519(&[], &little_endian(0xff, 0x7f))),
        ("not canonical", ed25519(&[], &little_endian(0xff, 0xff))),
    ]);
    // The largest canonical coordinate but one; the largest is of order 2.
    let below = little_endian(0xeb, 0x7f);
    PublicKey::from_spki_der(&ed25519(&[], &below)).unwrap();
}

fn public_key_of(ed25519_key: &[u8]) -> PublicKey {
    PublicKey::from_spki_der(&ed25519(&[], ed25519_key)).unwrap()
}

/// Proves the table by what the keys do: a signature that needs no private key verifies under
/// each of them as soon as the hash is a multiple of their order.
#[test]
fn ed25519_keys_under_which_anybody_can_sign_are_refused() {
    let mut forgery = [0; 64];
    forgery[0] = 1;
    for (index, y) in ed25519::SMALL_ORDER_Y.into_iter().enumerate() {
        for sign_bit in [0, 0x80] {
            let mut key = y;
            key[31] |= sign_bit;
            assert_refused(&[("small order", ed25519(&[], &key))]);

            // x is 0 for the orders 1 and 2: a sign there makes no encoding of a point, and
            // verifiers differ in what they do with it.
            if index < 2 && sign_bit != 0 {
                continue;
            }
            let unchecked = UnparsedPublicKey::new(&ED25519, key);
            let forged = (0..200_u32).any(|n| unchecked.verify(&n.to_be_bytes(), &forgery).is_ok());
            assert!(forged, "{key:02x?}");
        }
    }
}

/// RFC 8032, section 5.1.7: S must be less than the order of the base point, or each signature
/// would have a second form.
#[test]
fn the_second_form_of_an_ed25519_signature_is_refused() {
    let order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let order = hex::decode(order).unwrap();
    let signer = LocalKey::generate(KeyType::Ed25519).unwrap();
    let mut signature = signer.sign_now(b"message").unwrap();
    signer.public_key().verify(b"message", &signature).unwrap();
    let mut carry = 0;
    for (byte, addend) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(addend) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    let refusal = signer.public_key().verify(b"message", &signature);
    assert_eq!(refusal, Err(BadSignature));
}

#[test]
fn ecdsa_signatures_that_are_not_strict_der_are_refused() {
    let signer = LocalKey::generate(KeyType::P256).unwrap();
    let good = signer.sign_now(b"message").unwrap();
    let refuse = |signature: &[u8]| {
        let result = signer.public_key().verify(b"message", signature);
        assert_eq!(result, Err(BadSignature), "{signature:02x?}");
    };
    let one = tlv(INTEGER, &[1]);
    let zero = tlv(INTEGER, &[0]);
    refuse(&tlv(SEQUENCE, &[&zero[..], &zero].concat()));
    refuse(&tlv(SEQUENCE, &[&one[..], &one].concat()));
    refuse(&[&[0x30, 0x81, good[1]], &good[2..]].concat());
    refuse(&tlv(SEQUENCE, &[&good[2..], NULL].concat()));
    refuse(&[1; 64]);
    refuse(&vec![0x30; 1 << 20]);
}

#[test]
fn equal_keys_are_those_with_equal_encodings() {
    let key = public_key(KeyType::P256);
    let again = PublicKey::from_spki_der(key.spki_der()).unwrap();
    assert_eq!(key, again);
    assert_eq!(key.sha256(), again.sha256());
    assert_ne!(key, public_key(KeyType::P256));
}

/// NIST's example (RFC 6979, appendix A.2.5), so that not only our own signatures are verified.
#[test]
fn the_signature_of_rfc_6979_verifies() {
    let point = hex::decode(concat!(
        "04",
        "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
        "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
    ))
    .unwrap();
    let r = "00efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
    let s = "00f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    let number = |digits: &str| tlv(INTEGER, &hex::decode(digits).unwrap());
    let signature = tlv(SEQUENCE, &[number(r), number(s)].concat());
    let key = PublicKey::from_spki_der(&p256(&point)).unwrap();
    key.verify(b"sample", &signature).unwrap();
    assert_eq!(key.verify(b"test", &signature), Err(BadSignature));
}

/// With `R` the neutral element, `S` = `h·a` verifies. Only who has the key can make that, but by
/// RFC 8032 nobody does.
#[test]
fn an_ed25519_signature_with_a_weak_half_is_refused() {
    let sha512 = |bytes: &[u8]| digest::digest(&digest::SHA512, bytes).as_ref().to_vec();
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public = pair.public_key().as_ref();
    // RFC 8032, section 5.1.5
    let mut scalar = sha512(&[7; 32])[..32].to_vec();
    scalar[0] &= 0xf8;
    scalar[31] = scalar[31] & 0x7f | 0x40;
    let r = ed25519::SMALL_ORDER_Y[0];
    let h = sha512(&[&r, public, b"message"].concat());
    let order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let order = BigUint::from_bytes_le(&hex::decode(order).unwrap());
    let s = BigUint::from_bytes_le(&h) * BigUint::from_bytes_le(&scalar) % order;
    let mut signature = [&r[..], &s.to_bytes_le()].concat();
    signature.resize(64, 0);

    let unchecked = UnparsedPublicKey::new(&ED25519, public);
    unchecked.verify(b"message", &signature).unwrap();
    let key = public_key_of(public);
    let scheme = SignatureScheme::Ed25519;
    for refusal in [
        key.verify(b"message", &signature),
        key.verify_scheme(scheme, b"message", &signature),
        key.verify_der_or_p1363(b"message", &signature),
        key.verify(b"message", &signature[..31]),
    ] {
        assert_eq!(refusal, Err(BadSignature));
    }
    for y in ed25519::SMALL_ORDER_Y {
        assert!(ed25519::is_weak_signature(&[y, y].concat()));
    }
    assert!(ed25519::is_weak_signature(&[0xff; 64]));
}

#[test]
fn weak_keys_are_told_from_what_is_no_key() {
    let p224 = ec(&oid(rfc5912::SECP_224_R_1), &[4; 57]);
    let p256 = public_key(KeyType::P256);
    let off_curve = self::p256(&[&[4], &[0xff; 64][..]].concat());
    let key = public_key(KeyType::Rsa2048);
    let modulus = [&[0], key.rsa_modulus().unwrap()].concat();
    let long = [&[0], &[0xff; 2048][..]].concat();
    for (insecure, der) in [
        (true, p224),
        (true, spki(&oid(rfc5912::ID_DSA), NULL, &[2, 1, 5])),
        (true, spki(X25519, &[], &[7; 32])),
        (true, rsa(NULL, &modulus, &[1, 0, 0])),
        (true, rsa(NULL, &modulus[..129], &[1, 0, 1])),
        (true, rsa(NULL, &long, &[1, 0, 1])),
        (true, ed25519(&[], &[0; 32])),
        (true, ed25519(&[], &[0xff; 32])),
        (false, off_curve),
        (false, ec(SECP256K1, p256.subject_public_key())),
        (false, ec(NULL, p256.subject_public_key())),
        (false, rsa(&[], &modulus, &[1, 0, 1])),
        (false, rsa(NULL, &modulus, &[0])),
        (false, rsa(NULL, &[0], &[1, 0, 1])),
        (false, ed25519(&[], &[7; 31])),
        (false, p256.spki_der()[1..].to_vec()),
    ] {
        let error = refused(&der);
        assert_eq!(error.is_insecure(), insecure, "{error}");
    }
}

#[test]
fn an_ed25519_key_of_32_bytes_is_the_one_in_its_spki() {
    let key = public_key(KeyType::Ed25519);
    let bytes = key.subject_public_key().try_into().unwrap();
    assert_eq!(PublicKey::from_ed25519(bytes), Ok(key));
    assert!(PublicKey::from_ed25519(&[0; 32]).is_err(), "of order 4");
}
