//! The keys of callers in every form they are sent in, with proofs and signing requests.

use std::collections::BTreeMap;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use pem::Pem;
use serde::Deserialize;
use sha2::Digest as _;

/// What the proofs in `keys.json` are over.
const RECORDED_MESSAGE: &str = "alice@example.test";

/// `basicConstraints` with `cA` set (RFC 5280, 4.2.1.9).
const CA_TRUE: [u8; 5] = [0x30, 0x03, 0x01, 0x01, 0xff];
const BASIC_CONSTRAINTS: [u64; 4] = [2, 5, 29, 19];
const EMAIL_ADDRESS: [u64; 7] = [1, 2, 840, 113_549, 1, 9, 1];

/// The keys of one run. Each is made when it is first asked for.
pub(super) struct Keys {
    pairs: BTreeMap<String, Pair>,
    recorded: BTreeMap<String, Recorded>,
}

/// A public key that no crate in the tree makes.
#[derive(Clone, Deserialize)]
struct Recorded {
    public: String,
    proof: String,
    csr: Option<String>,
}

enum Pair {
    P256(p256::ecdsa::SigningKey),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
    Recorded(Recorded),
}

impl Keys {
    pub(super) fn new() -> Self {
        let recorded = include_str!("../../parity/keys.json");
        Self {
            pairs: BTreeMap::new(),
            recorded: serde_json::from_str(recorded).unwrap(),
        }
    }

    /// Returns a key's proof over `message`, made as `how` says or in the usual way.
    pub(super) fn proof(&mut self, form: &str, message: &str, how: Option<&str>) -> Vec<u8> {
        self.pair(form).sign(message, how)
    }

    /// Returns the DER of a key's `SubjectPublicKeyInfo`.
    pub(super) fn spki_der(&mut self, form: &str) -> Vec<u8> {
        self.pair(form).spki_der()
    }

    /// Returns a public key as a request holds it.
    pub(super) fn public(&mut self, form: &str) -> String {
        let der = self.spki_der(form);
        let text = spki_pem(der.clone());
        match form {
            "garbage" => "not a key".to_owned(),
            "empty" => String::new(),
            "p256-der" => STANDARD.encode(der),
            "two-pems" => text + &spki_pem(self.spki_der("other")),
            "crlf-pem" => text.replace('\n', "\r\n"),
            "pem-prefix-text" => format!("some text\n{text}"),
            "private-pem" => self.private_pem(),
            "cert-pem" => certificate_pem(),
            "rsa2048-pkcs1" => self.pkcs1_pem(form),
            "offcurve" => spki_pem(flip_last_bit(der)),
            "p256-compressed" => spki_pem(compressed(&der)),
            _ => text,
        }
    }

    /// Returns a signing request, spoilt or dressed up as `mode` says.
    pub(super) fn csr(&mut self, form: &str, mode: Option<&str>) -> Vec<u8> {
        if let Some(csr) = self.recorded.get(form).and_then(|key| key.csr.clone()) {
            return csr.into_bytes();
        }
        let algorithm = match form {
            "ed25519" => &rcgen::PKCS_ED25519,
            "p384" => &rcgen::PKCS_ECDSA_P384_SHA384,
            "p521" => &rcgen::PKCS_ECDSA_P521_SHA512,
            "rsa2048" => &rcgen::PKCS_RSA_SHA256,
            _ => &rcgen::PKCS_ECDSA_P256_SHA256,
        };
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let email = rcgen::string::Ia5String::try_from(RECORDED_MESSAGE).unwrap();
        params.distinguished_name.push(
            rcgen::DnType::CustomDnType(EMAIL_ADDRESS.to_vec()),
            rcgen::DnValue::Ia5String(email),
        );
        if mode == Some("with-san") {
            let name = "evil.test".try_into().unwrap();
            params.subject_alt_names = vec![rcgen::SanType::DnsName(name)];
        }
        if mode == Some("with-ca") {
            let constraints = CA_TRUE.to_vec();
            let mut extension =
                rcgen::CustomExtension::from_oid_content(&BASIC_CONSTRAINTS, constraints);
            extension.set_criticality(true);
            params.custom_extensions = vec![extension];
        }
        let der = params.serialize_request(&key).unwrap().der().to_vec();
        let text = |label: &str, der: Vec<u8>| pem::encode(&Pem::new(label, der));
        match mode {
            Some("der") => der,
            Some("empty") => Vec::new(),
            Some("garbage") => b"xx".to_vec(),
            Some("two-pems") => text("CERTIFICATE REQUEST", der).repeat(2).into_bytes(),
            Some("wrong-pem-type") => text("PUBLIC KEY", der).into_bytes(),
            Some("bad-signature") => text("CERTIFICATE REQUEST", flip_last_bit(der)).into_bytes(),
            _ => text("CERTIFICATE REQUEST", der).into_bytes(),
        }
    }

