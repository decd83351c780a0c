//! The Kubernetes cluster that this server runs in, as an issuer: its API server wants a service
//! account's token before it tells its keys, and has a certificate of the cluster's own CA.
//!
//! As in Fulcio, this is for entries of type `kubernetes` under a fixed URL, and only where the
//! configuration knows [`CLUSTER`]. Unlike Fulcio, the token is read anew for each fetch, because
//! Kubernetes replaces it every hour; and it is sent over TLS to the API server that made it, as the
//! token says itself, and nowhere else: not to other clusters that the configuration trusts, not along
//! with a redirect, not to a `jwks_uri` on another origin (GHSA-f5mr-q85p-6hh6).

use std::io;
use std::path::Path;

use tokio::io::AsyncReadExt;
use url::Url;

use crate::config::IdentityConfig;
use crate::token::UnverifiedToken;
use crate::wildcard::Wildcard;

/// The name under which each cluster knows its own API server.
pub(crate) const CLUSTER: &str = "https://kubernetes.default.svc";

/// The names that lead from every pod to its own API server.
const OWN_HOSTS: [&str; 2] = [
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// The most octets of a mounted file.
const MAX_FILE: u64 = 1024 * 1024;

/// Where a pod finds what it needs to talk to its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InCluster {
    certificates: [&'static str; 2],
    token: &'static str,
    /// Whether the configuration knows the cluster.
    applies: bool,
}

impl Default for InCluster {
    fn default() -> Self {
        Self::at(
            [
                "/var/run/fulcio/ca.crt",
                "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
            ],
            "/var/run/secrets/kubernetes.io/serviceaccount/token",
        )
    }
}

/// What a pod knows of its cluster at the moment.
#[derive(Default)]
pub(crate) struct Credentials {
    /// PEM; empty if there is none.
    pub(crate) certificates: Vec<u8>,
    pub(crate) token: Option<String>,
}

impl Credentials {
    /// Keeps the token back from an issuer that is not the cluster's own: another cluster's API
    /// server could use it here.
    pub(crate) fn for_issuer(self, issuer: &Url) -> Self {
        let is_own = |token: &String| {
            let named = UnverifiedToken::parse(token).ok();
            let named = named.and_then(|token| Url::parse(token.claims.issuer().ok()?).ok());
            named.is_some_and(|named| named.origin() == issuer.origin())
                || issuer
                    .host_str()
                    .is_some_and(|host| OWN_HOSTS.contains(&host))
        };
        Self {
            token: self.token.filter(is_own),
            ..self
        }
    }
}

impl InCluster {
    /// Takes the CA from the first of two files that is there, and the token from another.
    pub const fn at(certificates: [&'static str; 2], token: &'static str) -> Self {
        Self {
            certificates,
            token,
            applies: true,
        }
    }

    /// Leaves the cluster alone where the configuration does not know it.
    pub(crate) fn within(self, config: &IdentityConfig) -> Self {
        let by_pattern = |pattern: &String| {
            Wildcard::parse(pattern).is_ok_and(|pattern| pattern.matches(CLUSTER))
        };
        let known =
            config.issuers.contains_key(CLUSTER) || config.meta_issuers.keys().any(by_pattern);
        Self {
            applies: self.applies && known,
            ..self
        }
    }

    /// Tells whether an issuer of type `kubernetes` is to be asked with credentials.
    pub(crate) fn reaches(&self, issuer: &Url) -> bool {
        self.applies && issuer.scheme() == "https"
    }

    /// Reads the files as they are now. One that is not there is no error: outside of a cluster the
    /// issuer is asked without.
    pub(crate) async fn credentials(&self) -> io::Result<Credentials> {
        let mut certificates = Vec::new();
        for path in self.certificates {
            if let Some(pem) = read(path).await? {
                certificates = pem;
                break;
            }
        }
        let token = read(self.token).await?.unwrap_or_default();
        let token = String::from_utf8(token).map_err(|_| io::ErrorKind::InvalidData)?;
        // What could not be sent in a header is no token.
        if !token.trim().bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Credentials {
            certificates,
            token: Some(token.trim().to_owned()).filter(|token| !token.is_empty()),
        })
    }
}

async fn read(path: impl AsRef<Path>) -> io::Result<Option<Vec<u8>>> {
    let file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut content = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut content).await?;
    Ok(Some(content))
}
