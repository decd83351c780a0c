//! Proofs of possession and signing requests that prove nothing, or ask for what they cannot have.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::EncodePublicKey as _;
use rcgen::{PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};

use super::{EMAIL, Expect, Hostile, Issued, Refused, World};

#[tokio::test]
async fn proofs_that_prove_nothing_are_refused() {
    let world = World::start().await;
    let token = world.token(&json!({}));
    let key = p256::ecdsa::SigningKey::from_bytes(&[7; 32].into()).unwrap();
    let spki = key.verifying_key().to_public_key_der().unwrap();
    let spki = pem::encode(&pem::Pem::new("PUBLIC KEY", spki.as_bytes()));
    let sign = |message: &[u8]| -> p256::ecdsa::Signature { key.sign(message) };
    let der = |message: &[u8]| sign(message).to_der().as_bytes().to_vec();
    let honest = der(EMAIL.as_bytes());
    let rows: Vec<(&str, Vec<u8>, Expect)> = vec![
        ("honest", honest.clone(), Issued),
        ("over the subject", der(b"u1"), Issued),
        (
            "in P1363 form",
            sign(EMAIL.as_bytes()).to_bytes().to_vec(),
            Issued,
        ),
        ("none", Vec::new(), Refused),
        ("(0, 0)", vec![0x30, 6, 2, 1, 0, 2, 1, 0], Refused),
        ("(1, 1)", vec![0x30, 6, 2, 1, 1, 2, 1, 1], Refused),
        ("zeros", vec![0; 64], Refused),
        ("octets after", [&honest[..], b"x"].concat(), Refused),
        ("cut off", honest[..honest.len() - 1].to_vec(), Refused),
        ("100 KB", vec![0x30; 100_000], Refused),
        ("1 MB", vec![0x30; 1 << 20], Refused),
        ("over the token", der(token.as_bytes()), Refused),
        ("over nothing", der(b""), Refused),
        (
            "over the name and a null",
            der(b"alice@example.test\0"),
            Refused,
        ),
        (
            "over the name and a newline",
            der(b"alice@example.test\n"),
            Refused,
        ),
        (
            "over the name in capitals",
            der(b"ALICE@EXAMPLE.TEST"),
            Refused,
        ),
        ("over another name", der(b"mallory@example.test"), Refused),
        ("over the word null", der(b"null"), Refused),
    ];
    let rows = rows.into_iter().map(|(name, proof, expect)| {
        let body = json!({
            "credentials": { "oidcIdentityToken": token },
            "publicKeyRequest": {
                "publicKey": { "algorithm": "ECDSA", "content": spki },
                "proofOfPossession": STANDARD.encode(proof),
            },
        });
        Hostile::new(name, body.to_string(), expect)
    });
    world.judge(rows.collect()).await;
}

/// Makes a signing request that asks to be a CA by another's name.
fn greedy_csr(key: &rcgen::KeyPair) -> Vec<u8> {
    let mut params = rcgen::CertificateParams::default();
    let name = rcgen::string::Ia5String::try_from("root@example.test").unwrap();
    params.subject_alt_names = vec![rcgen::SanType::Rfc822Name(name)];
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let constraints = vec![0x30, 0x03, 0x01, 0x01, 0xff];
    let mut extension = rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 19], constraints);
    extension.set_criticality(true);
    params.custom_extensions = vec![extension];
    params.serialize_request(key).unwrap().der().to_vec()
}

