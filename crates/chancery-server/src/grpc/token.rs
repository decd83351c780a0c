//! The identity token in a request's metadata.

use http::{HeaderMap, HeaderName};

use crate::error::ApiError;
use crate::token;

const OIDC_IDENTITY_TOKEN: HeaderName = HeaderName::from_static("oidcidentitytoken");

/// Returns the token under `oidcidentitytoken`, which is Fulcio's name for it, or in `authorization`
/// as with REST; an empty string if there is neither.
///
/// # Errors
///
/// Refuses either twice, and bytes that are not text.
pub(super) fn from_metadata(metadata: &HeaderMap) -> Result<String, ApiError> {
    match token::single(metadata, &OIDC_IDENTITY_TOKEN)? {
        Some(token) => Ok(token.to_owned()),
        None => token::from_authorization(metadata),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, &str)]) -> Result<String, ApiError> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        from_metadata(&pairs.collect())
    }

    #[test]
    fn fulcios_name_wins_over_the_usual_one() {
        let (ours, usual) = (("oidcidentitytoken", "a"), ("authorization", "Bearer b"));
        assert_eq!(read(&[]).unwrap(), "");
        assert_eq!(read(&[usual]).unwrap(), "b");
        assert_eq!(read(&[usual, ours]).unwrap(), "a");
    }

    #[test]
    fn two_tokens_are_refused() {
        for name in ["oidcidentitytoken", "authorization"] {
            let refused = read(&[(name, "a"), (name, "a")]).unwrap_err();
            assert!(refused.message().contains("[authorization-ambiguous]"));
        }
    }
}
