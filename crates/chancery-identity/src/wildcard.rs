//! Issuer URLs with wildcards, Fulcio's meta issuers: `https://oidc.*.example.com/id/*`.
//!
//! Pattern and candidate are taken apart at the places that give a URL its structure (scheme, host
//! labels, port, path segments) and compared part by part, so that no wildcard reaches over a part
//! and no part of the pattern is found in another place (Fulcio's CVE-2026-22772).

use std::fmt;

/// Why a text is no pattern of issuer URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WildcardError {
    /// Not an http(s) URL made of host, port and path.
    #[error("it is not an http(s) URL of host and path, without user name, query and fragment")]
    NotUrl,
    /// Nothing in it is a wildcard.
    #[error("it has no `*`; an issuer without wildcard belongs under oidc-issuers")]
    NoWildcard,
    /// One label or segment has two.
    #[error("one host label or path segment has more than one `*`")]
    TwoInOnePart,
    /// A wildcard in the port, or in the last two labels of the host.
    #[error("a `*` may not stand in the port or in the last two labels of the host")]
    TooBroad,
}

/// A URL pattern, where each `*` stands for one or more of `-`, `_`, letters and digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wildcard {
    text: String,
    parts: Vec<Part>,
    in_host: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Exact(String),
    /// What stands before and after the wildcard.
    Around(String, String),
}

impl Wildcard {
    pub(crate) fn parse(text: &str) -> Result<Self, WildcardError> {
        let parts = split(text).ok_or(WildcardError::NotUrl)?;
        if !text.contains('*') {
            return Err(WildcardError::NoWildcard);
        }
        let last_labels = parts.host.len().saturating_sub(2);
        let broad = |index: usize, label: &str| index >= last_labels && label.contains('*');
        if parts.port.contains('*')
            || parts
                .host
                .iter()
                .enumerate()
                .any(|(index, label)| broad(index, label))
        {
            return Err(WildcardError::TooBroad);
        }
        Ok(Self {
            text: text.to_owned(),
            in_host: parts.host.iter().any(|label| label.contains('*')),
            parts: parts.all().map(Part::parse).collect::<Result<_, _>>()?,
        })
    }

    /// Tells whether `issuer` is one of those that the pattern stands for.
    pub(crate) fn matches(&self, issuer: &str) -> bool {
        let Some(parts) = split(issuer) else {
            return false;
        };
        let mut candidates = parts.all();
        self.parts
            .iter()
            .all(|part| candidates.next().is_some_and(|text| part.matches(text)))
            && candidates.next().is_none()
    }

    /// Tells whether a token can choose the host.
    pub(crate) const fn is_in_host(&self) -> bool {
        self.in_host
    }

    /// Returns how many characters are fixed: of two patterns that match, the one that says more
    /// about the issuer is meant.
    pub(crate) fn fixed(&self) -> usize {
        self.text
            .chars()
            .filter(|&character| character != '*')
            .count()
    }
}

impl fmt::Display for Wildcard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Part {
    fn parse(text: &str) -> Result<Self, WildcardError> {
        match text.split_once('*') {
            None => Ok(Self::Exact(text.to_owned())),
            Some((_, after)) if after.contains('*') => Err(WildcardError::TwoInOnePart),
            Some((before, after)) => Ok(Self::Around(before.to_owned(), after.to_owned())),
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Around(before, after) => text
                .strip_prefix(before.as_str())
                .and_then(|rest| rest.strip_suffix(after.as_str()))
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_wild)),
        }
    }
}

const fn is_wild(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// A URL taken apart.
struct Parts<'a> {
    scheme: &'a str,
    host: Vec<&'a str>,
    port: &'a str,
    /// Each with the slash before it left out; empty if there is no path.
    path: Vec<&'a str>,
}

impl<'a> Parts<'a> {
    /// Counts before lists, so that a list cannot pass for the beginning of the next.
    fn all(&self) -> impl Iterator<Item = &'a str> {
        [self.scheme]
            .into_iter()
            .chain(self.host.clone())
            .chain([":", self.port, "/"])
            .chain(self.path.clone())
    }
}

