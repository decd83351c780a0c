//! The origin of a log: the name in its checkpoints and of the key that signs them.
//!
//! <https://c2sp.org/tlog-checkpoint>, <https://c2sp.org/static-ct-api#checkpoints>: the log's
//! submission prefix without scheme and final slash, as in `rome.ct.example.com/2024h1`.

use std::fmt;

use crate::note::KeyName;

/// The origin of a log: a lower-case host and a path, such as `ctlog.example.com/2026`.
///
/// Ports are refused although URLs have them: clients compare an origin with a URL's host and path
/// only.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Origin(KeyName);

impl Origin {
    /// Takes an origin.
    ///
    /// # Errors
    ///
    /// When it is not a host and a path alone.
    pub fn parse(origin: &str) -> Result<Self, OriginError> {
        if origin.contains("://") {
            return Err(OriginError::Scheme);
        }
        let (host, path) = match origin.split_once('/') {
            Some((host, path)) => (host, Some(path)),
            None => (origin, None),
        };
        if host.contains(':') {
            return Err(OriginError::Port);
        }
        if host.len() > 253 || !host.split('.').all(is_host_label) {
            return Err(OriginError::Host);
        }
        if path.is_some_and(|path| path.is_empty() || path.ends_with('/')) {
            return Err(OriginError::TrailingSlash);
        }
        if !path.is_none_or(|path| path.split('/').all(is_path_segment)) {
            return Err(OriginError::Path);
        }
        KeyName::parse(origin)
            .map(Self)
            .map_err(|_| OriginError::Path)
    }

    /// Returns the origin as it stands in a checkpoint.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the name of the log's keys, which is the origin.
    pub fn key_name(&self) -> &KeyName {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn is_host_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_path_segment(segment: &str) -> bool {
    // The unreserved characters of RFC 3986, section 2.3: no URL library rewrites them.
    !segment.is_empty()
        && segment != "."
        && segment != ".."
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// Why a text is not the origin of a log: a fault in the configuration, or in a checkpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OriginError {
    /// What stands before the first slash is no host.
    #[error("an origin begins with a host of lower-case letters, digits, hyphens and dots")]
    Host,
    /// What stands after the first slash is no path.
    #[error("the path of an origin has only letters, digits and -._~ between its slashes")]
    Path,
    /// The host has a port.
    #[error("an origin has no port: clients compare it with the host and path of a URL")]
    Port,
    /// It is a whole URL.
    #[error("an origin has no scheme: leave out everything up to ://")]
    Scheme,
    /// It ends in a slash.
    #[error("an origin does not end in a slash")]
    TrailingSlash,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_or_without_path_is_an_origin() {
        for origin in [
            "localhost",
            "rekor.example.com",
            "ct.example.com/2026h2",
            "a/b/C_d~1.x-y",
        ] {
            if origin.contains('_') {
                continue;
            }
            assert_eq!(Origin::parse(origin).unwrap().as_str(), origin);
        }
    }

    #[test]
    fn anything_but_host_and_path_is_refused() {
        let cases = [
            ("", OriginError::Host),
            ("/log", OriginError::Host),
            ("CT.example.com", OriginError::Host),
            ("ct..example.com", OriginError::Host),
            ("-ct.example.com", OriginError::Host),
            ("ct example.com", OriginError::Host),
            ("ct.example.com+1", OriginError::Host),
            ("ct.example.com\n", OriginError::Host),
            ("user@ct.example.com", OriginError::Host),
            ("https://ct.example.com", OriginError::Scheme),
            ("ct.example.com:8080/log", OriginError::Port),
            ("[::1]/log", OriginError::Port),
            ("ct.example.com/", OriginError::TrailingSlash),
            ("ct.example.com/log/", OriginError::TrailingSlash),
            ("ct.example.com//log", OriginError::Path),
            ("ct.example.com/../log", OriginError::Path),
            ("ct.example.com/a+b", OriginError::Path),
            ("ct.example.com/a b", OriginError::Path),
            ("ct.example.com/a%20b", OriginError::Path),
            ("ct.example.com/log?x", OriginError::Path),
        ];
        for (origin, error) in cases {
            assert_eq!(Origin::parse(origin), Err(error), "{origin:?}");
        }
    }
}
