//! An OpenID Connect issuer for tests: one issuer for each path, all with the same keys.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair,
};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// How long a token is valid that does not say so, in seconds.
const TOKEN_LIFETIME: i64 = 600;

/// A running issuer. Dropping it stops it.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    keys: Arc<Keys>,
    server: tokio::task::JoinHandle<()>,
}

/// A token to be made. What it leaves out is as an honest issuer would write it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSpec {
    /// The path of the issuer at this server.
    pub path: String,
    /// Claims beside or in place of `iss`, `aud` (`sigstore`), `iat` and `exp`. The text `@drop`
    /// removes a claim, `@now-60` is a time, and `@base` is the issuer's URL.
    pub claims: Map<String, Value>,
    /// Header members beside or in place of `alg`, `kid` and `typ`; `@drop` removes one.
    pub header: Map<String, Value>,
    /// The signing key: `rs256` by default, or `es256`, `es384`, `ps256`, `eddsa`, or `rogue`,
    /// which is not published.
    pub key: Option<String>,
    /// What is spoilt afterwards: `none`, `hs256-with-public-key`, `tampered`, `cut-signature`.
    pub mode: Option<String>,
}

/// The issuer's keys by name.
type Keys = BTreeMap<&'static str, SigningKey>;

#[derive(Debug)]
struct SigningKey {
    algorithm: &'static str,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

impl Issuer {
    /// Starts on a free port of four digits: recorded certificates hold lengths of texts that hold
    /// this URL, recorded with such a port.
    ///
    /// All issuers of a process that begin so have the same keys: making them takes longer than
    /// most tests.
    pub async fn start() -> anyhow::Result<Self> {
        static KEYS: OnceLock<Arc<Keys>> = OnceLock::new();
        Self::start_with(&KEYS).await
    }

    /// Starts with keys that no issuer has which [`Issuer::start`] starts.
    pub async fn start_another() -> anyhow::Result<Self> {
        static KEYS: OnceLock<Arc<Keys>> = OnceLock::new();
        Self::start_with(&KEYS).await
    }

    async fn start_with(keys: &OnceLock<Arc<Keys>>) -> anyhow::Result<Self> {
        let keys = match keys.get() {
            Some(keys) => keys,
            None => {
                let fresh = Arc::new(generate_keys()?);
                keys.get_or_init(|| fresh)
            }
        };
        let listener = four_digit_listener().await?;
        let url = format!("http://localhost:{}", listener.local_addr()?.port());
        let published = Published {
            url: url.clone(),
            keys: jwks(keys)?,
        };
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::new(published));
        let server = tokio::spawn(async move {
            // Ends with the task, which ends with the issuer.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            url,
            keys: Arc::clone(keys),
            server,
        })
    }

    /// Returns the URL of the issuer at the empty path, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes a token.
    pub fn mint(&self, spec: &TokenSpec) -> anyhow::Result<String> {
        let claims = self.claims(spec)?;
        let payload = Value::Object(claims.clone()).to_string();
        match spec.mode.as_deref().unwrap_or_default() {
            "none" => {
                let header = json!({ "alg": "none", "typ": "JWT" }).to_string();
                return Ok(format!("{}.", signing_input(&header, payload.as_bytes())));
            }
            "hs256-with-public-key" => {
                let header = json!({ "alg": "HS256", "typ": "JWT", "kid": "rs256" }).to_string();
                let input = signing_input(&header, payload.as_bytes());
                let tag = self.hmac_with_public_key(input.as_bytes())?;
                return Ok(format!("{input}.{}", encode(tag.as_ref())));
            }
            "" | "tampered" | "cut-signature" => {}
            other => bail!("no such mode: {other}"),
        }
        let name = spec.key.as_deref().unwrap_or("rs256");
        let header = self.header(name, &spec.header)?.to_string();
        let token = self.jws(name, &header, payload.as_bytes())?;
        let signature = token.rsplit('.').next().unwrap_or_default();
        Ok(match spec.mode.as_deref() {
            Some("tampered") => {
                let mut claims = claims;
                claims.insert("email".to_owned(), "mallory@evil.test".into());
                claims.insert("sub".to_owned(), "mallory".into());
                let payload = Value::Object(claims).to_string();
                let input = signing_input(&header, payload.as_bytes());
                format!("{input}.{signature}")
            }
            Some("cut-signature") => token
                .get(..token.len().saturating_sub(20))
                .unwrap_or_default()
                .to_owned(),
            _ => token,
        })
    }

