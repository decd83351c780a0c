//! Where an issuer's keys come from, as its entry says: from the entry itself, or from the issuer, on
//! a way that the entry describes.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use reqwest::Certificate;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokio::sync::Semaphore;
use url::Url;

use crate::address::Bounds;
use crate::config::{ConfigError, Entry, EntryFault, IdentityConfig, label};
use crate::in_cluster::InCluster;
use crate::issuers::{HttpPolicy, IssuersOptions};
use crate::jwks::KeySet;
use crate::key_cache::{KeyCache, Timings};
use crate::key_caches::KeyCaches;
use crate::network::{MAX_BODY, Network};
use crate::provider::{Provider, ProviderKeys};

/// The most octets of a file with certificates.
const MAX_CERTIFICATES: usize = 1024 * 1024;

/// What is wrong with the way to an issuer's keys. The operator's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySourceFault {
    /// A file that the entry names cannot be read.
    #[error("its {key} cannot be read: {reason}")]
    File {
        /// The key of the entry.
        key: &'static str,
        /// The file and the system's reason, or that it is too large.
        reason: String,
    },
    /// `jwks` or `jwks-file` holds no key that could be used.
    #[error("its jwks cannot be used: {0}")]
    Keys(String),
    /// Both `jwks` and `jwks-file`.
    #[error("it has both jwks and jwks-file; say which keys are meant")]
    KeysTwice,
    /// Keys for all issuers of a pattern, of which each could sign for all others.
    #[error(
        "its jwks would let each issuer that the pattern stands for sign for all others; give each \
         an entry under oidc-issuers with its own keys"
    )]
    KeysOfPattern,
    /// `proxy` is no URL of a proxy. It is not shown, because it may hold a password.
    #[error("its proxy is not of the form http(s)://[user:password@]host[:port]")]
    Proxy,
    /// A proxy on the way to hosts that tokens choose.
    #[error(
        "a proxy would look up hosts that tokens choose, where this server cannot see whether they \
         are inside the network; say `allow-private-addresses: true` if the proxy sees to it"
    )]
    ProxyUnguarded,
}

/// A key set within a configuration: the JSON document as a text, or its members themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeysText(String);

/// The URL of a proxy, which may hold a password and is never shown.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub struct ProxyUrl(String);

/// The way to an issuer. Where it is the same as before, so are the keys at its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    /// Whether documents may be fetched over plain HTTP.
    pub(crate) allow_http: bool,
    /// PEM certificates that are trusted besides the system's own.
    pub(crate) ca_cert: Option<String>,
    /// Set where the issuer is the cluster that this server runs in.
    pub(crate) in_cluster: Option<(InCluster, Url)>,
    pub(crate) proxy: Option<ProxyUrl>,
    /// Which hosts may be asked.
    pub(crate) bounds: Bounds,
}

/// What is asked for the keys of one issuer, or of all that one pattern stands for. Keys are given
/// for one alone.
pub(crate) enum KeySource {
    Asked(Arc<Network>),
    Given(Arc<ProviderKeys>),
}

/// Which part of a configuration an entry stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Fixed,
    /// Under a pattern; `host` tells whether it leaves the host to the token.
    Pattern {
        host: bool,
    },
}

impl KeySource {
    /// Reads an entry, and the files that it still names, relative to the working directory.
    pub(crate) fn new(
        address: &str,
        entry: &Entry,
        options: IssuersOptions,
        place: Place,
    ) -> Result<Self, EntryFault> {
        let mut entry = entry.clone();
        read_files(&mut entry, Path::new(""))?;
        if let Some(KeysText(document)) = &entry.jwks {
            if place != Place::Fixed {
                return Err(KeySourceFault::KeysOfPattern.into());
            }
            let keys = KeySet::parse(document.as_bytes())
                .map_err(|error| KeySourceFault::Keys(error.to_string()))?;
            return Ok(Self::Given(Arc::new(ProviderKeys::given(keys))));
        }
        let way = Way::new(address, &entry, options, place)?;
        Ok(Self::Asked(Arc::new(Network::new(way)?)))
    }

    /// Returns the cache of one issuer's keys, which may be in use already; nobody is asked yet.
    pub(crate) fn cache(
        &self,
        issuer: &str,
        caches: &KeyCaches,
        permits: Option<Arc<Semaphore>>,
        timings: Timings,
    ) -> Result<Arc<KeyCache>, url::ParseError> {
        match self {
            Self::Asked(network) => caches.get(issuer, network.way(), || {
                let network = Arc::clone(network);
                let provider = Provider::new(issuer, network, permits, timings.fetch)?;
                Ok(KeyCache::new(provider, timings))
            }),
            Self::Given(keys) => Ok(Arc::new(KeyCache::given(issuer, Arc::clone(keys)))),
        }
    }
}

