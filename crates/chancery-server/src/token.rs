//! The identity token in a request's headers.

use http::{HeaderMap, HeaderName, header};

use crate::error::ApiError;
use crate::refusal_code::RefusalCode;

/// Fulcio's sentence for everything that is wrong with a token.
const SENTENCE: &str = "There was an error processing the identity token";

/// Returns the token of the `Authorization` header, or an empty string if there is no header.
///
/// As with Fulcio the token may stand there without `Bearer`; any other scheme stays in front of it
/// and makes it unreadable as a token.
///
/// # Errors
///
/// Refuses a second header, which proxies and servers choose between differently, and bytes that
/// are not text.
pub(crate) fn from_authorization(headers: &HeaderMap) -> Result<String, ApiError> {
    let value = single(headers, &header::AUTHORIZATION)?;
    Ok(value.map_or("", without_scheme).to_owned())
}

/// Returns the only value of a header.
///
/// # Errors
///
/// As [`from_authorization`].
pub(crate) fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        let reason = format!("{name} occurs twice among the headers");
        return Err(ApiError::refused(
            SENTENCE,
            &reason,
            RefusalCode::AuthorizationAmbiguous,
        ));
    }
    let Ok(value) = value.to_str() else {
        let reason = format!("the header {name} is not ASCII text");
        return Err(ApiError::refused(
            SENTENCE,
            &reason,
            RefusalCode::AuthorizationUnreadable,
        ));
    };
    Ok(Some(value))
}

/// Scheme names are case-insensitive (RFC 9110, section 11.1).
fn without_scheme(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let pairs = values
            .iter()
            .map(|value| (header::AUTHORIZATION, value.parse().unwrap()));
        pairs.collect()
    }

    #[test]
    fn a_bearer_token_is_read_with_and_without_its_scheme() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "a.b.c", "Bearer  a.b.c "] {
            assert_eq!(
                from_authorization(&headers(&[value])).unwrap(),
                "a.b.c",
                "{value:?}"
            );
        }
        assert_eq!(from_authorization(&headers(&[])).unwrap(), "");
        assert_eq!(
            from_authorization(&headers(&["Basic a.b.c"])).unwrap(),
            "Basic a.b.c"
        );
    }

    #[test]
    fn two_authorization_headers_are_refused() {
        assert!(from_authorization(&headers(&["Bearer a.b.c", "Bearer a.b.c"])).is_err());
    }
}
