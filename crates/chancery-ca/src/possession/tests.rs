//! What clients and others send as proof of possession, and what becomes of it.

mod forged_rsa;
mod signing_request;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKey, KeySize};
use aws_lc_rs::signature as aws;
use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair, RsaEncoding};
use chancery_keys::{LocalKey, Signer};
use pem::{EncodeConfig, LineEnding, Pem};

use super::*;
use crate::key_policy::{BlockList, ClientAlgorithms};

const NAME: &str = "alice@example.test";

static RSA: LazyLock<RsaKey> = LazyLock::new(|| RsaKey::generate(KeySize::Rsa2048).unwrap());

fn key(key_type: KeyType) -> LocalKey {
    LocalKey::generate(key_type).unwrap()
}

fn armor(label: &str, der: &[u8]) -> String {
    let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
    pem::encode_config(&Pem::new(label, der), config)
}

fn pem_of(key: &LocalKey) -> String {
    armor("PUBLIC KEY", key.public_key().spki_der())
}

fn rsa_spki() -> Vec<u8> {
    let der: PublicKeyX509Der<'_> = RSA.public_key().as_der().unwrap();
    der.as_ref().to_vec()
}

fn sign_rsa(encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; RSA.public_modulus_len()];
    RSA.sign(encoding, &SystemRandom::new(), message, &mut signature)
        .unwrap();
    signature
}

fn prove(content: impl Into<Vec<u8>>, proof: Vec<u8>) -> Result<PublicKey, PossessionError> {
    let content = content.into();
    let request = PossessionRequest::PublicKey { content, proof };
    request.prove(&[NAME, "subject"], &KeyPolicy::default())
}

/// Asserts a refusal by its code.
fn refused(result: Result<PublicKey, PossessionError>, code: &str) {
    let error = result.expect_err(code);
    assert_eq!(crate::IssueError::from(error).code(), code);
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        length @ 0..=0x7f => out.push(length as u8),
        length @ 0x80..=0xff => out.extend([0x81, length as u8]),
        length => out.extend([&[0x82][..], &(length as u16).to_be_bytes()].concat()),
    }
    out.extend(content);
    out
}

#[test]
fn each_kind_of_key_proves_possession_with_its_hash() {
    for key_type in [
        KeyType::P256,
        KeyType::P384,
        KeyType::P521,
        KeyType::Ed25519,
    ] {
        let key = key(key_type);
        let proof = key.sign_now(NAME.as_bytes()).unwrap();
        let proven = prove(pem_of(&key), proof).unwrap();
        assert_eq!(&proven, key.public_key(), "{key_type}");
    }
    let pem = armor("PUBLIC KEY", &rsa_spki());
    prove(pem, sign_rsa(&aws::RSA_PKCS1_SHA256, NAME.as_bytes())).unwrap();
}

#[test]
fn a_proof_over_any_of_the_tokens_names_counts_and_over_another_does_not() {
    let key = key(KeyType::P256);
    let over = |name: &str| prove(pem_of(&key), key.sign_now(name.as_bytes()).unwrap());
    over(NAME).unwrap();
    over("subject").unwrap();
    for name in ["", "alice@example.tes", "alice@example.test\0", "Subject"] {
        refused(over(name), "proof-invalid");
    }
}

#[test]
fn proofs_of_other_forms_are_refused() {
    let p256 = key(KeyType::P256);
    let good = p256.sign_now(NAME.as_bytes()).unwrap();
    for proof in [
        vec![],
        vec![0; 3],
        vec![0; 64],
        [&good[..], &[0]].concat(),
        vec![0x30; 1 << 20],
        key(KeyType::P256).sign_now(NAME.as_bytes()).unwrap(),
    ] {
        refused(prove(pem_of(&p256), proof), "proof-invalid");
    }
    let rsa = || armor("PUBLIC KEY", &rsa_spki());
    let pss = sign_rsa(&aws::RSA_PSS_SHA256, NAME.as_bytes());
    refused(prove(rsa(), pss), "proof-invalid");
    let sha512 = sign_rsa(&aws::RSA_PKCS1_SHA512, NAME.as_bytes());
    refused(prove(rsa(), sha512), "proof-invalid");
}

#[test]
fn a_proof_may_be_in_the_fixed_length_form() {
    for (algorithm, len) in [
        (&aws::ECDSA_P256_SHA256_FIXED_SIGNING, 64),
        (&aws::ECDSA_P384_SHA384_FIXED_SIGNING, 96),
        (&aws::ECDSA_P521_SHA512_FIXED_SIGNING, 132),
    ] {
        let key = EcdsaKeyPair::generate(algorithm).unwrap();
        let spki: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
        let pem = armor("PUBLIC KEY", spki.as_ref());
        let proof = key.sign(&SystemRandom::new(), NAME.as_bytes()).unwrap();
        let proof = proof.as_ref().to_vec();
        assert_eq!(proof.len(), len);
        prove(pem.clone(), proof.clone()).unwrap();
        refused(prove(pem, proof[1..].to_vec()), "proof-invalid");
    }
}

