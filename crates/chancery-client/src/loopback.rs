//! Which hosts are this machine itself, where http is safe and no proxy is asked.

use url::{Host, Url};

/// Tells whether a URL is on this machine. Names below `localhost` are not: resolvers may ask others
/// for them, whatever RFC 6761 (6.3) says.
pub(crate) fn is_here(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.host().is_some_and(|host| is_loopback(&host)))
}

/// Tells whether a host is this machine.
pub(crate) fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_here() {
        for url in [
            "http://localhost:5555/a",
            "http://127.0.0.1",
            "http://[::1]:1",
        ] {
            assert!(is_here(url), "{url}");
        }
        for url in [
            "http://a.localhost",
            "http://localhost.example",
            "http://128.0.0.1",
            "x",
            "https://a.b",
        ] {
            assert!(!is_here(url), "{url}");
        }
    }
}