impl Way {
    fn new(
        address: &str,
        entry: &Entry,
        options: IssuersOptions,
        place: Place,
    ) -> Result<Self, EntryFault> {
        let allow_http = match address.split_once("://") {
            Some(("https", _)) => false,
            Some(("http", _)) => true,
            _ => return Err(EntryFault::Url),
        };
        if allow_http && options.allow_http == HttpPolicy::Refuse && !entry.allow_http {
            return Err(EntryFault::Http);
        }
        let url = Url::parse(address).ok();
        let own = || Some(url.as_ref()?.host_str()?.to_owned());
        let bounds = match place {
            _ if entry.allow_private_addresses => Bounds::none(),
            Place::Fixed => Bounds::around(own()),
            Place::Pattern { host: false } => Bounds::public(own()),
            Place::Pattern { host: true } if entry.proxy.is_some() => {
                return Err(KeySourceFault::ProxyUnguarded.into());
            }
            Place::Pattern { host: true } => Bounds::public(None),
        };
        let in_cluster = match url {
            Some(url) if place == Place::Fixed && entry.kind.as_deref() == Some("kubernetes") => {
                options
                    .in_cluster
                    .reaches(&url)
                    .then_some((options.in_cluster, url))
            }
            _ => None,
        };
        Ok(Self {
            allow_http,
            ca_cert: entry.ca_cert.clone().filter(|pem| !pem.is_empty()),
            in_cluster,
            proxy: entry.proxy.clone(),
            bounds,
        })
    }

    /// Returns the certificates that the entry adds.
    pub(crate) fn roots(&self) -> Result<Vec<Certificate>, EntryFault> {
        self.ca_cert.as_ref().map_or_else(
            || Ok(Vec::new()),
            |pem| {
                Certificate::from_pem_bundle(pem.as_bytes())
                    .ok()
                    .filter(|roots| !roots.is_empty())
                    .ok_or(EntryFault::CaCert)
            },
        )
    }
}

impl IdentityConfig {
    /// Reads the files that entries name in `jwks-file` and `ca-cert-file`; relative names are
    /// relative to `folder`. Where this is left out, [`Issuers::new`](crate::Issuers::new) reads them,
    /// relative to the working directory.
    ///
    /// # Errors
    /// The first file that cannot be read.
    pub fn with_files(mut self, folder: &Path) -> Result<Self, ConfigError> {
        let source_name = self.source_name.clone();
        for (address, entries) in self.issuers.iter_mut().chain(&mut self.meta_issuers) {
            let of = entries.len();
            for (index, entry) in entries.iter_mut().enumerate() {
                read_files(entry, folder).map_err(|fault| ConfigError::Issuer {
                    source_name: source_name.clone(),
                    issuer: label(address, index, of),
                    kind: entry.kind.clone().unwrap_or_default(),
                    fault: Box::new(fault.into()),
                })?;
            }
        }
        Ok(self)
    }
}

/// Puts the contents of an entry's files in their place.
fn read_files(entry: &mut Entry, folder: &Path) -> Result<(), KeySourceFault> {
    if let Some(path) = entry.jwks_file.take() {
        if entry.jwks.is_some() {
            return Err(KeySourceFault::KeysTwice);
        }
        entry.jwks = Some(KeysText(read("jwks-file", &folder.join(path), MAX_BODY)?));
    }
    if let Some(path) = entry.ca_cert_file.take() {
        let pem = read("ca-cert-file", &folder.join(path), MAX_CERTIFICATES)?;
        let inline = entry.ca_cert.take().unwrap_or_default();
        entry.ca_cert = Some(format!("{inline}\n{pem}"));
    }
    Ok(())
}

fn read(key: &'static str, path: &Path, most: usize) -> Result<String, KeySourceFault> {
    let fault = |reason: &dyn fmt::Display| KeySourceFault::File {
        key,
        reason: format!("{}: {reason}", path.display()),
    };
    let kind = std::fs::metadata(path).map_err(|error| fault(&error))?;
    if !kind.is_file() {
        // Opening a pipe would wait for its writer.
        return Err(fault(&"it is not a regular file"));
    }
    let file = std::fs::File::open(path).map_err(|error| fault(&error))?;
    let mut text = String::new();
    file.take(most as u64 + 1)
        .read_to_string(&mut text)
        .map_err(|error| fault(&error))?;
    if text.len() > most {
        return Err(fault(&format_args!("it is larger than {most} octets")));
    }
    Ok(text)
}

impl<'de> Deserialize<'de> for KeysText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(deserializer)? {
            Value::String(text) => text,
            document => document.to_string(),
        }))
    }
}

impl ProxyUrl {
    pub(crate) fn parse(&self) -> Result<reqwest::Proxy, KeySourceFault> {
        let url = Url::parse(&self.0).map_err(|_| KeySourceFault::Proxy)?;
        let bare = matches!(url.path(), "" | "/") && url.query().is_none();
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !bare {
            return Err(KeySourceFault::Proxy);
        }
        reqwest::Proxy::all(url).map_err(|_| KeySourceFault::Proxy)
    }
}

impl From<String> for ProxyUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}
