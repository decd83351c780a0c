//! Hostile requests against a whole server: none is an error of the server's, none takes long,
//! none gets a certificate that it should not, and the server goes on afterwards.

mod bodies;
mod keys;
mod limits;
mod possession;
mod structure;
mod token_claims;
mod token_signatures;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_tests::issuer::{Issuer, TokenSpec, signing_input};
use chancery_tests::server::Server;
use rcgen::{PublicKeyData as _, SigningKey as _};
use serde_json::{Map, Value, json};

use crate::harness::dev_with_identity_config;

const EMAIL: &str = "alice@example.test";

/// How long one answer may take, with a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(3);
/// How much memory a table of hostile requests may leave behind, in bytes.
const MEMORY: u64 = 96 << 20;

/// What must become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// It gets its certificate.
    Issued,
    /// It is refused as the caller's fault, with a code.
    Refused,
    /// It is refused for its key, before its signature is looked at.
    KeyRefused,
    /// It may be either; it is no fault of the server's.
    Either,
}

use Expect::{Either, Issued, KeyRefused, Refused};

/// A server, an issuer that it trusts at several paths, and another that it trusts too.
struct World {
    server: Server,
    issuer: Issuer,
    other: Issuer,
    http: reqwest::Client,
    key: rcgen::KeyPair,
}

/// A request for a certificate.
struct Hostile {
    name: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    expect: Expect,
}

impl World {
    async fn start() -> Self {
        let issuer = Issuer::start().await.unwrap();
        let other = Issuer::start_another().await.unwrap();
        let server = dev_with_identity_config(&configuration(issuer.url(), other.url())).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        Self {
            server,
            issuer,
            other,
            http,
            key,
        }
    }

    /// Returns an honest token's claims, but for `changes`.
    fn claims(&self, changes: &Value) -> Map<String, Value> {
        let mut claims = json!({ "email": EMAIL, "email_verified": true, "sub": "u1" });
        let all = claims.as_object_mut().unwrap();
        all.extend(changes.as_object().unwrap().clone());
        let spec = TokenSpec {
            claims: all.clone(),
            ..TokenSpec::default()
        };
        self.issuer.claims(&spec).unwrap()
    }

    /// Returns an honest token but for the claims in `changes`.
    fn token(&self, changes: &Value) -> String {
        self.token_of(Value::Object(self.claims(changes)).to_string())
    }

    /// Returns an honest token but for its payload.
    fn token_of(&self, payload: impl AsRef<[u8]>) -> String {
        let header = json!({ "alg": "RS256", "kid": "rs256", "typ": "JWT" }).to_string();
        self.issuer.jws("rs256", &header, payload.as_ref()).unwrap()
    }

    /// Returns an honest token but for its header.
    fn token_with_header(&self, header: &str) -> String {
        let payload = Value::Object(self.claims(&json!({}))).to_string();
        self.issuer
            .jws("rs256", header, payload.as_bytes())
            .unwrap()
    }

    /// Returns what an honest token's signature is over.
    fn honest_input(&self, header: &Value) -> String {
        let payload = Value::Object(self.claims(&json!({}))).to_string();
        signing_input(&header.to_string(), payload.as_bytes())
    }

    /// Makes requests that are honest but for their tokens.
    fn with_tokens<T: Into<String>>(
        &self,
        rows: impl IntoIterator<Item = (T, String, Expect)>,
    ) -> Vec<Hostile> {
        let request = self.public_key_request(EMAIL);
        rows.into_iter()
            .map(|(name, token, expect)| {
                let body = json!({
                    "credentials": { "oidcIdentityToken": token },
                    "publicKeyRequest": request,
                });
                Hostile::new(name, body.to_string(), expect)
            })
            .collect()
    }

    /// Makes the honest request for a key with a proof over `name`.
    fn public_key_request(&self, name: &str) -> Value {
        let spki = pem::encode(&pem::Pem::new(
            "PUBLIC KEY",
            self.key.subject_public_key_info(),
        ));
        json!({
            "publicKey": { "algorithm": "ECDSA", "content": spki },
            "proofOfPossession": STANDARD.encode(self.key.sign(name.as_bytes()).unwrap()),
        })
    }

