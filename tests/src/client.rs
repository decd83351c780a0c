//! A signing client, as small as one can be: a token, a key, a request.

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::{KeyType, LocalKey, Signer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The grant by which the development issuer gives a token to anybody.
const DEV_IDENTITY_GRANT: &str = "urn:chancery:dev-identity";

/// A client of one instance.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
}

/// An identity that can ask for certificates: a token and a proof that goes with it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The identity token.
    pub token: String,
    /// The JSON body of a request for a certificate.
    pub body: String,
}

/// A signature to be entered in the ledger.
#[derive(Clone, Debug)]
pub struct EntryRequest {
    /// SHA-256 of what was signed, in base64.
    pub digest: String,
    /// The JSON body of the request.
    pub body: String,
}

impl EntryRequest {
    /// Signs `message` with a P-256 key, for which there is a certificate in DER.
    pub fn sign(key: &LocalKey, certificate: &[u8], message: &[u8]) -> anyhow::Result<Self> {
        let digest = STANDARD.encode(Sha256::digest(message));
        let body = json!({"hashedRekordRequestV002": {
            "digest": digest,
            "signature": {
                "content": STANDARD.encode(key.sign_now(message)?),
                "verifier": {
                    "x509Certificate": {"rawBytes": STANDARD.encode(certificate)},
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                },
            },
        }});
        let body = body.to_string();
        Ok(Self { digest, body })
    }
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The place in the log or the ledger, where the answer names one.
    pub log_index: Option<u64>,
    /// Seconds after which to try again, where the answer says so.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: String,
}

impl Client {
    /// Makes a client with connections of its own.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        Self::with_timeout(url, std::time::Duration::from_secs(30))
    }

    /// Makes a client with connections of its own that waits for an answer no longer than this.
    pub fn with_timeout(url: &str, timeout: std::time::Duration) -> anyhow::Result<Self> {
        Self::build(url, reqwest::Client::builder().timeout(timeout))
    }

    /// Makes a client with one connection of HTTP/2, on which many requests can be under way.
    pub fn over_http2(url: &str) -> anyhow::Result<Self> {
        let builder = reqwest::Client::builder().http2_prior_knowledge();
        Self::build(url, builder.timeout(std::time::Duration::from_secs(60)))
    }

    fn build(url: &str, builder: reqwest::ClientBuilder) -> anyhow::Result<Self> {
        Ok(Self {
            http: builder.no_proxy().build()?,
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    /// Gets a token for `email` from the development issuer.
    pub async fn token(&self, email: &str) -> anyhow::Result<String> {
        let form = format!("grant_type={DEV_IDENTITY_GRANT}&email={email}&lifetime=3600");
        let answer = self
            .http
            .post(format!("{}/dev-oidc/token", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await?
            .text()
            .await?;
        let answer: Value = serde_json::from_str(&answer).with_context(|| answer.clone())?;
        answer["id_token"]
            .as_str()
            .map(str::to_owned)
            .context("no id_token in the answer")
    }

    /// Gets a token for `email`, makes a P-256 key, and signs the proof.
    pub async fn identity(&self, email: &str) -> anyhow::Result<Identity> {
        let token = self.token(email).await?;
        let key = LocalKey::generate(KeyType::P256)?;
        Ok(Identity {
            token,
            body: request_body(&key, email).await?,
        })
    }

    /// Asks for a certificate.
    pub async fn signing_cert(&self, identity: &Identity) -> anyhow::Result<Answer> {
        let request = self
            .http
            .post(format!("{}/api/v2/signingCert", self.url))
            .bearer_auth(&identity.token)
            .body(identity.body.clone());
        Answer::read(request.send().await?).await
    }

    /// Asks for an entry in the ledger.
    pub async fn add_entry(&self, request: &EntryRequest) -> anyhow::Result<Answer> {
        let post = self.http.post(format!("{}/api/v2/log/entries", self.url));
        Answer::read(post.body(request.body.clone()).send().await?).await
    }

    /// Fetches a path whose answer is no text.
    pub async fn bytes(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let request = self.http.get(format!("{}{path}", self.url));
        let answer = request.send().await?.error_for_status()?;
        Ok(answer.bytes().await?.to_vec())
    }

    /// Fetches a path.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        Answer::read(self.http.get(format!("{}{path}", self.url)).send().await?).await
    }
}

impl Answer {
    async fn read(response: reqwest::Response) -> anyhow::Result<Self> {
        let number = |name: &str| response.headers().get(name)?.to_str().ok()?.parse().ok();
        Ok(Self {
            status: response.status().as_u16(),
            log_index: number("x-chancery-log-index").or_else(|| number("x-log-index")),
            retry_after: number("retry-after"),
            body: String::from_utf8_lossy(&response.bytes().await?).into_owned(),
        })
    }

    /// Returns the DER of a 200's first certificate, which is the leaf.
    pub fn leaf(&self) -> anyhow::Result<Vec<u8>> {
        let certificates = self.certificates()?;
        let leaf = certificates.first().context("no certificate")?;
        Ok(pem::parse(leaf)?.into_contents())
    }

    /// Returns the certificates of a 200, the leaf first.
    pub fn certificates(&self) -> anyhow::Result<Vec<String>> {
        if self.status != 200 {
            bail!("status {}: {}", self.status, self.body);
        }
        let body: Value = serde_json::from_str(&self.body)?;
        let list = &body["signedCertificateEmbeddedSct"]["chain"]["certificates"];
        Ok(serde_json::from_value(list.clone())?)
    }
}

/// Writes a request for `key` with a proof over `name`.
pub async fn request_body(key: &LocalKey, name: &str) -> anyhow::Result<String> {
    let proof = key.sign(name.as_bytes()).await?;
    let public = pem::encode(&pem::Pem::new("PUBLIC KEY", key.public_key().spki_der()));
    Ok(json!({
        "publicKeyRequest": {
            "publicKey": { "algorithm": "ECDSA", "content": public },
            "proofOfPossession": STANDARD.encode(proof),
        }
    })
    .to_string())
}
