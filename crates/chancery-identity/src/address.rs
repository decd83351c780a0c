//! Addresses that an issuer's documents may be fetched from.
//!
//! A wildcard lets the sender of a token choose the host that is asked, or the tenant of a host that
//! then names another one for its keys; neither must lead into the network behind this server
//! (Fulcio's CVE-2026-22772). The addresses are looked at after the resolver has spoken and are the
//! very ones that are then connected to, so a name that changes its answer gains nothing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Which hosts may be asked on the way to one issuer, or to all that one pattern stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Bounds {
    /// The host that the operator has named, wherever it is.
    own: Option<String>,
    others: Others,
}

/// Where other hosts than the operator's may be, such as one that a configuration names for keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Others {
    Anywhere,
    /// Not where clouds keep their metadata and its credentials. Else an issuer that the operator
    /// trusts by its name may keep its keys inside, too.
    NotLinkLocal,
    /// On the public internet.
    Public,
}

impl Bounds {
    /// No bounds: the operator says so.
    pub(crate) const fn none() -> Self {
        Self {
            own: None,
            others: Others::Anywhere,
        }
    }

    /// For an issuer that the operator has named.
    pub(crate) const fn around(own: Option<String>) -> Self {
        Self {
            own,
            others: Others::NotLinkLocal,
        }
    }

    /// For a pattern, whose host the operator has named or left open.
    pub(crate) const fn public(own: Option<String>) -> Self {
        Self {
            own,
            others: Others::Public,
        }
    }

    /// Tells whether a URL may be asked, as far as can be seen before its host is looked up.
    /// Whether a proxy looks it up, where nothing more can be seen, is told by `is_proxied`.
    pub(crate) fn admit(&self, url: &Url, is_proxied: bool) -> bool {
        if self.own.is_some() && url.host_str() == self.own.as_deref() {
            return true;
        }
        match url.host() {
            Some(Host::Domain(_)) => !(is_proxied && self.others == Others::Public),
            Some(Host::Ipv4(address)) => self.others.include(address.into()),
            Some(Host::Ipv6(address)) => self.others.include(address.into()),
            None => false,
        }
    }
}

impl Others {
    fn include(self, address: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::NotLinkLocal => !is_link_local(address),
            Self::Public => is_public(address),
        }
    }
}

/// A resolver that answers with addresses within bounds only.
pub(crate) struct Within(pub(crate) Bounds, pub(crate) Arc<dyn Resolve>);

/// The resolver of the operating system.
pub(crate) struct SystemResolver;

impl Resolve for Within {
    fn resolve(&self, name: Name) -> Resolving {
        let Self(Bounds { own, others }, resolver) = self;
        let others = match own.as_deref() == Some(name.as_str()) {
            true => Others::Anywhere,
            false => *others,
        };
        let answer = resolver.resolve(name);
        Box::pin(async move {
            let answer = answer.await?;
            let admitted: Vec<SocketAddr> = answer
                .filter(|address| others.include(address.ip()))
                .collect();
            if admitted.is_empty() {
                return Err("the host has no address that may be asked".into());
            }
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Vec<SocketAddr> = addresses.collect();
            if addresses.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Tells whether an address is of the link alone, where clouds answer with metadata (AWS on
/// `fd00:ec2::254`, too), whatever IPv6 form an IPv4 address hides in.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_unicast_link_local()
                || address.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
                || embedded_v4(address).is_some_and(|address| address.is_link_local())
        }
    }
}

/// Tells whether an address is globally reachable (IANA's special-purpose address registries,
/// RFC 6890 and its successors), whatever IPv6 form an IPv4 address hides in.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0                               // this network
        || (a == 100 && (64..128).contains(&b)) // shared address space, RFC 6598
        || (a == 192 && b == 0 && c == 0)       // protocol assignments
        || (a == 192 && b == 88 && c == 99)     // 6to4 relays, RFC 7526
        || (a == 198 && (18..20).contains(&b))  // benchmarking
        || a >= 240) // reserved
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(address) = embedded_v4(address) {
        return is_public_v4(address);
    }
    // Only 2000::/3 is allocated for global unicast; within it, 2001::/23 is for protocols
    // (Teredo among them) and 2001:db8::/32 and 3fff::/20 are for documentation.
    matches!(address.segments(), [first, second, ..] if (0x2000..0x4000).contains(&first)
        && !(first == 0x2001 && (second < 0x200 || second == 0xdb8))
        && !(first == 0x3fff && second < 0x1000))
}