#[test]
fn a_key_is_read_in_every_form_that_clients_send() {
    let key = key(KeyType::P256);
    let proof = key.sign_now(NAME.as_bytes()).unwrap();
    let pem = pem_of(&key);
    let (label, body) = pem.trim_end().split_once('\n').unwrap();
    let (body, end) = body.rsplit_once('\n').unwrap();
    let one_line = format!("{label}\n{}\n{end}", body.replace('\n', ""));
    let other = pem_of(&self::key(KeyType::P256));
    for content in [
        pem.replace('\n', "\r\n"),
        one_line,
        format!("some text\n{pem}more text"),
        format!("{pem}{other}"),
        pem.trim_end().to_owned(),
    ] {
        prove(content.clone(), proof.clone()).unwrap_or_else(|e| panic!("{content}: {e}"));
    }
    prove(key.public_key().spki_der(), proof).unwrap();

    let pkcs1 = armor("RSA PUBLIC KEY", RSA.public_key().as_ref());
    prove(pkcs1, sign_rsa(&aws::RSA_PKCS1_SHA256, NAME.as_bytes())).unwrap();
}

#[test]
fn what_is_no_key_is_refused_as_such() {
    let key = key(KeyType::P256);
    let (der, pem) = (key.public_key().spki_der(), pem_of(&key));
    for content in [
        Vec::new(),
        b"not a key".to_vec(),
        armor("PRIVATE KEY", der).into(),
        armor("CERTIFICATE", der).into(),
        armor("RSA PUBLIC KEY", der).into(),
        armor("PUBLIC KEY", &der[1..]).into(),
        armor("PUBLIC KEY", &[der, &[0]].concat()).into(),
        armor("PUBLIC KEY", RSA.public_key().as_ref()).into(),
        pem.replace("BEGIN PUBLIC", "BEGIN PRIVATE").into(),
        pem.as_bytes()[..pem.len() / 2].to_vec(),
        [der, &[0]].concat(),
        der[..der.len() - 1].to_vec(),
        [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], der].concat(),
        [0x30, 0x80].repeat(50_000),
        vec![b'A'; 1 << 20],
    ] {
        refused(prove(content, vec![]), "key-malformed");
    }
    refused(
        PossessionRequest::Missing.prove(&[NAME], &KeyPolicy::default()),
        "key-malformed",
    );
}

/// Nothing is calculated with a number that is too long.
#[test]
fn weak_keys_are_refused_at_once_and_before_the_proof() {
    let rsa = |modulus_bytes: usize, exponent: &[u8]| {
        let modulus = [&[0][..], &vec![0xff; modulus_bytes]].concat();
        let numbers = [tlv(2, &modulus), tlv(2, exponent)].concat();
        armor("RSA PUBLIC KEY", &tlv(0x30, &numbers))
    };
    let started = Instant::now();
    for content in [
        rsa(2048, &[1, 0, 1]),
        rsa(1024, &[1, 0, 1]),
        rsa(257, &[1, 0, 1]),
        rsa(128, &[1, 0, 1]),
        rsa(256, &[3]),
        rsa(256, &[1, 0, 3]),
        rsa(256, &[1, 0, 0]),
        // 2^2048 - 1 has the factor 3.
        rsa(256, &[1, 0, 1]),
    ] {
        refused(prove(content, vec![]), "key-insecure");
    }
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_blocked_key_is_refused() {
    let key = key(KeyType::P256);
    let proof = key.sign_now(NAME.as_bytes()).unwrap();
    let content = pem_of(&key).into_bytes();
    let request = PossessionRequest::PublicKey { content, proof };
    let mut policy = KeyPolicy::default();
    request.prove(&[NAME], &policy).unwrap();
    policy.block_list = BlockList::parse(&hex::encode(key.public_key().sha256())).unwrap();
    refused(request.prove(&[NAME], &policy), "key-blocked");
    let csr = signing_request::csr_pem(&signing_request::csr_of(&key, rfc5912::ECDSA_WITH_SHA_256));
    let request = PossessionRequest::Csr(csr.into());
    refused(request.prove(&[NAME], &policy), "key-blocked");
}

#[test]
fn algorithms_that_are_not_permitted_are_refused_in_fulcios_words() {
    let policy = KeyPolicy {
        algorithms: ClientAlgorithms::parse(&["ecdsa-sha2-256-nistp384"]).unwrap(),
        ..KeyPolicy::default()
    };
    for (key_type, begins) in [
        (KeyType::P256, "*ecdsa.PublicKey, SHA-256 "),
        (KeyType::P384, "*ecdsa.PublicKey, SHA-384 "),
        (KeyType::P521, "*ecdsa.PublicKey, SHA-512 "),
        (KeyType::Ed25519, "ed25519.PublicKey, unknown hash value 0 "),
    ] {
        let key = key(key_type);
        let proof = key.sign_now(NAME.as_bytes()).unwrap();
        let content = pem_of(&key).into_bytes();
        let request = PossessionRequest::PublicKey { content, proof };
        let error = request.prove(&[NAME], &policy).unwrap_err();
        assert!(error.to_string().starts_with(begins), "{error}");
        assert!(
            error.to_string().ends_with("ecdsa-sha2-256-nistp384"),
            "{error}"
        );
    }
}
