//! URLs as Go's `net/url` reads and writes them, because Fulcio's certificates hold what it writes.
//!
//! The WHATWG parser of crate `url` would fold hosts, add slashes and resolve dots, and so certify
//! another text than Fulcio does. Here the scheme is put in lower case, and path and fragment are
//! percent-encoded if they hold what may not stand there; the rest is left as it is. Refused, though
//! `net/url` takes them, are user names and passwords, IPv6 zones, and host names that Go's own
//! `crypto/x509` would not read in a certificate.

use std::fmt;
use std::net::Ipv6Addr;

/// Why a text is no URL with a scheme and a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GoUrlError {
    #[error("holds a control character")]
    ControlCharacter,
    #[error("has a percent sign that does not begin an escape")]
    Escape,
    #[error("has a host that is no name or address in plain ASCII")]
    Host,
    #[error("has no scheme")]
    NoScheme,
    #[error("has no host")]
    NoHost,
    #[error("has a port that is no number")]
    Port,
    #[error("has a user name or password")]
    UserInfo,
}

/// A URL `scheme://host[:port][/path][?query][#fragment]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GoUrl {
    /// In lower case.
    scheme: String,
    /// With the port, as it was written.
    host: String,
    /// Empty, or with the slash that begins it; as it is written.
    path: String,
    /// Query and fragment as they are written, each with its mark.
    rest: String,
}

impl GoUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, GoUrlError> {
        let (before, fragment) = text.split_once('#').unwrap_or((text, ""));
        if before.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return Err(GoUrlError::ControlCharacter);
        }
        let (scheme, hierarchy) = split_scheme(before).ok_or(GoUrlError::NoScheme)?;
        let (hierarchy, query) = match hierarchy.split_once('?') {
            Some((hierarchy, query)) => (hierarchy, Some(query)),
            None => (hierarchy, None),
        };
        let hierarchy = hierarchy.strip_prefix("//").ok_or(GoUrlError::NoHost)?;
        let (host, path) = hierarchy.split_at(hierarchy.find('/').unwrap_or(hierarchy.len()));
        if host.contains('@') {
            return Err(GoUrlError::UserInfo);
        }
        require_host(host)?;
        let mut rest = query.map_or_else(String::new, |query| format!("?{query}"));
        if !fragment.is_empty() {
            rest = rest + "#" + &escape(fragment, is_fragment)?;
        }
        Ok(Self {
            scheme,
            host: host.to_owned(),
            path: escape(path, is_path)?,
            rest,
        })
    }

    /// Appends path elements as `URL.JoinPath` does: empty ones are passed over, `.` and `..` and
    /// double slashes are resolved. What `JoinPath` cannot append it silently leaves out, so that
    /// the name of the base would be certified; here that is an error.
    pub(crate) fn join(&self, elements: &[&str]) -> Result<Self, GoUrlError> {
        let mut segments: Vec<&str> = Vec::new();
        let all = std::iter::once(self.path.as_str()).chain(elements.iter().copied());
        for segment in all.flat_map(|element| element.split('/')) {
            match segment {
                "" | "." => {}
                ".." => {
                    segments.pop();
                }
                name => segments.push(name),
            }
        }
        let mut path = segments.join("/");
        let last = elements.last().copied().unwrap_or(&self.path);
        if last.ends_with('/') && !path.is_empty() {
            path.push('/');
        }
        if self.path.starts_with('/') || (last.ends_with('/') && path.is_empty()) {
            path.insert(0, '/');
        }
        let mut path = escape(&path, is_path)?;
        // A path that begins with an escaped slash may have got one when it was encoded anew.
        if !path.is_empty() && !path.starts_with('/') {
            path.insert(0, '/');
        }
        Ok(Self {
            path,
            ..self.clone()
        })
    }

    /// Returns the scheme in lower case.
    pub(crate) fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Returns the host without port and brackets, as it was written.
    pub(crate) fn hostname(&self) -> &str {
        let host = split_port(&self.host).0;
        host.strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host)
    }
}

impl fmt::Display for GoUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scheme,
            host,
            path,
            rest,
        } = self;
        write!(formatter, "{scheme}://{host}{path}{rest}")
    }
}

/// Refuses what is no host with an optional port, or could not be read in a certificate: Go's
/// `domainNameValid` looks at host and port together.
fn require_host(host: &str) -> Result<(), GoUrlError> {
    let (name, port) = split_port(host);
    if name.is_empty() {
        return Err(GoUrlError::NoHost);
    }
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(GoUrlError::Port);
    }
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let well_formed = match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => name.bytes().all(is_host) && host.split('.').all(|label| !label.is_empty()),
    };
    if well_formed {
        Ok(())
    } else {
        Err(GoUrlError::Host)
    }
}

/// Splits off the scheme (RFC 3986, section 3.1), put in lower case.
fn split_scheme(text: &str) -> Option<(String, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let well_formed = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    well_formed.then(|| (scheme.to_ascii_lowercase(), rest))
}

/// Splits `host[:port]`; the colons of an address in brackets are its own.
fn split_port(host: &str) -> (&str, &str) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (host, ""),
    }
}

/// Leaves a text alone that is well encoded, and otherwise decodes and encodes all of it.
fn escape(text: &str, is_plain: fn(u8) -> bool) -> Result<String, GoUrlError> {
    let decoded = unescape(text)?;
    let well_encoded = |byte: u8| is_plain(byte) || b"!$&'()*+,;=:@[]%".contains(&byte);
    if text.bytes().all(well_encoded) {
        return Ok(text.to_owned());
    }
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in decoded {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(encoded)
}

fn unescape(text: &str) -> Result<Vec<u8>, GoUrlError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || {
            let digit = char::from(bytes.next()?).to_digit(16)?;
            u8::try_from(digit).ok()
        };
        match (digit(), digit()) {
            (Some(high), Some(low)) => decoded.push(high << 4 | low),
            _ => return Err(GoUrlError::Escape),
        }
    }
    Ok(decoded)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte)
}

