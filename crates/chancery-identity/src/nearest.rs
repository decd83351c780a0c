//! The configured issuer that a token's issuer was probably meant to be.

use crate::wildcard::Wildcard;

/// The most octets of a name for which a neighbour is looked for.
const MAX_NAME: usize = 512;

/// What the API server calls itself with, or without, its cluster's domain.
const CLUSTER_DOMAIN: &str = ".cluster.local";

/// Returns the issuer or the pattern that `found` differs from only in case, in scheme, in a slash
/// at its end or in the cluster's domain.
pub(crate) fn nearest<'a>(
    found: &str,
    issuers: impl Iterator<Item = &'a str>,
    mut patterns: impl Iterator<Item = &'a Wildcard>,
) -> Option<String> {
    if found.len() > MAX_NAME {
        return None;
    }
    let folded = fold(found);
    let alike = issuers.filter(|known| fold(known) == folded);
    let closest = alike.min_by_key(|known| (strsim::damerau_levenshtein(known, found), *known));
    closest.map(str::to_owned).or_else(|| {
        let variants = variants(found);
        let pattern = patterns.find(|pattern| variants.iter().any(|name| pattern.matches(name)));
        pattern.map(ToString::to_string)
    })
}

fn fold(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let bare = without_scheme(&lower).trim_end_matches('/');
    bare.replacen(CLUSTER_DOMAIN, "", 1)
}

fn without_scheme(name: &str) -> &str {
    name.split_once("://").map_or(name, |(_, rest)| rest)
}

/// Returns the names that may have been meant.
fn variants(name: &str) -> Vec<String> {
    let lower = name.to_ascii_lowercase();
    let mut variants = Vec::new();
    for name in [name, &lower] {
        let bare = without_scheme(name).trim_end_matches('/');
        let (host, path) = bare.split_at(bare.find('/').unwrap_or(bare.len()));
        let inner = host.strip_suffix(CLUSTER_DOMAIN).unwrap_or(host);
        for host in [inner, &format!("{inner}{CLUSTER_DOMAIN}")] {
            for (scheme, slash) in [("https", ""), ("https", "/"), ("http", ""), ("http", "/")] {
                variants.push(format!("{scheme}://{host}{path}{slash}"));
            }
        }
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_configured_is_told() {
        let issuers = [
            "https://a.test",
            "https://a.test/X/",
            "https://kubernetes.default.svc.cluster.local",
        ];
        let patterns = ["https://*.b.test/id/*", "https://k8s.*.svc.c.test/"];
        let patterns = patterns.map(|pattern| Wildcard::parse(pattern).unwrap());
        let nearest =
            |found: &str| nearest(found, issuers.into_iter(), patterns.iter()).unwrap_or_default();
        for (found, meant) in [
            ("https://a.test/", issuers[0]),
            ("http://a.test", issuers[0]),
            ("a.test", issuers[0]),
            ("HTTPS://A.test/x", issuers[1]),
            ("https://kubernetes.default.svc", issuers[2]),
            ("https://x.b.test/id/Y1/", "https://*.b.test/id/*"),
            ("http://X.B.test/id/y", "https://*.b.test/id/*"),
            ("https://k8s.a.svc.c.test", "https://k8s.*.svc.c.test/"),
            ("https://a.test/y", ""),
            ("https://evil.test", ""),
            ("https://x.b.test/id/y/z", ""),
            ("", ""),
        ] {
            assert_eq!(nearest(found), meant, "{found}");
        }
        assert_eq!(nearest(&format!("https://a.test{}", "/".repeat(1000))), "");
    }
}
