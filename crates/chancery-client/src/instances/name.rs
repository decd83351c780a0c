//! What an instance is called on this machine.

use std::fmt;
use std::str::FromStr;

use super::InstanceUrl;

/// The most bytes of a name: with what is put before and behind it, a file's name.
const MOST: usize = 100;

/// A name that people give to an instance: lower-case letters, digits, `.`, `-` and `_`, beginning
/// with a letter or digit, so that it is the same file on every file system.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct InstanceName(String);

/// Why a text is no name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{0:?} is no name for an instance: lower-case letters, digits, `.`, `-` and `_`, at most \
     {MOST}, and a letter or digit first"
)]
pub struct InstanceNameError(String);

impl InstanceName {
    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Names an instance by its host, its port if it has one of its own, and its path.
    ///
    /// # Errors
    /// [`InstanceNameError`] if these are no name, such as an address in brackets.
    pub fn of_url(url: &InstanceUrl) -> Result<Self, InstanceNameError> {
        let text = url.as_str();
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        text.replace([':', '/'], "-").parse()
    }
}

impl FromStr for InstanceName {
    type Err = InstanceNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let good = text.len() <= MOST
            && text.starts_with(is_plain)
            && text.chars().all(|c| is_plain(c) || ".-_".contains(c));
        match good {
            true => Ok(Self(text.to_owned())),
            false => Err(InstanceNameError(text.chars().take(MOST).collect())),
        }
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_file_in_one_folder() {
        for good in ["ca.example.org", "127.0.0.1-5555", "a", "9_x"] {
            assert_eq!(good.parse::<InstanceName>().unwrap().as_str(), good);
        }
        let long = "a".repeat(MOST + 1);
        for bad in [
            "", ".", "..", "a/b", "../a", "A", "-a", "a b", "ä", "a\0", &*long,
        ] {
            assert!(bad.parse::<InstanceName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_instance_is_named_by_its_host() {
        let named = |url: &str| InstanceName::of_url(&url.parse().unwrap()).unwrap();
        assert_eq!(named("https://CA.example.org/").as_str(), "ca.example.org");
        assert_eq!(named("http://127.0.0.1:5555").as_str(), "127.0.0.1-5555");
        assert_eq!(named("https://x.test:8443/a/b").as_str(), "x.test-8443-a-b");
        let brackets = InstanceName::of_url(&"http://[::1]:80".parse().unwrap());
        brackets.unwrap_err();
    }
}
