//! One public key of an issuer: a JSON Web Key (RFC 7517), parsed once so that a verification costs
//! the primitive and nothing else.

use std::fmt;

use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_keys::{is_weak_ed25519, roca};
use serde::Deserialize;
use serde_json::Value;

use crate::algorithm::Algorithm;
use crate::quoted::quoted;

/// The most octets of a key's name; longer than any that a token could hold beside its claims.
const MAX_KID: usize = 1024;

/// Why a key of a set is not used. The issuer's fault, or nobody's: sets in the field hold encryption
/// keys and algorithms of tomorrow beside the keys that sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// `alg` names an algorithm that is unknown, or that a key of this type cannot have.
    #[error("its \"alg\" is {0}, which such a key does not verify")]
    AlgorithmMismatch(String),
    /// A curve that no supported algorithm uses.
    #[error("its curve is {0}; supported are P-256, P-384, P-521 and Ed25519")]
    CurveUnsupported(String),
    /// RSA with an exponent that is even, 1 or longer than 32 bits.
    #[error("its RSA exponent is even, 1 or longer than 32 bits")]
    ExponentRefused,
    /// A member is missing, has the wrong type, or is not base64url of the right length.
    #[error("its members do not make a key of its type")]
    Malformed,
    /// RSA made by a library whose private keys can be found (ROCA, CVE-2017-15361).
    #[error("its RSA modulus is of a library whose keys can be broken (ROCA, CVE-2017-15361)")]
    ModulusBroken,
    /// RSA with an even modulus, or one too short to be safe or too long to be verified cheaply.
    #[error("its RSA modulus has {bits} bits or is even; it must be odd and have 2048 to 8192")]
    ModulusRefused {
        /// Its length.
        bits: usize,
    },
    /// `use` or `key_ops` say that it is for something else.
    #[error("it is not meant to verify signatures")]
    NotForSignatures,
    /// The point is not on its curve.
    #[error("its point is not on the curve")]
    OffCurve,
    /// A private key, which everybody has now.
    #[error("it is a private key, and so everybody's: replace it")]
    PrivateKey,
    /// A secret key, which everybody has now.
    #[error("it is a secret key, which cannot be public")]
    SecretKey,
    /// An Ed25519 point of small order, for which anybody can sign.
    #[error("its Ed25519 point is of small order or not in canonical form, so anybody could sign")]
    SmallOrder,
    /// A key type that no supported algorithm uses.
    #[error("its type is {0}; supported are RSA, EC and OKP")]
    TypeUnsupported(String),
}

impl KeyFault {
    /// Returns the stable code of the reason, in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmMismatch(_) => "key-algorithm-mismatch",
            Self::CurveUnsupported(_) => "key-curve-unsupported",
            Self::ExponentRefused => "key-exponent-refused",
            Self::Malformed => "key-malformed",
            Self::ModulusBroken => "key-modulus-broken",
            Self::ModulusRefused { .. } => "key-modulus-refused",
            Self::NotForSignatures => "key-not-for-signatures",
            Self::OffCurve => "key-off-curve",
            Self::PrivateKey => "key-private",
            Self::SecretKey => "key-secret",
            Self::SmallOrder => "key-small-order",
            Self::TypeUnsupported(_) => "key-type-unsupported",
        }
    }
}

/// A public key with the algorithms that it may verify: at least one.
pub(crate) struct Key {
    pub(crate) kid: Option<String>,
    verifiers: Vec<(Algorithm, ParsedPublicKey)>,
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

impl Key {
    /// Reads a key. Which algorithms it verifies follows from the key, never from a token.
    pub(crate) fn parse(jwk: Value) -> Result<Self, KeyFault> {
        let jwk: Jwk = serde_json::from_value(jwk).map_err(|_| KeyFault::Malformed)?;
        if jwk.kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID) {
            return Err(KeyFault::Malformed);
        }
        if jwk.d.is_some() {
            return Err(KeyFault::PrivateKey);
        }
        jwk.require_signature_use()?;
        let mut verifiers = match jwk.kty.as_str() {
            "RSA" => rsa(&jwk)?,
            "EC" => elliptic(&jwk)?,
            "OKP" => edwards(&jwk)?,
            "oct" => return Err(KeyFault::SecretKey),
            other => return Err(KeyFault::TypeUnsupported(quoted(other))),
        };
        if let Some(name) = &jwk.alg {
            verifiers.retain(|(algorithm, _)| algorithm.name() == name);
            if verifiers.is_empty() {
                return Err(KeyFault::AlgorithmMismatch(quoted(name)));
            }
        }
        Ok(Self {
            kid: jwk.kid,
            verifiers,
        })
    }

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
}