fn split(url: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let plain = |byte: u8| is_wild(byte) || b".~:/*".contains(&byte);
    if !matches!(scheme, "http" | "https") || !rest.bytes().all(plain) {
        return None;
    }
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, path.split('/').collect()),
        None => (rest, Vec::new()),
    };
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    let host: Vec<&str> = host.split('.').collect();
    let dots = |segment: &&str| matches!(*segment, "." | "..");
    if host.iter().any(|label| label.is_empty()) || port.contains(':') || path.iter().any(dots) {
        return None;
    }
    Some(Parts {
        scheme,
        host,
        port,
        path,
    })
}

/// Tells whether `address`, a URL or a pattern, stands for URLs of the form `template`, where `*` is
/// any part and `~` a part that the address leaves open, in whole or in part.
pub(crate) fn leaves_open(address: &str, template: &str) -> bool {
    let (Some(address), Some(template)) = (split(address), split(template)) else {
        return false;
    };
    let mut parts = address.all();
    let agrees = |part: &str, wanted: &str| match wanted {
        "~" => part.contains('*'),
        "*" => true,
        exact => Part::parse(part).is_ok_and(|part| part.matches(exact)),
    };
    let mut wanted = template.all();
    wanted.all(|wanted| parts.next().is_some_and(|part| agrees(part, wanted)))
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_part() {
        let eks = Wildcard::parse("https://oidc.eks.*.amazonaws.com/id/*").unwrap();
        assert!(
            eks.matches("https://oidc.eks.us-west-2.amazonaws.com/id/B02C93B6A2D30341AD01E1B6")
        );
        for other in [
            "https://oidc.eks.us.west.amazonaws.com/id/B02C",
            "https://oidc.eks.us-west-2.amazonaws.com/id/B02C/x",
            "https://oidc.eks.us-west-2.amazonaws.com/id/B02C/",
            "https://oidc.eks.us-west-2.amazonaws.com/id/",
            "https://oidc.eks.us-west-2.amazonaws.com/id",
            "https://oidc.eks..amazonaws.com/id/B02C",
            "http://oidc.eks.us-west-2.amazonaws.com/id/B02C",
            "https://oidc.eks.us-west-2.amazonaws.com:8443/id/B02C",
            "https://evil.test/https://oidc.eks.us-west-2.amazonaws.com/id/B02C",
            "https://evil.test?x=https://oidc.eks.us-west-2.amazonaws.com/id/B02C",
            "https://oidc.eks.evil.test?x=.amazonaws.com/id/B02C",
            "https://oidc.eks.evil.test#.amazonaws.com/id/B02C",
            "https://oidc.eks.a@evil.test/.amazonaws.com/id/B02C",
            "https://oidc.eks.us-west-2.amazonaws.com/id/B02C\n",
            "https://oidc.eks.us%2ewest.amazonaws.com/id/B02C",
            "https://oidc.eks.evil\\.amazonaws.com/id/B02C",
            "https://oidc.eks.us-west-2.amazonaws.com.evil.test/id/B02C",
            "https://oidc.eks.us-west-2.amazonaws.com/id/..",
        ] {
            assert!(!eks.matches(other), "{other}");
        }
    }

    #[test]
    fn a_trailing_slash_counts() {
        let aks = Wildcard::parse("https://oidc.prod-aks.azure.com/*/").unwrap();
        assert!(aks.matches("https://oidc.prod-aks.azure.com/0f-1/"));
        assert!(!aks.matches("https://oidc.prod-aks.azure.com/0f-1"));
    }

    #[test]
    fn a_wildcard_may_have_neighbours() {
        let path = Wildcard::parse("http://localhost:9000/meta-*-x/y").unwrap();
        assert!(path.matches("http://localhost:9000/meta-a-b-x/y"));
        assert!(!path.matches("http://localhost:9000/meta--x/y"));
        assert!(!path.is_in_host());
    }

    #[test]
    fn patterns_that_say_too_little_are_refused() {
        for (text, error) in [
            ("https://a.example.com/x", WildcardError::NoWildcard),
            ("https://*/x", WildcardError::TooBroad),
            ("https://*.com/x", WildcardError::TooBroad),
            ("https://a.*.com/x", WildcardError::TooBroad),
            ("https://a.example.com:*/x", WildcardError::TooBroad),
            ("https://a.example.com/*-*", WildcardError::TwoInOnePart),
            ("*://a.example.com/x", WildcardError::NotUrl),
            ("https://u@a.example.com/*", WildcardError::NotUrl),
            ("https://a.example.com/*?x", WildcardError::NotUrl),
        ] {
            assert_eq!(Wildcard::parse(text).unwrap_err(), error, "{text}");
        }
    }
}
