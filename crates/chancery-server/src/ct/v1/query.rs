//! The parameters of RFC 6962's requests.

use axum::extract::FromRequestParts;
use base64::Engine as _;
use chancery_tlog::Hash;
use http::request::Parts;

use super::super::AtLog;
use super::refusal::Refusal;
use crate::lenient_base64;
use crate::logs::ServedLog;
use crate::state::AppState;

/// A request for a log.
pub(super) struct Asked {
    pub(super) served: ServedLog,
    pub(super) query: Query,
}

impl FromRequestParts<AppState> for Asked {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Refusal> {
        let AtLog { served, .. } = AtLog::from_request_parts(parts, app).await?;
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        Ok(Self { served, query })
    }
}

/// The parameters, in the form that HTML forms send. Names that nobody asks for mean nothing.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    fn parse(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// Returns the value of a parameter, which must be there once: caches and servers do not agree
    /// on which of two counts.
    fn one(&self, name: &str) -> Result<&str, Refusal> {
        let mut found = self.0.iter().filter(|(other, _)| other == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(value),
            (None, _) => Err(Refusal::malformed(&format!(
                "the parameter {name} is missing"
            ))),
            (Some(_), Some(_)) => Err(Refusal::malformed(&format!("there are two {name}"))),
        }
    }

    /// Returns a number: decimal digits only.
    pub(super) fn number(&self, name: &str) -> Result<u64, Refusal> {
        let value = self.one(name)?;
        let digits = !value.is_empty() && value.bytes().all(|c| c.is_ascii_digit());
        let number = digits.then(|| value.parse().ok()).flatten();
        number.ok_or_else(|| {
            let wrong = format!("{name} is not a number of decimal digits below 2^64");
            Refusal::malformed(&wrong)
        })
    }

    /// Returns a hash in base64. Clients send `+` as it is, which in a form is a space.
    pub(super) fn hash(&self, name: &str) -> Result<Hash, Refusal> {
        let value = self.one(name)?.replace(' ', "+");
        let bytes = lenient_base64::decode(&value).ok();
        let hash = bytes.and_then(|bytes| Hash::try_from(&bytes[..]).ok());
        hash.ok_or_else(|| Refusal::malformed(&format!("{name} is not 32 bytes in base64")))
    }
}

/// Encodes bytes as RFC 6962's JSON has them.
pub(super) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_decimal_digits_once() {
        let number = |query: &str| Query::parse(query).number("start").ok();
        for (query, expected) in [
            ("start=0", 0),
            ("start=007&end=x", 7),
            ("end=1&start=18446744073709551615", u64::MAX),
            ("start=%31%32", 12),
            ("&&start=5&", 5),
        ] {
            assert_eq!(number(query), Some(expected), "{query}");
        }
        for query in [
            "",
            "start",
            "start=",
            "start=-1",
            "start=+1",
            "start=%2B1",
            "start=1.0",
            "start=0x1",
            "start=1%20",
            "start=18446744073709551616",
            "start=%D9%A1",
            "start=%FF",
            "start=1&start=1",
            "Start=1",
            "start=1;end=2",
            "start%00=1",
        ] {
            assert_eq!(number(query), None, "{query}");
        }
    }

    #[test]
    fn a_hash_is_read_however_clients_escape_it() {
        let hash = Hash::from_bytes([0xfb; 32]);
        let plain = base64(hash.as_bytes());
        assert!(plain.contains('+') && plain.ends_with('='));
        let escaped = plain
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D");
        let url_safe = plain.replace('+', "-").replace('/', "_");
        let unpadded = plain.trim_end_matches('=').to_owned();
        for text in [&plain, &escaped, &url_safe, &unpadded] {
            let read = Query::parse(&format!("hash={text}")).hash("hash");
            assert_eq!(read.ok(), Some(hash), "{text}");
        }
        let short = base64(&[0; 31]);
        let long = base64(&[0; 33]);
        for text in ["", "!", &short, &long, &"A".repeat(4000), "%00"] {
            let read = Query::parse(&format!("hash={text}")).hash("hash");
            assert!(read.is_err(), "{text}");
        }
    }
}
