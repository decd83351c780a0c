//! A token as its sender wrote it: a JWS in compact form (RFC 7515, section 3.1), read strictly.
//!
//! ```text
//! BASE64URL(header) "." BASE64URL(payload) "." BASE64URL(signature)     no padding, canonical
//! ```
//! Nothing is allocated by what the token says before its length and its two dots are known
//! (Fulcio's CVE-2025-66506), and a name that could be read in two ways is refused: Go's JSON takes
//! the last of two equal names and ignores case, other readers do neither.

pub(crate) mod claims;
pub(crate) mod header;
mod json;
mod number;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::quoted::quoted;
use crate::token::claims::Claims;
use crate::token::header::Header;
use crate::token::json::JsonError;

pub(crate) use crate::token::json::{parse as parse_json, parse_from as parse_strictly_from};

/// The most octets a token may have. Tokens in the field have 1 to 4 KiB.
pub(crate) const MAX_TOKEN: usize = 16 * 1024;

/// Why a text is no token that could be verified. The caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// A registered name is written in another case, which some readers take for the name itself.
    #[error(
        "the token's {part} has a member {name}, which differs from \"{registered}\" only in case"
    )]
    CaseVariant {
        /// Header or payload.
        part: &'static str,
        /// The name as the token has it, quoted and escaped.
        name: String,
        /// The registered name.
        registered: &'static str,
    },
    /// One object has a member name twice.
    #[error("the token's {part} has the member {name} twice in one object")]
    DuplicateMember {
        /// Header or payload.
        part: &'static str,
        /// The name, quoted and escaped.
        name: String,
    },
    /// The header asks for a treatment that is not given (RFC 7515, section 4.1.11; RFC 7797).
    #[error("the token's header has \"{member}\", which is not supported in identity tokens")]
    HeaderRefused {
        /// The member.
        member: &'static str,
    },
    /// The text is not of the form of a token, or a member has the wrong type.
    #[error("the token is malformed: {0}")]
    Malformed(String),
    /// No token was sent.
    #[error(
        "no identity token was sent; send one in credentials.oidcIdentityToken or as a bearer token"
    )]
    Missing,
    /// Longer than 16 KiB.
    #[error("the token has {octets} octets; at most {MAX_TOKEN} are read")]
    TooLarge {
        /// Its length.
        octets: usize,
    },
    /// The header says that this is another kind of token (RFC 8725, section 3.11).
    #[error("the token's type is {0}, which is not an identity token")]
    TypeRefused(String),
    /// The token begins or ends with white space.
    #[error("the token begins or ends with white space; send it without")]
    Whitespace,
}

impl TokenError {
    /// Returns the stable code of the reason.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::CaseVariant { .. } => "token-claim-case",
            Self::DuplicateMember { .. } => "token-duplicate-claim",
            Self::HeaderRefused { .. } => "token-header-refused",
            Self::Malformed(_) => "token-malformed",
            Self::Missing => "token-missing",
            Self::TooLarge { .. } => "token-too-large",
            Self::TypeRefused(_) => "token-type-refused",
            Self::Whitespace => "token-whitespace",
        }
    }
}

/// A token that has the form of one. Nothing that it says is believed yet.
pub(crate) struct UnverifiedToken<'a> {
    pub(crate) header: Header,
    pub(crate) claims: Claims,
    /// What was signed: header and payload as they were sent (RFC 7515, section 5.2).
    pub(crate) signing_input: &'a str,
    pub(crate) signature: Vec<u8>,
}

impl<'a> UnverifiedToken<'a> {
    pub(crate) fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.is_empty() {
            return Err(TokenError::Missing);
        }
        if token.len() > MAX_TOKEN {
            return Err(TokenError::TooLarge {
                octets: token.len(),
            });
        }
        if token.starts_with(char::is_whitespace) || token.ends_with(char::is_whitespace) {
            return Err(TokenError::Whitespace);
        }
        let (signing_input, header, payload, signature) = parts(token)?;
        let members = object("payload", payload, &claims::REGISTERED)?;
        let numbers = number::texts(&members, || decode("payload", payload))?;
        Ok(Self {
            header: Header::new(&object("header", header, &header::REGISTERED)?)?,
            claims: Claims::new(members).with_numbers(numbers),
            signing_input,
            signature: decode("signature", signature)?,
        })
    }
}

/// Splits the token at its two dots, which are counted before anything is split.
fn parts(token: &str) -> Result<(&str, &str, &str, &str), TokenError> {
    let dots = token.bytes().filter(|&byte| byte == b'.').count();
    let parts = token
        .rsplit_once('.')
        .and_then(|(signing_input, signature)| {
            let (header, payload) = signing_input.split_once('.')?;
            Some((signing_input, header, payload, signature))
        });
    match parts {
        Some(parts) if dots == 2 => Ok(parts),
        _ => Err(TokenError::Malformed(format!(
            "it has {dots} dots, but header, payload and signature are separated by two"
        ))),
    }
}

fn decode(part: &str, text: &str) -> Result<Vec<u8>, TokenError> {
    // This engine refuses padding, white space, the standard alphabet and trailing bits.
    URL_SAFE_NO_PAD.decode(text).map_err(|_| {
        TokenError::Malformed(format!(
            "its {part} is not canonical base64url without padding"
        ))
    })
}

fn object(
    part: &'static str,
    text: &str,
    registered: &[&'static str],
) -> Result<Map<String, Value>, TokenError> {
    let object = match json::parse(&decode(part, text)?) {
        Ok(Value::Object(object)) => object,
        Ok(_) => {
            return Err(TokenError::Malformed(format!(
                "its {part} is not a JSON object"
            )));
        }
        Err(JsonError::Duplicate(name)) => {
            return Err(TokenError::DuplicateMember {
                part,
                name: quoted(&name),
            });
        }
        Err(JsonError::Syntax(_)) => {
            return Err(TokenError::Malformed(format!("its {part} is not JSON")));
        }
        Err(error @ (JsonError::TooDeep | JsonError::TooLarge)) => {
            return Err(TokenError::Malformed(format!("its {part} is {error}")));
        }
    };
    for name in object.keys() {
        if let Some(&registered) = registered.iter().find(|known| is_case_variant(name, known)) {
            return Err(TokenError::CaseVariant {
                part,
                name: quoted(name),
                registered,
            });
        }
    }
    Ok(object)
}

/// Tells whether `name` is `registered` but for case, as Go's `encoding/json` folds it: ASCII, and
/// the two letters beyond ASCII whose simple folding is ASCII (U+017F and U+212A).
fn is_case_variant(name: &str, registered: &str) -> bool {
    let folded = name.chars().map(|character| match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    });
    name != registered && folded.eq(registered.chars())
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod wycheproof;
