//! What a token says: for whom it is, how long it holds (RFC 7519, section 4.1), and who is meant.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Number, Value};

use crate::quoted::quoted;

/// Claims that are read, and so must not occur in another case.
pub(crate) const REGISTERED: [&str; 10] = [
    "aud",
    "email",
    "email_verified",
    "exp",
    "iat",
    "iss",
    "jti",
    "kubernetes.io",
    "nbf",
    "sub",
];

/// The most octets of a claim that enters a certificate.
pub(crate) const MAX_CLAIM: usize = 4096;

/// How far ahead of our clock the issuer's may be when it says "not before", as in Fulcio.
const NOT_BEFORE_LEEWAY: Duration = Duration::from_secs(5 * 60);

/// How far ahead of our clock the issuer's may be when it says when it made a token.
const ISSUED_LEEWAY: Duration = Duration::from_secs(60);

/// The most audiences a token may be for.
const MAX_AUDIENCES: usize = 64;

/// The last second of the year 9999, the latest time that X.509 can write.
const LAST_SECOND: i64 = 253_402_300_799;

/// Why a token of a known form is not for us, or not for now. The caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// `aud` is neither a text nor a list of texts.
    #[error("the token's \"aud\" is neither a text nor a list of at most {MAX_AUDIENCES} texts")]
    AudienceMalformed,
    /// The token is for somebody else.
    #[error(
        "the token is for the audience {found}, but this issuer's tokens must be for {expected}"
    )]
    AudienceMismatch {
        /// The audiences of the issuer's configuration, quoted.
        expected: String,
        /// The token's audiences, quoted.
        found: String,
    },
    /// The token is no longer valid.
    #[error("the token expired {} s ago; ask the issuer for a new one", .by.as_secs())]
    Expired {
        /// For how long it has been expired.
        by: Duration,
    },
    /// There is no `exp`.
    #[error("the token has no \"exp\"; only tokens that expire are accepted")]
    ExpiryMissing,
    /// There is no `iat`, though the age of the issuer's tokens is limited.
    #[error("the token has no \"iat\", which says how old it is; this issuer's tokens need one")]
    IssuedAtMissing,
    /// The token was made in the future.
    #[error("the token was issued {} s from now; compare the clocks", .ahead.as_secs())]
    IssuedInFuture {
        /// How far ahead of our clock.
        ahead: Duration,
    },
    /// There is no `iss`, or it is no text.
    #[error("the token has no \"iss\" that is a text")]
    IssuerMissing,
    /// The token is not valid yet.
    #[error("the token is not valid before {} s from now; compare the clocks", .wait.as_secs())]
    NotYetValid {
        /// How long it takes until it is.
        wait: Duration,
    },
    /// There is no usable `jti`, though the issuer's tokens may be used once only.
    #[error(
        "the token has no \"jti\" of 1 to {MAX_CLAIM} octets, which tells it from others; this \
         issuer's tokens may be used once only and need one"
    )]
    TokenIdMissing,
    /// The token is older than the operator accepts.
    #[error(
        "the token was issued {} s ago, but this issuer's tokens are accepted for {} s; ask for a \
         new one", .age.as_secs(), .most.as_secs()
    )]
    TooOld {
        /// Its age.
        age: Duration,
        /// `max-token-age-s` of the issuer's entry.
        most: Duration,
    },
    /// A time is no number of seconds between the years 1970 and 9999.
    #[error("the token's \"{claim}\" is not a number of seconds between the years 1970 and 9999")]
    TimeMalformed {
        /// The claim.
        claim: &'static str,
    },
}

impl ClaimsError {
    /// Returns the stable code of the reason.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::AudienceMalformed | Self::AudienceMismatch { .. } => "audience-mismatch",
            Self::Expired { .. } => "token-expired",
            Self::ExpiryMissing => "token-expiry-missing",
            Self::IssuedAtMissing => "token-issued-at-missing",
            Self::IssuedInFuture { .. } => "token-issued-in-future",
            Self::IssuerMissing => "issuer-missing",
            Self::NotYetValid { .. } => "token-not-yet-valid",
            Self::TimeMalformed { .. } => "token-time-malformed",
            Self::TokenIdMissing => "token-id-missing",
            Self::TooOld { .. } => "token-too-old",
        }
    }
}

/// Why a claim's value cannot enter a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimFault {
    /// It holds a character that does not print and could hide or reorder the rest.
    #[error("holds a control character")]
    ControlCharacter,
    /// It is a number, a truth value, a list or an object.
    #[error("is not a text")]
    NotText,
    /// It is longer than 4 KiB.
    #[error("is longer than {MAX_CLAIM} octets")]
    TooLong,
}

/// The payload of a token, not believed yet.
#[derive(Debug)]
pub(crate) struct Claims {
    members: Map<String, Value>,
    /// The texts of numbers that `members` holds rounded.
    numbers: BTreeMap<String, String>,
}

impl Claims {
    pub(crate) const fn new(members: Map<String, Value>) -> Self {
        Self {
            members,
            numbers: BTreeMap::new(),
        }
    }

    pub(crate) fn with_numbers(self, numbers: BTreeMap<String, String>) -> Self {
        Self { numbers, ..self }
    }

    /// Returns all claims, those that are null among them.
    pub(crate) const fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// Returns the text of a number that [`members`](Self::members) holds rounded.
    pub(crate) fn number(&self, name: &str) -> Option<String> {
        self.numbers.get(name).cloned()
    }

