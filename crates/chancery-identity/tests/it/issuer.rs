//! A real issuer on the loopback interface: it mints tokens with keys of every algorithm, counts
//! what it is asked, and misbehaves when told to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_identity::{
    AuthenticateError, HttpPolicy, IdentityConfig, Issuers, IssuersOptions, Principal, Timings,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The time at which all tokens are shown.
pub(crate) const NOW: u64 = 1_790_000_000;

pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// How a document is answered.
#[derive(Clone)]
pub(crate) enum Answer {
    Body(String),
    Good,
    /// Good, once it is let go.
    GoodAfter(Arc<Notify>),
    /// Said to be compressed.
    Gzip(Vec<u8>),
    Hang,
    Redirect(String),
    Status(u16),
}

/// An issuer, and all those below its URL: `<url>/a`, `<url>/b/c`, … are the same in all but name.
#[derive(Clone)]
pub(crate) struct TestIssuer(Arc<Inner>);

struct Inner {
    url: String,
    keys: Mutex<Vec<TestKey>>,
    more_keys: Mutex<Vec<Value>>,
    configuration: Mutex<Answer>,
    key_set: Mutex<Answer>,
    keys_url: Mutex<Option<String>>,
    algorithms: Mutex<Value>,
    discoveries: AtomicUsize,
    key_fetches: AtomicUsize,
}

impl TestIssuer {
    /// Starts an issuer with the one key `rsa`, for RS256.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Self(Arc::new(Inner {
            url: format!("http://localhost:{}", listener.local_addr().unwrap().port()),
            keys: Mutex::new(vec![TestKey::rsa("rsa", "RS256")]),
            more_keys: Mutex::default(),
            configuration: Mutex::new(Answer::Good),
            key_set: Mutex::new(Answer::Good),
            keys_url: Mutex::default(),
            algorithms: Mutex::new(json!(ALGORITHMS)),
            discoveries: AtomicUsize::new(0),
            key_fetches: AtomicUsize::new(0),
        }));
        let router = Router::new().fallback(answer).with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    pub(crate) fn set_keys(&self, keys: impl IntoIterator<Item = TestKey>) {
        *self.0.keys.lock().unwrap() = keys.into_iter().collect();
    }

    /// Publishes these beside its own keys.
    pub(crate) fn set_more_keys(&self, keys: impl IntoIterator<Item = Value>) {
        *self.0.more_keys.lock().unwrap() = keys.into_iter().collect();
    }

    pub(crate) fn answer_discovery(&self, answer: Answer) {
        *self.0.configuration.lock().unwrap() = answer;
    }

    pub(crate) fn answer_keys(&self, answer: Answer) {
        *self.0.key_set.lock().unwrap() = answer;
    }

    pub(crate) fn set_keys_url(&self, url: &str) {
        *self.0.keys_url.lock().unwrap() = Some(url.to_owned());
    }

    /// What `id_token_signing_alg_values_supported` says; null leaves it out.
    pub(crate) fn set_algorithms(&self, algorithms: Value) {
        *self.0.algorithms.lock().unwrap() = algorithms;
    }

    pub(crate) fn discoveries(&self) -> usize {
        self.0.discoveries.load(Ordering::SeqCst)
    }

    pub(crate) fn key_fetches(&self) -> usize {
        self.0.key_fetches.load(Ordering::SeqCst)
    }

    /// Claims that every type of issuer accepts.
    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": self.url(),
            "aud": "sigstore",
            "exp": NOW + 600,
            "sub": "u1",
            "email": "alice@example.test",
            "email_verified": true,
        })
    }

    /// A token of its first key.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let key = self.0.keys.lock().unwrap().first().unwrap().clone();
        key.token(&json!({"kid": key.kid, "typ": "JWT"}), claims)
    }

    /// Issuers that trust this one, by type `email`.
    pub(crate) fn trusted(&self) -> Arc<Issuers> {
        self.trusted_with(Timings::default())
    }

    pub(crate) fn trusted_with(&self, timings: Timings) -> Arc<Issuers> {
        issuers(
            &json!({"oidc-issuers": {self.url(): {"client-id": "sigstore", "type": "email"}}}),
            timings,
        )
    }

    fn answer_to(&self, uri: &Uri) -> (Answer, String) {
        let inner = &self.0;
        match uri.path().strip_suffix("/.well-known/openid-configuration") {
            Some(path) => {
                inner.discoveries.fetch_add(1, Ordering::SeqCst);
                let keys_url = inner.keys_url.lock().unwrap().clone();
                let mut document = json!({
                    "issuer": format!("{}{path}", inner.url),
                    "jwks_uri": keys_url.unwrap_or_else(|| format!("{}/keys", inner.url)),
                });
                let algorithms = inner.algorithms.lock().unwrap().clone();
                if !algorithms.is_null() {
                    document["id_token_signing_alg_values_supported"] = algorithms;
                }
                (
                    inner.configuration.lock().unwrap().clone(),
                    document.to_string(),
                )
            }
            None => {
                inner.key_fetches.fetch_add(1, Ordering::SeqCst);
                let keys = inner.keys.lock().unwrap();
                let own = keys.iter().map(TestKey::jwk);
                let more = inner.more_keys.lock().unwrap().clone();
                let document = json!({"keys": own.chain(more).collect::<Vec<_>>()}).to_string();
                (inner.key_set.lock().unwrap().clone(), document)
            }
        }
    }
}

