//! Request parameters, from a query or a form.

use std::collections::BTreeMap;

use url::form_urlencoded;

use super::error::OauthError;

/// The longest parameter that is taken.
const LONGEST: usize = 16 * 1024;

/// Parameters, each at most once (RFC 6749, section 3.1); an empty one is absent.
#[derive(Debug)]
pub(super) struct Params(BTreeMap<String, String>);

impl Params {
    /// Parses what a query or a form holds.
    pub(super) fn parse(encoded: &[u8]) -> Result<Self, OauthError> {
        let mut params = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            if value.len() > LONGEST {
                return Err(OauthError::invalid_request(format!("{name} is too long")));
            }
            if params
                .insert(name.to_string(), value.into_owned())
                .is_some()
            {
                return Err(OauthError::invalid_request(format!(
                    "{name} is there twice"
                )));
            }
        }
        params.retain(|_, value| !value.is_empty());
        Ok(Self(params))
    }

    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn require(&self, name: &str) -> Result<&str, OauthError> {
        self.find(name)
            .ok_or_else(|| OauthError::invalid_request(format!("{name} is missing")))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_there_twice_is_refused_and_an_empty_one_is_absent() {
        assert!(Params::parse(b"code=1&code=2").is_err());
        assert!(Params::parse(b"code=&code=2").is_err());
        let params = Params::parse(b"state=&nonce=a%20b+c").unwrap();
        assert_eq!(params.find("state"), None);
        assert_eq!(params.find("nonce"), Some("a b c"));
    }
}