    /// Makes a token of a header and a payload that need be neither JSON nor sensible.
    pub fn jws(&self, key: &str, header: &str, payload: &[u8]) -> anyhow::Result<String> {
        let input = signing_input(header, payload);
        let signature = self.sign(key, input.as_bytes())?;
        Ok(format!("{input}.{}", encode(&signature)))
    }

    /// Signs with a key as its algorithm says.
    pub fn sign(&self, key: &str, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.key(key)?.pair.sign(message).context("cannot sign")
    }

    /// Returns a published key's JWK.
    pub fn jwk(&self, key: &str) -> anyhow::Result<Value> {
        jwk(key, self.key(key)?)
    }

    /// Returns a key's `SubjectPublicKeyInfo`.
    pub fn spki_der(&self, key: &str) -> anyhow::Result<Vec<u8>> {
        self.key(key)?.pair.spki_der()
    }

    fn key(&self, name: &str) -> anyhow::Result<&SigningKey> {
        self.keys
            .get(name)
            .with_context(|| format!("no key {name}"))
    }

    /// Returns the claims of a token, as its payload has them.
    pub fn claims(&self, spec: &TokenSpec) -> anyhow::Result<Map<String, Value>> {
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
        let mut claims = Map::new();
        claims.insert(
            "iss".to_owned(),
            format!("{}{}", self.url, spec.path).into(),
        );
        claims.insert("aud".to_owned(), "sigstore".into());
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), (now + TOKEN_LIFETIME).into());
        for (name, value) in &spec.claims {
            let text = value.as_str().unwrap_or_default();
            if text == "@drop" {
                claims.remove(name);
            } else if let Some(offset) = text.strip_prefix("@now") {
                let offset: i64 = if offset.is_empty() {
                    0
                } else {
                    offset.parse()?
                };
                claims.insert(name.clone(), (now + offset).into());
            } else if text.contains("@base") {
                claims.insert(name.clone(), text.replace("@base", &self.url).into());
            } else {
                claims.insert(name.clone(), value.clone());
            }
        }
        Ok(claims)
    }

    /// Returns the header of a token signed with a key, with what is beside or in place.
    pub fn header(&self, key: &str, changes: &Map<String, Value>) -> anyhow::Result<Value> {
        let mut header = Map::new();
        header.insert("alg".to_owned(), self.key(key)?.algorithm.into());
        header.insert("kid".to_owned(), key.into());
        header.insert("typ".to_owned(), "JWT".into());
        for (name, value) in changes {
            if value == "@drop" {
                header.remove(name);
            } else {
                header.insert(name.clone(), value.clone());
            }
        }
        Ok(Value::Object(header))
    }

    /// The signature of somebody who takes the public key for a shared secret.
    fn hmac_with_public_key(&self, message: &[u8]) -> anyhow::Result<hmac::Tag> {
        let secret = pem::encode(&pem::Pem::new("PUBLIC KEY", self.spki_der("rs256")?));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        Ok(hmac::sign(&key, message))
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Joins the encoded header and payload of a token.
pub fn signing_input(header: &str, payload: &[u8]) -> String {
    format!("{}.{}", encode(header.as_bytes()), encode(payload))
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

async fn four_digit_listener() -> anyhow::Result<TcpListener> {
    // Begins anywhere, so that two tests at once seldom try the same ports.
    let first = rand::random_range(2000..10_000_u16);
    for port in (first..10_000).chain(2000..first) {
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return Ok(listener);
        }
    }
    bail!("no port of four digits is free")
}

fn generate_keys() -> anyhow::Result<Keys> {
    let rsa = |encoding| anyhow::Ok(Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048)?, encoding));
    let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm| {
        anyhow::Ok(Pair::Ecdsa(EcdsaKeyPair::generate(algorithm)?))
    };
    let pairs = [
        ("rs256", "RS256", rsa(&RSA_PKCS1_SHA256)?),
        ("es256", "ES256", ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING)?),
        ("es384", "ES384", ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING)?),
        ("ps256", "PS256", rsa(&RSA_PSS_SHA256)?),
        ("eddsa", "EdDSA", Pair::Ed25519(Ed25519KeyPair::generate()?)),
        ("rogue", "RS256", rsa(&RSA_PKCS1_SHA256)?),
    ];
    Ok(pairs
        .into_iter()
        .map(|(name, algorithm, pair)| (name, SigningKey { algorithm, pair }))
        .collect())
}