/// Returns the IPv4 address that an IPv6 address stands for: IPv4-mapped and -compatible, NAT64
/// (RFC 6052), 6to4 (RFC 3056).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let ([0, 0, 0, 0, 0, 0 | 0xffff, high, low]
    | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
    | [0x2002, high, low, ..]) = address.segments()
    else {
        return None;
    };
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Some(Ipv4Addr::new(a, b, c, d))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_are_not_public() {
        for inside in [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "1.1.1.1",
            "8.8.8.8",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }

    struct Answers(Vec<SocketAddr>);

    impl Resolve for Answers {
        fn resolve(&self, _: Name) -> Resolving {
            let addresses = self.0.clone();
            Box::pin(async move { Ok(Box::new(addresses.into_iter()) as Addrs) })
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_both_leads_to_the_public_address_only() {
        let both = vec!["10.0.0.1:0".parse().unwrap(), "1.1.1.1:0".parse().unwrap()];
        let resolver = Within(Bounds::public(None), Arc::new(Answers(both)));
        let found: Vec<_> = resolver
            .resolve("idp.test".parse().unwrap())
            .await
            .unwrap()
            .collect();
        assert_eq!(found, ["1.1.1.1:0".parse().unwrap()]);
        let loopback = || Arc::new(Answers(vec!["[::1]:0".parse().unwrap()]));
        let inside = Within(Bounds::public(None), loopback());
        assert!(inside.resolve("idp.test".parse().unwrap()).await.is_err());
        let own = Within(Bounds::public(Some("idp.test".into())), loopback());
        assert!(own.resolve("idp.test".parse().unwrap()).await.is_ok());
        assert!(own.resolve("keys.idp.test".parse().unwrap()).await.is_err());
    }

    #[tokio::test]
    async fn an_issuer_may_keep_its_keys_inside_but_not_among_the_metadata_of_a_cloud() {
        let fixed = Bounds::around(Some("idp.test".into()));
        for (host, admitted) in [
            ("10.0.0.1", true),
            ("127.0.0.1", true),
            ("keys.test", true),
            ("169.254.169.254", false),
            ("[fe80::1]", false),
            ("[fd00:ec2::254]", false),
            ("[::ffff:169.254.169.254]", false),
            ("[64:ff9b::169.254.169.254]", false),
        ] {
            let url = Url::parse(&format!("https://{host}/keys")).unwrap();
            assert_eq!(fixed.admit(&url, false), admitted, "{host}");
            let own = Bounds::around(url.host_str().map(str::to_owned));
            assert!(own.admit(&url, false), "{host}");
        }
        let metadata = Answers(vec!["169.254.169.254:0".parse().unwrap()]);
        let resolver = Within(fixed, Arc::new(metadata));
        let keys = "metadata.google.internal".parse().unwrap();
        assert!(resolver.resolve(keys).await.is_err());
    }

    #[test]
    fn a_proxy_is_not_trusted_to_look_up_hosts_that_a_tenant_names() {
        let pattern = Bounds::public(Some("idp.test".into()));
        for (host, proxied, admitted) in [
            ("idp.test", true, true),
            ("keys.test", false, true),
            ("keys.test", true, false),
            ("1.1.1.1", true, true),
            ("10.0.0.1", true, false),
        ] {
            let url = Url::parse(&format!("https://{host}/keys")).unwrap();
            assert_eq!(pattern.admit(&url, proxied), admitted, "{host} {proxied}");
        }
    }
}
