//! What clients send: entries for a ledger, no two of which are the same, and requests for a
//! timestamp.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::{HashAlgorithm, KeyType, LocalKey};
use chancery_tests::client::{Client, Identity, request_body};
use chancery_tests::issuer::Issuer;
use chancery_tests::wire::post;
use chancery_tsa::{Imprint, Nonce, TimestampRequest};
use sha2::{Digest, Sha256};

/// One client's requests.
pub(crate) enum Requests {
    /// Each for a digest of its own, signed under a certificate of the client's.
    Entries {
        key: Box<LocalKey>,
        /// What comes after the signature.
        rest: String,
        message: [u8; 16],
    },
    /// Always the same.
    Timestamps(Vec<u8>),
}

impl Requests {
    /// Gets a certificate from the instance at a port, and signs with its key.
    pub(crate) async fn entries(issuer: &Issuer, port: u16, number: usize) -> anyhow::Result<Self> {
        let email = format!("load{number}@example.com");
        let spec = serde_json::json!({
            "claims": { "sub": email, "email": email, "email_verified": true },
        });
        let key = LocalKey::generate(KeyType::P256)?;
        let identity = Identity {
            token: issuer.mint(&serde_json::from_value(spec)?)?,
            body: request_body(&key, &email).await?,
        };
        let client = Client::new(&format!("http://127.0.0.1:{port}"))?;
        let chain = client.signing_cert(&identity).await?.certificates()?;
        let leaf = pem::parse(chain.first().context("no certificate")?)?;
        let certificate = STANDARD.encode(leaf.contents());
        Ok(Self::Entries {
            key: Box::new(key),
            rest: format!(
                "\",\"verifier\":{{\"x509Certificate\":{{\"rawBytes\":\"{certificate}\"}},\
                 \"keyDetails\":\"PKIX_ECDSA_P256_SHA_256\"}}}}}}}}"
            ),
            message: rand::random(),
        })
    }

    /// Asks as cosign does, for a SHA-256 with a nonce; and for the certificate.
    pub(crate) fn timestamps() -> anyhow::Result<Self> {
        let imprint = Imprint::of(HashAlgorithm::Sha256, b"what was signed");
        let request = TimestampRequest::new(imprint)
            .with_nonce(Nonce::random()?)
            .with_certificates();
        let body = request.to_der()?;
        let content_type = "application/timestamp-query";
        Ok(Self::Timestamps(post(
            "/api/v1/timestamp",
            "",
            content_type,
            &body,
        )))
    }

    /// Makes the next request, as it is sent.
    pub(crate) fn make(&mut self) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Entries { key, rest, message } => {
                *message = rand::random();
                let digest = STANDARD.encode(Sha256::digest(*message));
                let signature = STANDARD.encode(key.sign_now(&message[..])?);
                let body = format!(
                    "{{\"hashedRekordRequestV002\":{{\"digest\":\"{digest}\",\"signature\":\
                     {{\"content\":\"{signature}{rest}"
                );
                let path = "/api/v2/log/entries";
                Ok(post(path, "", "application/json", body.as_bytes()))
            }
            Self::Timestamps(request) => Ok(request.clone()),
        }
    }
}
