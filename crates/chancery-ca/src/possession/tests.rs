//! What clients and others send as proof of possession, and what becomes of it.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKey, KeySize};
use aws_lc_rs::signature as aws;
use aws_lc_rs::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RsaEncoding};
use chancery_keys::{LocalKey, Signer};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc8410;
use num_bigint::BigUint;
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

fn prove_csr(pem: impl Into<Vec<u8>>) -> Result<PublicKey, PossessionError> {
    PossessionRequest::Csr(pem.into()).prove(&[NAME], &KeyPolicy::default())
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

fn csr_pem(der: &[u8]) -> String {
    armor("CERTIFICATE REQUEST", der)
}

fn csr_of(key: &LocalKey, algorithm: ObjectIdentifier) -> Vec<u8> {
    let spki = key.public_key().spki_der();
    csr(spki, algorithm, &[], |info| key.sign_now(info).unwrap())
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
    let csr = csr_pem(&csr_of(&key, rfc5912::ECDSA_WITH_SHA_256));
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

/// The prime of RFC 2409, section 6.2, of 1024 bits.
fn short_prime() -> BigUint {
    let digits = concat!(
        "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22",
        "514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6",
        "f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381",
        "ffffffffffffffff",
    );
    BigUint::parse_bytes(digits.as_bytes(), 16).unwrap()
}

/// The prime of RFC 3526, section 3, of 2048 bits.
fn long_prime() -> BigUint {
    let digits = concat!(
        "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22",
        "514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6",
        "f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3d",
        "c2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb",
        "9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e8603",
        "9b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510",
        "15728e5a8aacaa68ffffffffffffffff",
    );
    BigUint::parse_bytes(digits.as_bytes(), 16).unwrap()
}

/// Signs with RSA PKCS#1 v1.5 and SHA-256 for a modulus of 2048 bits whose factors are known.
fn forge(modulus: &BigUint, totient: &BigUint) -> PossessionRequest {
    // DigestInfo (RFC 8017, section 9.2, note 1).
    let info = hex::decode("3031300d060960864801650304020105000420").unwrap();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, NAME.as_bytes());
    let padding = vec![0xff; 256 - 3 - info.len() - 32];
    let encoded = [&[0, 1][..], &padding, &[0], &info, hash.as_ref()].concat();
    let exponent = BigUint::from(65_537u32).modinv(totient).unwrap();
    let signature = BigUint::from_bytes_be(&encoded).modpow(&exponent, modulus);
    let mut proof = vec![0; 256];
    let bytes = signature.to_bytes_be();
    proof[256 - bytes.len()..].copy_from_slice(&bytes);

    let modulus = [&[0][..], &modulus.to_bytes_be()].concat();
    let numbers = [tlv(2, &modulus), tlv(2, &[1, 0, 1])].concat();
    let content = armor("RSA PUBLIC KEY", &tlv(0x30, &numbers)).into_bytes();
    PossessionRequest::PublicKey { content, proof }
}

/// Fulcio certifies both: anybody can sign with them, as is done here.
#[tokio::test]
async fn keys_whose_modulus_is_a_prime_or_a_square_are_refused() {
    let policy = KeyPolicy::default();
    let prime = long_prime();
    let request = forge(&prime, &(&prime - 1u32));
    request.prove(&[NAME], &policy).unwrap();
    let error = request.verify_over(&[NAME], &policy).await.unwrap_err();
    assert!(error.to_string().contains("is a prime"), "{error}");
    refused(Err(error), "key-insecure");

    let prime = short_prime();
    let square = &prime * &prime;
    let request = forge(&square, &((&prime - 1u32) * &prime));
    refused(request.prove(&[NAME], &policy), "key-insecure");
}

#[tokio::test]
async fn an_honest_rsa_key_passes_every_check() {
    let content = armor("PUBLIC KEY", &rsa_spki()).into_bytes();
    let proof = sign_rsa(&aws::RSA_PKCS1_SHA256, NAME.as_bytes());
    let request = PossessionRequest::PublicKey { content, proof };
    let policy = KeyPolicy::default();
    let proven = request.verify_over(&[NAME], &policy).await.unwrap();
    assert_eq!(proven.spki_der(), rsa_spki());
}