impl Jwk {
    /// RFC 7517, sections 4.2 and 4.3: either member may say what the key is for.
    fn require_signature_use(&self) -> Result<(), KeyFault> {
        let intended = self.intended_use.as_deref();
        let verifies = |ops: &Vec<String>| ops.iter().any(|operation| operation == "verify");
        if intended.is_none_or(|intended| intended == "sig")
            && self.key_ops.as_ref().is_none_or(verifies)
        {
            return Ok(());
        }
        Err(KeyFault::NotForSignatures)
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

type Verifiers = Vec<(Algorithm, ParsedPublicKey)>;

fn rsa(jwk: &Jwk) -> Result<Verifiers, KeyFault> {
    let n = unsigned(jwk.n.as_deref()).ok_or(KeyFault::Malformed)?;
    let e = unsigned(jwk.e.as_deref()).ok_or(KeyFault::Malformed)?;
    let zeros = n.first().map_or(0, |octet| octet.leading_zeros() as usize);
    let bits = n.len() * 8 - zeros;
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    if !(2048..=8192).contains(&bits) || !odd(&n) {
        return Err(KeyFault::ModulusRefused { bits });
    }
    if roca::is_fingerprinted(&n) {
        return Err(KeyFault::ModulusBroken);
    }
    // With 1 anybody can sign, with an even one nobody; a long one makes verifying slow.
    if !odd(&e) || e == [1] || e.len() > 4 {
        return Err(KeyFault::ExponentRefused);
    }
    let components = RsaPublicKeyComponents { n, e };
    let verifiers = Algorithm::RSA.into_iter().filter_map(|algorithm| {
        Some((
            algorithm,
            components.to_parsed_public_key(algorithm.rsa()?).ok()?,
        ))
    });
    let verifiers: Verifiers = verifiers.collect();
    if verifiers.is_empty() {
        return Err(KeyFault::Malformed);
    }
    Ok(verifiers)
}

fn elliptic(jwk: &Jwk) -> Result<Verifiers, KeyFault> {
    let (algorithm, size) = match jwk.crv.as_deref().ok_or(KeyFault::Malformed)? {
        "P-256" => (Algorithm::Es256, 32),
        "P-384" => (Algorithm::Es384, 48),
        "P-521" => (Algorithm::Es512, 66),
        other => return Err(KeyFault::CurveUnsupported(quoted(other))),
    };
    let x = octets(jwk.x.as_deref(), size)?;
    let y = octets(jwk.y.as_deref(), size)?;
    // SEC 1, section 2.3.3: the uncompressed point. Parsing proves that it is on the curve.
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    curve(algorithm, point)
}

fn edwards(jwk: &Jwk) -> Result<Verifiers, KeyFault> {
    match jwk.crv.as_deref().ok_or(KeyFault::Malformed)? {
        "Ed25519" => {}
        other => return Err(KeyFault::CurveUnsupported(quoted(other))),
    }
    let x = octets(jwk.x.as_deref(), 32)?;
    let encoded = x.as_slice().try_into().map_err(|_| KeyFault::Malformed)?;
    if is_weak_ed25519(encoded) {
        return Err(KeyFault::SmallOrder);
    }
    curve(Algorithm::EdDsa, x)
}

fn curve(algorithm: Algorithm, point: Vec<u8>) -> Result<Verifiers, KeyFault> {
    let verifier = algorithm.curve().ok_or(KeyFault::Malformed)?;
    let key = ParsedPublicKey::new(verifier, point).map_err(|_| KeyFault::OffCurve)?;
    Ok(vec![(algorithm, key)])
}

/// Reads a `Base64urlUInt` without its leading zeros, which some issuers leave in.
fn unsigned(text: Option<&str>) -> Option<Vec<u8>> {
    let octets = decode(text?)?;
    let start = octets.iter().position(|&octet| octet != 0)?;
    octets.get(start..).map(<[u8]>::to_vec)
}

fn octets(text: Option<&str>, size: usize) -> Result<Vec<u8>, KeyFault> {
    text.and_then(decode)
        .filter(|octets| octets.len() == size)
        .ok_or(KeyFault::Malformed)
}

/// Some issuers pad; RFC 7515, section 2, says not to, but nothing hangs on it here.
fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

#[cfg(test)]
mod tests;