#[tokio::test]
async fn signing_requests_that_prove_nothing_are_refused() {
    let world = World::start().await;
    let key = rcgen::KeyPair::generate().unwrap();
    let der = greedy_csr(&key);
    let armor = |label: &str, der: &[u8]| {
        let text = pem::encode(&pem::Pem::new(label, der));
        text.replace("\r\n", "\n").into_bytes()
    };
    let honest = armor("CERTIFICATE REQUEST", &der);
    let mut flipped = der.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut other_key = der.clone();
    let spki = key.subject_public_key_info();
    let place = der.windows(spki.len()).position(|w| w == spki).unwrap();
    let another = rcgen::KeyPair::generate().unwrap();
    other_key[place..place + spki.len()].copy_from_slice(&another.subject_public_key_info());
    let sha224 = relabelled(&der);
    let rows: Vec<(&str, Vec<u8>, Expect)> = vec![
        ("greedy", honest.clone(), Issued),
        (
            "the older label",
            armor("NEW CERTIFICATE REQUEST", &der),
            Issued,
        ),
        ("two", honest.repeat(2), Issued),
        (
            "a flipped bit",
            armor("CERTIFICATE REQUEST", &flipped),
            Refused,
        ),
        (
            "another's key",
            armor("CERTIFICATE REQUEST", &other_key),
            Refused,
        ),
        ("SHA-224", armor("CERTIFICATE REQUEST", &sha224), Refused),
        ("DER", der.clone(), Refused),
        ("empty", Vec::new(), Refused),
        ("words", b"not a request".to_vec(), Refused),
        ("a key's label", armor("PUBLIC KEY", &der), Refused),
        ("a key", armor("CERTIFICATE REQUEST", &spki), Refused),
        (
            "octets after",
            armor("CERTIFICATE REQUEST", &[&der[..], b"x"].concat()),
            Refused,
        ),
        (
            "cut off",
            armor("CERTIFICATE REQUEST", &der[..der.len() / 2]),
            Refused,
        ),
        (
            "deep",
            armor("CERTIFICATE REQUEST", &[0x30, 0x80].repeat(20_000)),
            Refused,
        ),
        ("1 MB", vec![b'-'; 1 << 20], Refused),
    ];
    let token = world.token(&json!({}));
    let mut rows: Vec<Hostile> = rows
        .into_iter()
        .map(|(name, csr, expect)| {
            let body = json!({
                "credentials": { "oidcIdentityToken": token },
                "certificateSigningRequest": STANDARD.encode(csr),
            });
            Hostile::new(name, body.to_string(), expect)
        })
        .collect();
    let both = json!({
        "credentials": { "oidcIdentityToken": token },
        "certificateSigningRequest": STANDARD.encode(&honest),
        "publicKeyRequest": world.public_key_request(EMAIL),
    });
    rows.push(Hostile::new("a key as well", both.to_string(), Refused));
    world.judge(rows).await;
}

#[tokio::test]
async fn what_a_signing_request_asks_for_is_not_granted() {
    let world = World::start().await;
    let key = rcgen::KeyPair::generate().unwrap();
    let csr = pem::encode(&pem::Pem::new("CERTIFICATE REQUEST", greedy_csr(&key)));
    let body = json!({
        "credentials": { "oidcIdentityToken": world.token(&json!({})) },
        "certificateSigningRequest": STANDARD.encode(csr),
    });
    let url = format!("{}/api/v2/signingCert", world.server.url());
    let answer = world
        .http
        .post(url)
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let chain = &answer["signedCertificateEmbeddedSct"]["chain"]["certificates"];
    let leaf = pem::parse(chain[0].as_str().unwrap())
        .unwrap()
        .into_contents();
    let has = |octets: &[u8]| leaf.windows(octets.len()).any(|window| window == octets);
    assert!(has(EMAIL.as_bytes()) && has(&key.subject_public_key_info()));
    assert!(
        !has(b"root@example.test"),
        "the name in the request was certified"
    );
    let basic_constraints = [0x06, 3, 0x55, 0x1d, 19];
    assert!(!has(&basic_constraints), "the certificate speaks of CAs");
    assert!(key.sign(b"x").is_ok());
}

/// Says ECDSA with SHA-224 in place of SHA-256, wherever the request names its algorithm.
fn relabelled(der: &[u8]) -> Vec<u8> {
    let sha256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    let place = der.windows(8).position(|window| window == sha256).unwrap();
    let mut der = der.to_vec();
    der[place + 7] = 1;
    der
}