/// What `net/url` lets stand in a host, but for colons and brackets, which have their place.
fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=<>\"".contains(&byte)
}

/// What `net/url` writes unescaped in a path.
fn is_path(byte: u8) -> bool {
    is_unreserved(byte)
}

/// What `net/url` writes unescaped in a fragment.
fn is_fragment(byte: u8) -> bool {
    is_unreserved(byte) || b"?!()*".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each pair is what Go 1.26 prints for `url.Parse(text)`.
    #[test]
    fn texts_come_out_as_from_go() {
        for (text, written) in [
            ("http://localhost", "http://localhost"),
            ("HTTP://LocalHost:80/u", "http://LocalHost:80/u"),
            ("http://localhost/a b", "http://localhost/a%20b"),
            ("http://localhost/a%2fb c", "http://localhost/a/b%20c"),
            ("http://localhost/a%2fb", "http://localhost/a%2fb"),
            ("http://localhost/a/../b//c", "http://localhost/a/../b//c"),
            ("http://localhost/a?b c#", "http://localhost/a?b c"),
            ("http://localhost/a?", "http://localhost/a?"),
            (
                "http://localhost/a#b?(c)d e",
                "http://localhost/a#b?(c)d%20e",
            ),
            ("http://localhost/ü!*", "http://localhost/%C3%BC%21%2A"),
            ("http://localhost/!*'()[]", "http://localhost/!*'()[]"),
            ("http://localhost/a|b", "http://localhost/a%7Cb"),
            ("http://[::1]:81/u", "http://[::1]:81/u"),
            ("http://localhost:/u", "http://localhost:/u"),
        ] {
            assert_eq!(GoUrl::parse(text).unwrap().to_string(), written, "{text}");
        }
    }

    /// Each row is what Go 1.26 makes of `JoinPath`.
    #[test]
    fn path_elements_are_joined_as_by_go() {
        for (base, elements, joined) in [
            ("https://x.test", &["a"][..], "https://x.test/a"),
            ("https://x.test/", &["a/b@c"], "https://x.test/a/b@c"),
            (
                "https://x.test/",
                &["a//b/./c/../d"],
                "https://x.test/a/b/d",
            ),
            ("https://x.test/p", &["../../a"], "https://x.test/a"),
            (
                "https://x.test/p/",
                &["", "a:b/c"],
                "https://x.test/p/a:b/c",
            ),
            (
                "https://x.test/",
                &["a", "/-/jobs/", "7"],
                "https://x.test/a/-/jobs/7",
            ),
            ("https://x.test/", &["a/"], "https://x.test/a/"),
            ("https://x.test/", &[""], "https://x.test/"),
            ("https://x.test", &[""], "https://x.test"),
            ("https://x.test", &[".."], "https://x.test"),
            ("https://x.test", &["../"], "https://x.test/"),
            (
                "https://x.test/",
                &["a b#c?d"],
                "https://x.test/a%20b%23c%3Fd",
            ),
            ("https://x.test/", &["a%2fb"], "https://x.test/a%2fb"),
            ("https://x.test", &["%2fa b"], "https://x.test/a%20b"),
            ("https://x.test/a b", &["c"], "https://x.test/a%20b/c"),
            ("https://x.test/?q=1#f", &["c"], "https://x.test/c?q=1#f"),
        ] {
            let base = GoUrl::parse(base).unwrap();
            let url = base.join(elements).unwrap().to_string();
            assert_eq!(url, joined, "{elements:?}");
        }
        let base = GoUrl::parse("https://x.test/").unwrap();
        assert_eq!(base.join(&["a/%zz"]), Err(GoUrlError::Escape));
    }

    #[test]
    fn the_hostname_is_without_port_and_brackets() {
        let hostname = |text: &str| GoUrl::parse(text).unwrap().hostname().to_owned();
        assert_eq!(hostname("http://localhost:81/u"), "localhost");
        assert_eq!(hostname("http://[::1]:81/u"), "::1");
        assert_eq!(hostname("http://[::1]/u"), "::1");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for (text, error) in [
            ("", GoUrlError::NoScheme),
            ("/a", GoUrlError::NoScheme),
            ("1http://x/", GoUrlError::NoScheme),
            ("mailto:a@b", GoUrlError::NoHost),
            ("http:///a", GoUrlError::NoHost),
            ("http://:80/a", GoUrlError::NoHost),
            ("http://x:8o/a", GoUrlError::Port),
            ("http://a:b:80/a", GoUrlError::Host),
            ("http://a b/", GoUrlError::Host),
            ("http://a%20b/", GoUrlError::Host),
            ("http://b\u{fc}cher.test/", GoUrlError::Host),
            ("http://a..test/", GoUrlError::Host),
            ("http://a.test./", GoUrlError::Host),
            ("http://a\\b/", GoUrlError::Host),
            ("http://[::1/", GoUrlError::Host),
            ("http://[1.2.3.4]/", GoUrlError::Host),
            ("http://x[::1]/", GoUrlError::Host),
            ("http://good.test@evil.test/a", GoUrlError::UserInfo),
            ("http://x/%zz", GoUrlError::Escape),
            ("http://x/%4", GoUrlError::Escape),
            ("http://x/a\nb", GoUrlError::ControlCharacter),
        ] {
            assert_eq!(GoUrl::parse(text).unwrap_err(), error, "{text:?}");
        }
    }
}
