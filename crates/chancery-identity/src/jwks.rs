//! An issuer's public keys: a JSON Web Key Set (RFC 7517), parsed once so that a verification costs
//! the primitive and nothing else.
//!
//! Which algorithm a key verifies follows from the key. What cannot be used is skipped, because sets
//! in the field hold encryption keys and algorithms of tomorrow beside the keys that sign.

use std::fmt;

use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::algorithm::Algorithm;

/// The most keys that a set may have.
pub(crate) const MAX_KEYS: usize = 100;

/// Why a document is no key set that could be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeySetError {
    #[error("the key set is not JSON of the form {{\"keys\": […]}}")]
    Malformed(#[source] serde_json::Error),
    #[error("the key set has {0} keys; at most {MAX_KEYS} are read")]
    TooManyKeys(usize),
    #[error("none of the {0} keys can verify a signature")]
    NoUsableKey(usize),
}

/// The keys of an issuer that can verify signatures: at least one.
#[derive(Debug)]
pub(crate) struct KeySet(Vec<Key>);

/// A public key with the algorithms that it may verify.
pub(crate) struct Key {
    kid: Option<String>,
    verifiers: Vec<(Algorithm, ParsedPublicKey)>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// The members of RFC 7517, section 4, RFC 7518, section 6, and RFC 8037, section 2, that matter.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    intended_use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// Present in private keys.
    d: Option<Value>,
}

impl KeySet {
    pub(crate) fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        let Document { keys } = serde_json::from_slice(document).map_err(KeySetError::Malformed)?;
        if keys.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys(keys.len()));
        }
        let count = keys.len();
        let usable: Vec<Key> = keys
            .into_iter()
            .filter_map(|key| Key::new(serde_json::from_value(key).ok()?))
            .collect();
        if usable.is_empty() {
            return Err(KeySetError::NoUsableKey(count));
        }
        Ok(Self(usable))
    }

    /// Returns the keys that a token which names `kid` may be signed with.
    pub(crate) fn candidates(&self, kid: Option<&str>) -> impl Iterator<Item = &Key> {
        self.0
            .iter()
            .filter(move |key| kid.is_none() || key.kid.as_deref() == kid)
    }
}

impl Key {
    /// Returns the key's verifier for `algorithm`, if the key is for it.
    pub(crate) fn verifier(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        self.verifiers
            .iter()
            .find(|(own, _)| *own == algorithm)
            .map(|(_, verifier)| verifier)
    }

    /// Returns what the key is for.
    pub(crate) fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.verifiers.iter().map(|(algorithm, _)| *algorithm)
    }

    fn new(jwk: Jwk) -> Option<Self> {
        let for_signatures = jwk
            .intended_use
            .as_deref()
            .is_none_or(|intended| intended == "sig");
        let verifies = jwk
            .key_ops
            .as_ref()
            .is_none_or(|ops| ops.iter().any(|operation| operation == "verify"));
        if !for_signatures || !verifies || jwk.d.is_some() {
            return None;
        }
        let mut verifiers = match jwk.kty.as_str() {
            "RSA" => rsa(&jwk)?,
            "EC" => elliptic(&jwk)?,
            "OKP" => edwards(&jwk)?,
            _ => return None,
        };
        if let Some(name) = &jwk.alg {
            verifiers.retain(|(algorithm, _)| algorithm.name() == name);
        }
        (!verifiers.is_empty()).then_some(Self {
            kid: jwk.kid,
            verifiers,
        })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithms", &self.algorithms().collect::<Vec<_>>())
            .finish()
    }
}

fn rsa(jwk: &Jwk) -> Option<Vec<(Algorithm, ParsedPublicKey)>> {
    let (n, e) = (unsigned(jwk.n.as_ref()?)?, unsigned(jwk.e.as_ref()?)?);
    let bits = n.len() * 8 - usize::try_from(n.first()?.leading_zeros()).ok()?;
    // An even exponent, or one, makes a signature that anybody can forge or nobody can check.
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    if !(2048..=8192).contains(&bits) || !odd(&n) || !odd(&e) || e == [1] || e.len() > 4 {
        return None;
    }
    let components = RsaPublicKeyComponents { n, e };
    let verifiers = Algorithm::RSA.into_iter().filter_map(|algorithm| {
        Some((
            algorithm,
            components.to_parsed_public_key(algorithm.rsa()?).ok()?,
        ))
    });
    Some(verifiers.collect())
}

fn elliptic(jwk: &Jwk) -> Option<Vec<(Algorithm, ParsedPublicKey)>> {
    let (algorithm, size) = match jwk.crv.as_deref()? {
        "P-256" => (Algorithm::Es256, 32),
        "P-384" => (Algorithm::Es384, 48),
        "P-521" => (Algorithm::Es512, 66),
        _ => return None,
    };
    let (x, y) = (decode(jwk.x.as_ref()?)?, decode(jwk.y.as_ref()?)?);
    if x.len() != size || y.len() != size {
        return None;
    }
    // SEC 1, section 2.3.3: the uncompressed point. Parsing proves that it is on the curve.
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    Some(vec![(
        algorithm,
        ParsedPublicKey::new(algorithm.curve()?, point).ok()?,
    )])
}

fn edwards(jwk: &Jwk) -> Option<Vec<(Algorithm, ParsedPublicKey)>> {
    let x = decode(jwk.x.as_ref()?)?;
    if jwk.crv.as_deref()? != "Ed25519" || x.len() != 32 {
        return None;
    }
    let algorithm = Algorithm::EdDsa;
    Some(vec![(
        algorithm,
        ParsedPublicKey::new(algorithm.curve()?, x).ok()?,
    )])
}

/// Reads a `Base64urlUInt` without its leading zeros, which some issuers leave in.
fn unsigned(text: &str) -> Option<Vec<u8>> {
    let octets = decode(text)?;
    let start = octets.iter().position(|&octet| octet != 0)?;
    octets.get(start..).map(<[u8]>::to_vec)
}

/// Some issuers pad; RFC 7515, section 2, says not to, but nothing hangs on it here.
fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}