    /// Returns the claim; null counts as missing.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// Returns a claim that is to enter a certificate.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, ClaimFault> {
        self.get(name).map(certifiable).transpose()
    }

    /// Returns who says that he made the token.
    pub(crate) fn issuer(&self) -> Result<&str, ClaimsError> {
        self.get("iss")
            .and_then(Value::as_str)
            .ok_or(ClaimsError::IssuerMissing)
    }

    /// Tells whether the token names one of `expected` among its audiences.
    pub(crate) fn is_for<'a>(
        &self,
        mut expected: impl Iterator<Item = &'a str>,
    ) -> Result<bool, ClaimsError> {
        let audiences = self.audiences()?;
        Ok(expected.any(|expected| audiences.contains(&expected)))
    }

    /// Says that the token names none of `expected`.
    pub(crate) fn for_others<'a>(&self, expected: impl Iterator<Item = &'a str>) -> ClaimsError {
        let Ok(found) = self.audiences() else {
            return ClaimsError::AudienceMalformed;
        };
        let expected: Vec<String> = expected.take(4).map(quoted).collect();
        let found = found.iter().take(4).map(|&found| quoted(found));
        let found: Vec<String> = found.collect();
        ClaimsError::AudienceMismatch {
            expected: expected.join(" or "),
            found: if found.is_empty() {
                "of nobody".into()
            } else {
                found.join(", ")
            },
        }
    }

    fn audiences(&self) -> Result<Vec<&str>, ClaimsError> {
        match self.get("aud") {
            None => Ok(Vec::new()),
            Some(Value::String(one)) => Ok(vec![one]),
            Some(Value::Array(many)) if many.len() <= MAX_AUDIENCES => many
                .iter()
                .map(|audience| audience.as_str().ok_or(ClaimsError::AudienceMalformed))
                .collect(),
            Some(_) => Err(ClaimsError::AudienceMalformed),
        }
    }

    /// Refuses a token that has expired, without leeway, or is not valid yet. What `iat` says does
    /// not matter, and issuers leave it out; but where it stands it is a number, or a text that is
    /// one, as for Fulcio. [`Claims::require_age`] is for issuers that write it.
    pub(crate) fn require_time(&self, now: SystemTime) -> Result<(), ClaimsError> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let expiry = self.time("exp")?.ok_or(ClaimsError::ExpiryMissing)?;
        if now >= expiry {
            return Err(ClaimsError::Expired { by: now - expiry });
        }
        let wait = self.time("nbf")?.unwrap_or_default().saturating_sub(now);
        if wait > NOT_BEFORE_LEEWAY {
            return Err(ClaimsError::NotYetValid { wait });
        }
        match self.get("iat") {
            None | Some(Value::Number(_)) => Ok(()),
            Some(Value::String(text)) if text.parse::<Number>().is_ok() => Ok(()),
            Some(_) => Err(ClaimsError::TimeMalformed { claim: "iat" }),
        }
    }

    /// Refuses a token that was issued longer ago than `most`, or does not say when it was.
    pub(crate) fn require_age(&self, now: SystemTime, most: Duration) -> Result<(), ClaimsError> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let issued = self.time("iat")?.ok_or(ClaimsError::IssuedAtMissing)?;
        let ahead = issued.saturating_sub(now);
        if ahead > ISSUED_LEEWAY {
            return Err(ClaimsError::IssuedInFuture { ahead });
        }
        let age = now.saturating_sub(issued);
        if age > most {
            return Err(ClaimsError::TooOld { age, most });
        }
        Ok(())
    }

    /// Returns when the token will be refused for its time: its expiry, or earlier if it will have
    /// become older than `most`.
    pub(crate) fn end(&self, most: Option<Duration>) -> Result<SystemTime, ClaimsError> {
        let expiry = self.time("exp")?.ok_or(ClaimsError::ExpiryMissing)?;
        let aged = match most {
            Some(most) => self.time("iat")?.map(|issued| issued + most),
            None => None,
        };
        Ok(UNIX_EPOCH + aged.map_or(expiry, |aged| aged.min(expiry)))
    }

    /// Returns what tells the token from the issuer's others.
    pub(crate) fn token_id(&self) -> Result<&str, ClaimsError> {
        self.get("jti")
            .and_then(Value::as_str)
            .filter(|id| (1..=MAX_CLAIM).contains(&id.len()))
            .ok_or(ClaimsError::TokenIdMissing)
    }

    fn time(&self, claim: &'static str) -> Result<Option<Duration>, ClaimsError> {
        self.get(claim)
            .map(|value| {
                let date = match value {
                    Value::Number(number) => numeric_date(number),
                    // As for Fulcio, a text that is a number is one.
                    Value::String(text) => {
                        text.parse().ok().and_then(|number| numeric_date(&number))
                    }
                    _ => None,
                };
                date.ok_or(ClaimsError::TimeMalformed { claim })
            })
            .transpose()
    }
}

/// Reads a `NumericDate`, which may have a fraction (RFC 7519, section 2), as time since 1970.
fn numeric_date(number: &Number) -> Option<Duration> {
    if let Some(seconds) = number.as_u64() {
        return (seconds <= LAST_SECOND.unsigned_abs()).then(|| Duration::from_secs(seconds));
    }
    Duration::try_from_secs_f64(number.as_f64()?)
        .ok()
        .filter(|date| date.as_secs() <= LAST_SECOND.unsigned_abs())
}

/// Returns a claim's value if it may enter a certificate.
pub(crate) fn certifiable(value: &Value) -> Result<&str, ClaimFault> {
    certifiable_text(value.as_str().ok_or(ClaimFault::NotText)?)
}

/// Returns a text if it may enter a certificate.
pub(crate) fn certifiable_text(text: &str) -> Result<&str, ClaimFault> {
    if text.len() > MAX_CLAIM {
        return Err(ClaimFault::TooLong);
    }
    if text.chars().any(is_control) {
        return Err(ClaimFault::ControlCharacter);
    }
    Ok(text)
}

/// Control characters, line separators, and the ones that turn the direction of the rest.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
