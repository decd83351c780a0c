//! Proof of possession over HTTP: every kind of key, every way to write it, and what is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::{KeyType, LocalKey, Signer};
use chancery_tests::client::{Answer, Client, Identity};
use serde_json::{Value, json};

use crate::harness::on_sqlite;

const EMAIL: &str = "ada@example.com";

/// A client with a token whose subject is not its e-mail address.
struct Caller {
    client: Client,
    token: String,
    subject: String,
}

impl Caller {
    async fn of(url: &str) -> Self {
        let client = Client::new(url).unwrap();
        let token = client.token(EMAIL).await.unwrap();
        let payload = token.split('.').nth(1).unwrap();
        let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(payload)
            .unwrap();
        let claims: Value = serde_json::from_slice(&payload).unwrap();
        let subject = claims["sub"].as_str().unwrap().to_owned();
        Self {
            client,
            token,
            subject,
        }
    }

    async fn send(&self, body: Value) -> Answer {
        let identity = Identity {
            token: self.token.clone(),
            body: body.to_string(),
        };
        self.client.signing_cert(&identity).await.unwrap()
    }

    async fn send_key(&self, content: &str, proof: &[u8]) -> Answer {
        let public_key = json!({ "algorithm": "", "content": content });
        let proof = STANDARD.encode(proof);
        self.send(json!({
            "publicKeyRequest": { "publicKey": public_key, "proofOfPossession": proof }
        }))
        .await
    }

    async fn send_csr(&self, pem: &str) -> Answer {
        self.send(json!({ "certificateSigningRequest": STANDARD.encode(pem) }))
            .await
    }
}

fn pem_of(key: &LocalKey) -> String {
    pem::encode(&pem::Pem::new("PUBLIC KEY", key.public_key().spki_der()))
}

#[track_caller]
fn assert_issued(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 200, "{what}: {}", answer.body);
}

#[track_caller]
fn assert_refused(answer: &Answer, sentence: &str, code: &str) {
    assert_eq!(answer.status, 400, "{}", answer.body);
    let message = serde_json::from_str::<Value>(&answer.body).unwrap()["message"].clone();
    let message = message.as_str().unwrap();
    assert!(message.starts_with(sentence), "{message}");
    assert!(message.ends_with(&format!("[{code}]")), "{message}");
}

#[tokio::test]
async fn every_kind_of_key_over_every_name_of_the_caller() {
    let server = on_sqlite().await;
    let caller = Caller::of(server.url()).await;
    assert_ne!(caller.subject, EMAIL);
    for key_type in KeyType::ALL {
        let key = LocalKey::generate(key_type).unwrap();
        for name in [EMAIL, &caller.subject] {
            let proof = key.sign(name.as_bytes()).await.unwrap();
            let answer = caller.send_key(&pem_of(&key), &proof).await;
            assert_issued(&answer, &format!("{key_type} over {name}"));
        }
        let proof = key.sign(b"mallory@example.com").await.unwrap();
        let answer = caller.send_key(&pem_of(&key), &proof).await;
        let sentence = "The signature supplied in the request could not be verified: ";
        assert_refused(&answer, sentence, "proof-invalid");
    }
}

#[tokio::test]
async fn keys_as_clients_write_them() {
    let server = on_sqlite().await;
    let caller = Caller::of(server.url()).await;
    let key = LocalKey::generate(KeyType::P256).unwrap();
    let proof = key.sign(EMAIL.as_bytes()).await.unwrap();
    let base64 = STANDARD.encode(key.public_key().spki_der());
    let forms = [
        (
            "one line",
            format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----"),
        ),
        (
            "CRLF",
            pem_of(&key).replace('\n', "\r\n").replace("\r\r", "\r"),
        ),
        (
            "text around",
            format!("a key of mine\n{}that was it\n", pem_of(&key)),
        ),
    ];
    for (form, content) in forms {
        assert_issued(&caller.send_key(&content, &proof).await, form);
    }
}

#[tokio::test]
async fn signing_requests_prove_possession_by_themselves() {
    let server = on_sqlite().await;
    let caller = Caller::of(server.url()).await;
    let algorithms = [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ED25519,
    ];
    for algorithm in algorithms {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let params = rcgen::CertificateParams::new(["root.example.com".to_owned()]).unwrap();
        let request = params.serialize_request(&key).unwrap();
        let answer = caller.send_csr(&request.pem().unwrap()).await;
        assert_issued(&answer, &format!("{algorithm:?}"));

        let mut der = request.der().to_vec();
        *der.last_mut().unwrap() ^= 1;
        let spoilt = pem::encode(&pem::Pem::new("CERTIFICATE REQUEST", der));
        let sentence = "The signature supplied in the request could not be verified: ";
        assert_refused(&caller.send_csr(&spoilt).await, sentence, "proof-invalid");
    }
}

#[tokio::test]
async fn what_is_no_key_or_no_request_is_refused_in_words() {
    let server = on_sqlite().await;
    let caller = Caller::of(server.url()).await;
    let unparsed = "The public key supplied in the request could not be parsed: ";
    for content in [
        "",
        "not a key",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    ] {
        assert_refused(
            &caller.send_key(content, b"x").await,
            unparsed,
            "key-malformed",
        );
    }
    let key = LocalKey::generate(KeyType::P256).unwrap();
    let private = pem_of(&key).replace("PUBLIC", "PRIVATE");
    assert_refused(
        &caller.send_key(&private, b"x").await,
        unparsed,
        "key-malformed",
    );
    assert_refused(&caller.send(json!({})).await, unparsed, "key-malformed");

    let unparsed = "The certificate signing request could not be parsed: ";
    assert_refused(
        &caller.send_csr("not a request").await,
        unparsed,
        "csr-malformed",
    );
    assert_refused(
        &caller.send_csr(&pem_of(&key)).await,
        unparsed,
        "csr-malformed",
    );
}

#[tokio::test]
async fn weak_rsa_keys_are_refused() {
    let server = on_sqlite().await;
    let caller = Caller::of(server.url()).await;
    let insecure = "The public key supplied in the request is insecure: ";
    // Size and exponent are looked at before the signature: no private key is needed.
    for (bits, exponent) in [(2056, 65_537), (2048, 3), (3072, 65_539)] {
        let answer = caller.send_key(&rsa_pem(bits, exponent), b"x").await;
        assert_refused(&answer, insecure, "key-insecure");
    }
}

/// Writes an RSA public key with an odd modulus of all ones.
fn rsa_pem(bits: usize, exponent: u32) -> String {
    let modulus = [vec![0], vec![0xff; bits / 8]].concat();
    let exponent: Vec<u8> = exponent
        .to_be_bytes()
        .into_iter()
        .skip_while(|b| *b == 0)
        .collect();
    let key = tlv(0x30, &[tlv(0x02, &modulus), tlv(0x02, &exponent)].concat());
    pem::encode(&pem::Pem::new("RSA PUBLIC KEY", key))
}

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = match value.len() {
        short @ 0..=127 => vec![short as u8],
        long => [&[0x82][..], &(long as u16).to_be_bytes()].concat(),
    };
    [&[tag][..], &length, value].concat()
}