    /// Sends requests one after the other and fails with all that went otherwise than it should.
    async fn judge(&self, requests: Vec<Hostile>) {
        let before = self.server.usage().unwrap().resident;
        let mut wrong = Vec::new();
        let number = requests.len();
        for request in requests {
            let name = request.name.clone();
            if let Err(error) = self.send(request).await {
                wrong.push(format!("{name}: {error:#}"));
            }
        }
        let control = self.with_tokens([("an honest request", self.token(&json!({})), Issued)]);
        for request in control {
            if let Err(error) = self.send(request).await {
                wrong.push(format!("an honest request afterwards: {error:#}"));
            }
        }
        let grown = self.server.usage().unwrap().resident.saturating_sub(before);
        if grown > MEMORY {
            wrong.push(format!("the server grew by {} KiB", grown >> 10));
        }
        let count = wrong.len();
        assert!(
            wrong.is_empty(),
            "{count} of {number} requests:\n{}",
            wrong.join("\n")
        );
    }

    async fn send(&self, request: Hostile) -> anyhow::Result<()> {
        let url = format!("{}/api/v2/signingCert", self.server.url());
        let mut builder = self.http.post(url).timeout(PATIENCE * 5);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        let begun = Instant::now();
        let sent = builder.body(request.body).send().await;
        let answer = match sent {
            // A body that is far too large may be cut off while it is being sent.
            Err(error) if request.expect != Issued && is_cut_off(&error) => return Ok(()),
            other => other?,
        };
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        let took = begun.elapsed();
        anyhow::ensure!(took < PATIENCE, "it took {took:?}");
        let refused = || check_refusal(status, &text);
        match request.expect {
            Issued => anyhow::ensure!(status == 200, "not issued: {status} {text}"),
            Refused => refused()?,
            KeyRefused => {
                refused()?;
                anyhow::ensure!(
                    text.contains("The public key supplied"),
                    "otherwise: {text}"
                );
            }
            Either if status == 200 => {}
            Either => refused()?,
        }
        Ok(())
    }
}

impl Hostile {
    fn new(name: impl Into<String>, body: impl Into<Vec<u8>>, expect: Expect) -> Self {
        Self {
            name: name.into(),
            headers: Vec::new(),
            body: body.into(),
            expect,
        }
    }

    fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A provider of pipelines whose certificates' names and extensions are made of claims.
const FORGE: &str = "\
ci-issuer-metadata:
  forge:
    default-template-values:
      url: https://forge.test
    extension-templates:
      source-repository-ref: ref
      source-repository-uri: '{{ .url }}/{{ .repository }}'
    subject-alternative-name-template: '{{ .url }}/{{ .workflow }}'
";

/// A refusal is the caller's fault, and says why in a code at the end of its message.
fn check_refusal(status: u16, text: &str) -> anyhow::Result<()> {
    anyhow::ensure!((400..500).contains(&status), "status {status}: {text}");
    anyhow::ensure!(text.len() < 4096, "{} octets of refusal", text.len());
    let answer: Value = serde_json::from_str(text)?;
    let message = answer["message"].as_str().unwrap_or_default();
    let code = message
        .rsplit_once('[')
        .and_then(|(_, rest)| rest.strip_suffix(']'));
    let kebab = |code: &str| code.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    anyhow::ensure!(code.is_some_and(kebab), "no code: {text}");
    let control = message.chars().find(|c| c.is_control());
    anyhow::ensure!(control.is_none(), "{control:?} in the message");
    Ok(())
}

fn is_cut_off(error: &reqwest::Error) -> bool {
    error.is_request() && !error.is_timeout() && !error.is_connect()
}

fn configuration(issuer: &str, other: &str) -> String {
    let entry = |url: &str, more: &str| {
        format!("  {url}:\n    issuer-url: {url}\n    client-id: sigstore\n{more}")
    };
    [
        "oidc-issuers:\n",
        &entry(issuer, "    type: email\n"),
        &entry(other, "    type: email\n"),
        &entry(
            &format!("{issuer}/spiffe"),
            "    type: spiffe\n    spiffe-trust-domain: example.org\n",
        ),
        &entry(
            &format!("{issuer}/uri"),
            "    type: uri\n    subject-domain: http://localhost\n",
        ),
        &entry(&format!("{issuer}/k8s"), "    type: kubernetes\n"),
        &entry(
            &format!("{issuer}/ci"),
            "    type: ci-provider\n    ci-provider: forge\n",
        ),
        &entry(
            &format!("{issuer}/limited"),
            "    type: email\n    rate-limit: {per-identity: {per-minute: 1, burst: 2}}\n",
        ),
        &entry(
            &format!("{issuer}/once"),
            "    type: email\n    once-only: true\n",
        ),
        "meta-issuers:\n",
        &format!("  {issuer}/meta/*:\n    client-id: sigstore\n    type: kubernetes\n"),
        FORGE,
    ]
    .concat()
}
