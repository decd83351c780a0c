//! Certificate signing requests, honest and other.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature as aws;
use aws_lc_rs::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RsaEncoding};
use chancery_keys::{LocalKey, Signer};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc8410;

use super::*;

fn prove_csr(pem: impl Into<Vec<u8>>) -> Result<PublicKey, PossessionError> {
    PossessionRequest::Csr(pem.into()).prove(&[NAME], &KeyPolicy::default())
}

/// Makes a signing request with an empty subject and no attributes.
fn csr(
    spki: &[u8],
    algorithm: ObjectIdentifier,
    parameters: &[u8],
    sign: impl Fn(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let fields = [&[2, 1, 0, 0x30, 0][..], spki, &[0xa0, 0]].concat();
    let info = tlv(0x30, &fields);
    let algorithm = [algorithm.to_der().unwrap(), parameters.to_vec()].concat();
    let signature = [&[0][..], &sign(&info)].concat();
    let parts = [info, tlv(0x30, &algorithm), tlv(3, &signature)];
    tlv(0x30, &parts.concat())
}

pub(super) fn csr_pem(der: &[u8]) -> String {
    armor("CERTIFICATE REQUEST", der)
}

pub(super) fn csr_of(key: &LocalKey, algorithm: ObjectIdentifier) -> Vec<u8> {
    let spki = key.public_key().spki_der();
    csr(spki, algorithm, &[], |info| key.sign_now(info).unwrap())
}

#[test]
fn a_signing_request_proves_possession() {
    for (key_type, algorithm) in [
        (KeyType::P256, rfc5912::ECDSA_WITH_SHA_256),
        (KeyType::P384, rfc5912::ECDSA_WITH_SHA_384),
        (KeyType::P521, rfc5912::ECDSA_WITH_SHA_512),
        (KeyType::Ed25519, rfc8410::ID_ED_25519),
    ] {
        let key = key(key_type);
        let der = csr_of(&key, algorithm);
        assert_eq!(&prove_csr(csr_pem(&der)).unwrap(), key.public_key());
        prove_csr(armor("NEW CERTIFICATE REQUEST", &der)).unwrap();
        prove_csr(format!("text\r\n{}", csr_pem(&der).replace('\n', "\r\n"))).unwrap();
        prove_csr(csr_pem(&der).repeat(2)).unwrap();
    }
    let sign = |info: &[u8]| sign_rsa(&aws::RSA_PKCS1_SHA256, info);
    let algorithm = rfc5912::SHA_256_WITH_RSA_ENCRYPTION;
    prove_csr(csr_pem(&csr(&rsa_spki(), algorithm, &[5, 0], sign))).unwrap();
}

#[test]
fn what_is_no_signing_request_is_refused_as_such() {
    let key = key(KeyType::P256);
    let good = csr_of(&key, rfc5912::ECDSA_WITH_SHA_256);
    // secp256k1
    let mut other_curve = key.public_key().spki_der().to_vec();
    other_curve.splice(13..23, [6, 5, 0x2b, 0x81, 4, 0, 10]);
    other_curve[1] -= 3;
    other_curve[3] -= 3;
    let other_curve = csr(&other_curve, rfc5912::ECDSA_WITH_SHA_256, &[], |_| vec![]);
    for pem in [
        b"xx".to_vec(),
        good.clone(),
        armor("PUBLIC KEY", &good).into(),
        armor("CERTIFICATE", &good).into(),
        csr_pem(&good[..good.len() - 1]).into(),
        csr_pem(&[&good[..], &[0]].concat()).into(),
        csr_pem(key.public_key().spki_der()).into(),
        csr_pem(&other_curve).into(),
        csr_pem(&[0x30, 0x80].repeat(20_000)).into(),
        " ".repeat(1 << 20).into(),
    ] {
        refused(prove_csr(pem), "csr-malformed");
    }
    refused(prove_csr(""), "key-malformed");
}

#[test]
fn a_signing_request_with_a_weak_key_is_refused_for_the_key() {
    let key = key(KeyType::P256);
    let ed448 = tlv(
        0x30,
        &[tlv(0x30, &[6, 3, 0x2b, 0x65, 0x71]), tlv(3, &[0; 58])].concat(),
    );
    let p224 = {
        let curve = rfc5912::SECP_224_R_1.to_der().unwrap();
        let algorithm = [rfc5912::ID_EC_PUBLIC_KEY.to_der().unwrap(), curve].concat();
        let point = [&[0, 4][..], &[7; 56]].concat();
        tlv(0x30, &[tlv(0x30, &algorithm), tlv(3, &point)].concat())
    };
    for spki in [ed448, p224] {
        let der = csr(&spki, rfc5912::ECDSA_WITH_SHA_256, &[], |info| {
            key.sign_now(info).unwrap()
        });
        refused(prove_csr(csr_pem(&der)), "key-insecure");
    }
}

#[test]
fn a_signing_request_that_is_not_signed_by_its_key_is_refused() {
    let key = key(KeyType::P256);
    let mut flipped = csr_of(&key, rfc5912::ECDSA_WITH_SHA_256);
    *flipped.last_mut().unwrap() ^= 1;
    let by_another = {
        let other = self::key(KeyType::P256);
        let spki = key.public_key().spki_der();
        csr(spki, rfc5912::ECDSA_WITH_SHA_256, &[], |info| {
            other.sign_now(info).unwrap()
        })
    };
    for der in [
        flipped,
        by_another,
        csr_of(&key, rfc5912::ECDSA_WITH_SHA_384),
        csr_of(&key, rfc5912::ECDSA_WITH_SHA_224),
        csr_of(&key, rfc5912::SHA_256_WITH_RSA_ENCRYPTION),
        csr_of(&key, rfc8410::ID_ED_25519),
        csr_of(&key, rfc5912::ID_RSASSA_PSS),
    ] {
        refused(prove_csr(csr_pem(&der)), "proof-invalid");
    }
}

/// The key decides the hash; a request may choose another, which is then not permitted.
#[test]
fn a_signing_request_with_another_hash_is_verified_and_then_not_permitted() {
    let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm, oid| {
        let key = EcdsaKeyPair::generate(algorithm).unwrap();
        let spki: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
        csr(spki.as_ref(), oid, &[], |info| {
            let signature = key.sign(&SystemRandom::new(), info).unwrap();
            signature.as_ref().to_vec()
        })
    };
    let rsa = |encoding: &'static dyn RsaEncoding, oid| {
        csr(&rsa_spki(), oid, &[5, 0], |info| sign_rsa(encoding, info))
    };
    for (der, words) in [
        (
            ecdsa(
                &aws::ECDSA_P521_SHA384_ASN1_SIGNING,
                rfc5912::ECDSA_WITH_SHA_384,
            ),
            "*ecdsa.PublicKey, SHA-384 (P-521 key)",
        ),
        (
            ecdsa(
                &aws::ECDSA_P521_SHA256_ASN1_SIGNING,
                rfc5912::ECDSA_WITH_SHA_256,
            ),
            "*ecdsa.PublicKey, SHA-256 (P-521 key)",
        ),
        (
            rsa(&aws::RSA_PKCS1_SHA512, rfc5912::SHA_512_WITH_RSA_ENCRYPTION),
            "*rsa.PublicKey, SHA-512 (RSA 2048 key)",
        ),
        (
            rsa(&aws::RSA_PSS_SHA256, rfc5912::ID_RSASSA_PSS),
            "SHA256-RSAPSS",
        ),
        (
            rsa(&aws::RSA_PSS_SHA512, rfc5912::ID_RSASSA_PSS),
            "SHA512-RSAPSS",
        ),
    ] {
        let error = prove_csr(csr_pem(&der)).unwrap_err();
        assert!(error.to_string().starts_with(words), "{error}");
        refused(Err(error), "signing-algorithm-not-permitted");
    }
}