    fn pair(&mut self, form: &str) -> &Pair {
        let name = match form {
            "p256-der" | "p256-compressed" | "cert-pem" | "private-pem" | "two-pems"
            | "crlf-pem" | "pem-prefix-text" | "garbage" | "empty" | "offcurve" => "p256",
            "rsa2048-pkcs1" => "rsa2048",
            other => other,
        };
        let recorded = self.recorded.get(name);
        self.pairs
            .entry(name.to_owned())
            .or_insert_with(|| match recorded {
                Some(key) => Pair::Recorded(key.clone()),
                None => Pair::generate(name),
            })
    }

    fn private_pem(&mut self) -> String {
        match self.pair("p256") {
            Pair::P256(key) => key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string(),
            _ => unreachable!("p256 is a P-256 key"),
        }
    }

    fn pkcs1_pem(&mut self, form: &str) -> String {
        match self.pair(form) {
            Pair::Rsa(pair) => {
                let der = pair.public_key().as_ref().to_vec();
                pem::encode(&Pem::new("RSA PUBLIC KEY", der))
            }
            _ => unreachable!("{form} is an RSA key"),
        }
    }
}

impl Pair {
    fn generate(name: &str) -> Self {
        let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm| {
            Self::Ecdsa(EcdsaKeyPair::generate(algorithm).unwrap())
        };
        let rsa = |size| Self::Rsa(RsaKeyPair::generate(size).unwrap());
        match name {
            "p256" | "other" => {
                let random: [u8; 32] = rand::random();
                Self::P256(p256::ecdsa::SigningKey::from_bytes(&random.into()).unwrap())
            }
            "p384" => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
            "p521" => ecdsa(&ECDSA_P521_SHA512_ASN1_SIGNING),
            "ed25519" => Self::Ed25519(Ed25519KeyPair::generate().unwrap()),
            "rsa2048" => rsa(KeySize::Rsa2048),
            "rsa3072" => rsa(KeySize::Rsa3072),
            "rsa4096" => rsa(KeySize::Rsa4096),
            other => panic!("nobody makes the key {other}"),
        }
    }

    fn spki_der(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match self {
            Self::P256(key) => {
                let document = key.verifying_key().to_public_key_der().unwrap();
                return document.as_bytes().to_vec();
            }
            Self::Recorded(key) => return pem::parse(&key.public).unwrap().into_contents(),
            Self::Ecdsa(pair) => pair.public_key().as_der().unwrap(),
            Self::Ed25519(pair) => pair.public_key().as_der().unwrap(),
            Self::Rsa(pair) => pair.public_key().as_der().unwrap(),
        };
        der.as_ref().to_vec()
    }

    fn sign(&self, message: &str, how: Option<&str>) -> Vec<u8> {
        let random = SystemRandom::new();
        let bytes = message.as_bytes();
        match self {
            Self::P256(key) => sign_p256(key, bytes, how),
            Self::Ecdsa(pair) => pair.sign(&random, bytes).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(bytes).as_ref().to_vec(),
            Self::Rsa(pair) => {
                let encoding: &'static dyn RsaEncoding = match how {
                    Some("pss") => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, bytes, &mut signature).unwrap();
                signature
            }
            Self::Recorded(key) => {
                assert_eq!(message, RECORDED_MESSAGE, "no proof was recorded over this");
                STANDARD.decode(&key.proof).unwrap()
            }
        }
    }
}

fn sign_p256(key: &p256::ecdsa::SigningKey, message: &[u8], how: Option<&str>) -> Vec<u8> {
    let signature: p256::ecdsa::Signature = match how {
        Some("sha512") => key.sign_prehash(&sha2::Sha512::digest(message)).unwrap(),
        _ => key.sign(message),
    };
    match how {
        Some("high-s") => {
            // The other of the two s that verify: n - s.
            let (r, low) = (signature.r(), signature.normalize_s().s());
            let high = p256::ecdsa::Signature::from_scalars(*r, -*low).unwrap();
            high.to_der().as_bytes().to_vec()
        }
        Some("raw-rs") => signature.to_bytes().to_vec(),
        _ => signature.to_der().as_bytes().to_vec(),
    }
}

fn spki_pem(der: Vec<u8>) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&Pem::new("PUBLIC KEY", der), config)
}

fn certificate_pem() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::default();
    params.self_signed(&key).unwrap().pem()
}

fn flip_last_bit(mut der: Vec<u8>) -> Vec<u8> {
    *der.last_mut().unwrap() ^= 1;
    der
}

/// Rewrites a P-256 `SubjectPublicKeyInfo` with a compressed point (SEC 1, 2.3.3).
fn compressed(spki: &[u8]) -> Vec<u8> {
    let (head, point) = spki.split_at(spki.len() - 65);
    let parity = 2 + (point[64] & 1);
    let mut der = head.to_vec();
    // The lengths of the outer SEQUENCE and of the BIT STRING shrink with the point.
    der[1] -= 32;
    der[head.len() - 2] -= 32;
    der.push(parity);
    der.extend(&point[1..33]);
    der
}
