//! Where an instance is.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::loopback;

/// An instance's base URL: `https`, or `http` to this machine itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InstanceUrl {
    /// Without a slash at its end.
    text: String,
    is_loopback: bool,
}

/// Why a text is no instance's URL.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InstanceUrlError {
    /// It is no URL with a host.
    // What it is instead is not repeated: there may be a password in it.
    #[error("this is no URL such as https://ca.example.org")]
    NoUrl,
    /// Anybody on the way could read tokens and change answers.
    #[error(
        "{0} is not https; http is for this machine itself only, such as http://localhost:5555"
    )]
    NotHttps(String),
    /// What would be in it is not part of an instance's URL.
    #[error(
        "an instance's URL has no user, password, query or fragment; say its scheme, host, port and \
         path only"
    )]
    More,
}

impl InstanceUrl {
    /// Returns the URL without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Tells whether it is on this machine, where no proxy is asked.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Returns the URL of the TUF repository, with a slash at its end.
    pub(super) fn repository(&self) -> String {
        format!("{}/tuf/", self.text)
    }
}

impl FromStr for InstanceUrl {
    type Err = InstanceUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| InstanceUrlError::NoUrl)?;
        let no_user = url.username().is_empty() && url.password().is_none();
        if !no_user || url.query().is_some() || url.fragment().is_some() {
            return Err(InstanceUrlError::More);
        }
        let host = url.host().ok_or(InstanceUrlError::NoUrl)?;
        let is_loopback = loopback::is_loopback(&host);
        match (url.scheme(), is_loopback) {
            ("https", _) | ("http", true) => Ok(Self {
                text: url.as_str().trim_end_matches('/').to_owned(),
                is_loopback,
            }),
            ("http", false) => Err(InstanceUrlError::NotHttps(text.to_owned())),
            _ => Err(InstanceUrlError::NoUrl),
        }
    }
}

impl fmt::Display for InstanceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_in_clear_text() {
        for (text, taken) in [
            ("https://ca.test", "https://ca.test"),
            ("https://CA.test:443//", "https://ca.test"),
            ("https://ca.test/a/", "https://ca.test/a"),
            ("http://localhost:5555", "http://localhost:5555"),
            ("http://127.0.0.2/", "http://127.0.0.2"),
            ("http://[::1]:1", "http://[::1]:1"),
        ] {
            let url: InstanceUrl = text.parse().unwrap();
            assert_eq!(url.as_str(), taken);
        }
        for bad in [
            "ca.test",
            "http://ca.test",
            "http://localhost.ca.test",
            "ftp://localhost",
            "file:///etc",
            "https://",
            "https://me@ca.test",
            "https://:secret@ca.test",
            "https://ca.test?a",
            "https://ca.test#a",
        ] {
            assert!(bad.parse::<InstanceUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_is_not_repeated() {
        for text in [
            "https://me:secret@ca.test",
            "https://me:secret@",
            "https://me:secret@ca.test:port",
            "me:secret@ca.test",
        ] {
            let error = text.parse::<InstanceUrl>().unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}