impl Pair {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Ecdsa(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }

    fn spki_der(&self) -> anyhow::Result<Vec<u8>> {
        let der: PublicKeyX509Der<'_> = match self {
            Self::Ecdsa(pair) => pair.public_key().as_der()?,
            Self::Ed25519(pair) => pair.public_key().as_der()?,
            Self::Rsa(pair, _) => pair.public_key().as_der()?,
        };
        Ok(der.as_ref().to_vec())
    }
}

fn jwk(name: &str, key: &SigningKey) -> anyhow::Result<Value> {
    let mut jwk = match &key.pair {
        Pair::Ecdsa(pair) => {
            // An uncompressed point (SEC 1, 2.3.3): 4, x, y.
            let point = pair.public_key().as_ref().get(1..).context("no point")?;
            let (x, y) = point.split_at(point.len() / 2);
            let curve = if x.len() == 32 { "P-256" } else { "P-384" };
            json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
        }
        Pair::Ed25519(pair) => {
            json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) })
        }
        Pair::Rsa(pair, _) => {
            let public = pair.public_key();
            let modulus = public.modulus().big_endian_without_leading_zero();
            let exponent = public.exponent().big_endian_without_leading_zero();
            json!({ "kty": "RSA", "n": encode(modulus), "e": encode(exponent) })
        }
    };
    jwk["kid"] = name.into();
    jwk["alg"] = key.algorithm.into();
    jwk["use"] = "sig".into();
    Ok(jwk)
}

fn jwks(keys: &Keys) -> anyhow::Result<Value> {
    let published = keys.iter().filter(|(name, _)| **name != "rogue");
    let keys: anyhow::Result<Vec<Value>> = published.map(|(name, key)| jwk(name, key)).collect();
    Ok(json!({ "keys": keys? }))
}

/// What the issuer says to whoever asks.
struct Published {
    url: String,
    keys: Value,
}

async fn answer(State(published): State<Arc<Published>>, uri: Uri) -> Response {
    if uri.path() == "/jwks" {
        return axum::Json(published.keys.clone()).into_response();
    }
    match uri.path().strip_suffix(DISCOVERY) {
        Some(path) => discovery(&published.url, path),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn discovery(url: &str, path: &str) -> Response {
    if path.starts_with("/broken") {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    if path.starts_with("/redirect") {
        let elsewhere = HeaderValue::from_static("http://127.0.0.1:1/x");
        let headers = HeaderMap::from_iter([(header::LOCATION, elsewhere)]);
        return (StatusCode::FOUND, headers).into_response();
    }
    let issuer = if path.starts_with("/liar") {
        "https://elsewhere.test".to_owned()
    } else {
        format!("{url}{path}")
    };
    axum::Json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{url}/jwks"),
        "authorization_endpoint": format!("{url}/auth"),
        "token_endpoint": format!("{url}/token"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "ES384", "PS256", "EdDSA"],
    }))
    .into_response()
}
