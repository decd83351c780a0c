//! The protected header of a token: which key and algorithm its sender names (RFC 7515, section 4).

use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::quoted::quoted;
use crate::token::TokenError;

/// Members that are read, or refused, and so must not occur in another case.
pub(crate) const REGISTERED: [&str; 7] = ["alg", "b64", "crit", "cty", "kid", "typ", "zip"];

/// Members whose presence changes how the rest is to be read: extensions that must be understood,
/// an unencoded payload, compression, a token within the token.
const REFUSED: [&str; 4] = ["b64", "crit", "cty", "zip"];

/// Kinds of token that do not say who the holder is (RFC 9449; OpenID Connect Back-Channel Logout
/// 1.0). Access tokens (`at+jwt`, RFC 9068) do, and some issuers mint nothing else for an audience of
/// the caller's choice; whether one is meant for us is told by its audience.
const REFUSED_TYPES: [&str; 2] = ["dpop+jwt", "logout+jwt"];

/// What the sender says about the signature. Keys that a header brings along (`jwk`, `jku`, `x5c`,
/// `x5u`) are never looked at.
#[derive(Debug)]
pub(crate) struct Header {
    /// The algorithm, or the name of one that is not supported.
    pub(crate) algorithm: Result<Algorithm, String>,
    /// The key, if one is named.
    pub(crate) kid: Option<String>,
}

impl Header {
    pub(crate) fn new(members: &Map<String, Value>) -> Result<Self, TokenError> {
        if let Some(member) = REFUSED
            .into_iter()
            .find(|&member| members.contains_key(member))
        {
            return Err(TokenError::HeaderRefused { member });
        }
        if let Some(kind) = text(members, "typ")? {
            refuse_other_types(kind)?;
        }
        let name = text(members, "alg")?
            .ok_or_else(|| TokenError::Malformed("its header has no \"alg\"".into()))?;
        Ok(Self {
            algorithm: Algorithm::from_name(name).ok_or_else(|| quoted(name)),
            kid: text(members, "kid")?
                .filter(|kid| !kid.is_empty())
                .map(str::to_owned),
        })
    }
}

/// The type is a media type, whose `application/` may be left out (RFC 7515, section 4.1.9).
fn refuse_other_types(kind: &str) -> Result<(), TokenError> {
    let lower = kind.to_ascii_lowercase();
    let short = lower.strip_prefix("application/").unwrap_or(&lower);
    if REFUSED_TYPES.contains(&short) {
        return Err(TokenError::TypeRefused(quoted(kind)));
    }
    Ok(())
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, TokenError> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(TokenError::Malformed(format!(
            "\"{name}\" in its header is not a text"
        ))),
    }
}