/// Makes issuers of a configuration, which may be on plain HTTP.
pub(crate) fn issuers(config: &Value, timings: Timings) -> Arc<Issuers> {
    let yaml = yaml_serde::to_string(config).unwrap();
    let config = IdentityConfig::parse(yaml.as_bytes(), "test").unwrap();
    let options = IssuersOptions {
        allow_http: HttpPolicy::Allow,
        timings,
        ..IssuersOptions::default()
    };
    Arc::new(Issuers::new(config, options).unwrap())
}

/// Returns the code of the refusal, or "accepted".
pub(crate) fn code(outcome: &Result<Principal, AuthenticateError>) -> &'static str {
    outcome
        .as_ref()
        .map_or_else(AuthenticateError::code, |_| "accepted")
}

async fn answer(State(issuer): State<TestIssuer>, uri: Uri) -> Response {
    match issuer.answer_to(&uri) {
        (Answer::Good, document) => document.into_response(),
        (Answer::Body(body), _) => body.into_response(),
        (Answer::GoodAfter(gate), document) => {
            gate.notified().await;
            document.into_response()
        }
        (Answer::Gzip(body), _) => ([(header::CONTENT_ENCODING, "gzip")], body).into_response(),
        (Answer::Hang, _) => std::future::pending().await,
        (Answer::Redirect(to), _) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        (Answer::Status(status), _) => StatusCode::from_u16(status).unwrap().into_response(),
    }
}

pub(crate) const ALGORITHMS: [&str; 10] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
];

/// A key pair with the name and the algorithm that it is published under.
#[derive(Clone)]
pub(crate) struct TestKey {
    pub(crate) kid: String,
    pub(crate) algorithm: &'static str,
    pair: Pair,
}

#[derive(Clone)]
enum Pair {
    Curve(Arc<EcdsaKeyPair>),
    Edwards(Arc<Ed25519KeyPair>),
    Rsa(&'static RsaKeyPair),
}

impl TestKey {
    /// A key of its own for each call; RSA keys, which take long to make, are all the same.
    pub(crate) fn new(kid: &str, algorithm: &'static str) -> Self {
        static RSA: OnceLock<RsaKeyPair> = OnceLock::new();
        let pair = match algorithm {
            "ES256" => curve(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => curve(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            "ES512" => curve(&signature::ECDSA_P521_SHA512_FIXED_SIGNING),
            "EdDSA" => Pair::Edwards(Arc::new(Ed25519KeyPair::generate().unwrap())),
            _ => Pair::Rsa(RSA.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())),
        };
        Self {
            kid: kid.into(),
            algorithm,
            pair,
        }
    }

    pub(crate) fn rsa(kid: &str, algorithm: &'static str) -> Self {
        Self::new(kid, algorithm)
    }

    /// An RSA key that no issuer publishes.
    pub(crate) fn rogue(kid: &str) -> Self {
        static ROGUE: OnceLock<RsaKeyPair> = OnceLock::new();
        let pair = ROGUE.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
        Self {
            kid: kid.into(),
            algorithm: "RS256",
            pair: Pair::Rsa(pair),
        }
    }

    /// The public key, as a JSON Web Key.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                json!({
                    "kty": "RSA",
                    "n": b64(public.modulus().big_endian_without_leading_zero()),
                    "e": b64(public.exponent().big_endian_without_leading_zero()),
                })
            }
            Pair::Curve(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = match x.len() {
                    32 => "P-256",
                    48 => "P-384",
                    _ => "P-521",
                };
                json!({"kty": "EC", "crv": curve, "x": b64(x), "y": b64(y)})
            }
            Pair::Edwards(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key())})
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.algorithm);
        jwk["use"] = json!("sig");
        jwk
    }

    /// A token with this header, to which the algorithm is added if it names none.
    pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
        let mut header = header.clone();
        if header.get("alg").is_none() {
            header["alg"] = json!(self.algorithm);
        }
        self.sign(&header.to_string(), &claims.to_string())
    }

    /// A token of these very texts.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let input = format!("{}.{}", b64(header), b64(claims));
        format!("{input}.{}", b64(self.signature(input.as_bytes())))
    }

    pub(crate) fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Curve(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Edwards(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(self.padding(), &random, message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    fn padding(&self) -> &'static dyn RsaEncoding {
        match self.algorithm {
            "PS256" => &signature::RSA_PSS_SHA256,
            "PS384" => &signature::RSA_PSS_SHA384,
            "PS512" => &signature::RSA_PSS_SHA512,
            "RS384" => &signature::RSA_PKCS1_SHA384,
            "RS512" => &signature::RSA_PKCS1_SHA512,
            _ => &signature::RSA_PKCS1_SHA256,
        }
    }
}

fn curve(algorithm: &'static signature::EcdsaSigningAlgorithm) -> Pair {
    Pair::Curve(Arc::new(EcdsaKeyPair::generate(algorithm).unwrap()))
}
