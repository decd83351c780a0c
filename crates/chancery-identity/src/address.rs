//! Addresses that a host name from a token may lead to: only those of the public internet.
//!
//! A wildcard lets the sender of a token choose the host that is asked, so such a host must not lead
//! into the network behind this server (Fulcio's CVE-2026-22772). The addresses are looked at after
//! the resolver has spoken and are the very ones that are then connected to, so a name that changes
//! its answer gains nothing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// A resolver that answers with public addresses only.
pub(crate) struct PublicOnly(pub(crate) Arc<dyn Resolve>);

/// The resolver of the operating system.
pub(crate) struct SystemResolver;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let answer = self.0.resolve(name);
        Box::pin(async move {
            let public: Vec<SocketAddr> = answer
                .await?
                .filter(|address| is_public(address.ip()))
                .collect();
            if public.is_empty() {
                return Err("the host has no public address".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
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

/// Tells whether a URL names a host, or a public address; no resolver is asked about an address.
pub(crate) fn host_may_be_public(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(_)) => true,
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        None => false,
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
    let segments = address.segments();
    let embedded = match segments {
        // IPv4-mapped and -compatible, NAT64 (RFC 6052), 6to4 (RFC 3056)
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some((high, low)),
        _ => None,
    };
    if let Some((high, low)) = embedded {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    // Only 2000::/3 is allocated for global unicast; within it, 2001::/23 is for protocols
    // (Teredo among them) and 2001:db8::/32 and 3fff::/20 are for documentation.
    matches!(segments, [first, second, ..] if (0x2000..0x4000).contains(&first)
        && !(first == 0x2001 && (second < 0x200 || second == 0xdb8))
        && !(first == 0x3fff && second < 0x1000))
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
        let resolver = PublicOnly(Arc::new(Answers(both)));
        let found: Vec<_> = resolver
            .resolve("idp.test".parse().unwrap())
            .await
            .unwrap()
            .collect();
        assert_eq!(found, ["1.1.1.1:0".parse().unwrap()]);
        let inside = PublicOnly(Arc::new(Answers(vec!["[::1]:0".parse().unwrap()])));
        assert!(inside.resolve("idp.test".parse().unwrap()).await.is_err());
    }
}
