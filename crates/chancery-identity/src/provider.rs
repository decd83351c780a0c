//! An issuer as OpenID Connect Discovery 1.0 describes it: its configuration document and its keys.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use url::Url;

use crate::algorithm::Algorithm;
use crate::jwks::{KeySet, KeySetError};
use crate::network::{FetchError, Network};

/// Why an issuer's keys are not known. The issuer's fault, or the network's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiscoveryError {
    #[error("the fetch was interrupted")]
    Interrupted,
    #[error("its configuration names another issuer")]
    IssuerDiffers,
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    #[error("its jwks_uri is not an http(s) URL")]
    KeysUrl,
    #[error("its configuration is not JSON with `issuer` and `jwks_uri`")]
    Malformed(#[source] serde_json::Error),
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error("its {what} could not be fetched")]
    Unreachable {
        what: &'static str,
        #[source]
        source: FetchError,
    },
}

/// The part of the configuration document that matters; issuers of machine tokens have little more.
#[derive(Deserialize)]
pub(crate) struct Configuration {
    pub(crate) issuer: String,
    pub(crate) jwks_uri: String,
    #[serde(default)]
    pub(crate) id_token_signing_alg_values_supported: Vec<String>,
}

impl Configuration {
    pub(crate) fn parse(document: &[u8]) -> Result<Self, DiscoveryError> {
        serde_json::from_slice(document).map_err(DiscoveryError::Malformed)
    }

    pub(crate) fn keys_url(&self) -> Result<Url, DiscoveryError> {
        Url::parse(&self.jwks_uri).map_err(|_| DiscoveryError::KeysUrl)
    }

    /// Returns the algorithms that the issuer signs with and that have a name here; RS256 where it
    /// says nothing, because that is what each must support (section 15.1 of OpenID Connect Core).
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        let names = &self.id_token_signing_alg_values_supported;
        if names.is_empty() {
            return vec![Algorithm::Rs256];
        }
        let known = names.iter().filter_map(|name| Algorithm::from_name(name));
        known.collect()
    }
}

/// Returns where an issuer's configuration is. OpenID Connect Discovery 1.0, section 4: one
/// terminating slash is removed first.
pub(crate) fn configuration_url(issuer: &str) -> Result<Url, url::ParseError> {
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    Url::parse(&format!("{base}/.well-known/openid-configuration"))
}

/// What an issuer said about itself, and when.
#[derive(Debug)]
pub(crate) struct ProviderKeys {
    pub(crate) keys: KeySet,
    pub(crate) algorithms: Arc<[Algorithm]>,
    /// When the configuration was fetched. Keys alone may be newer, but nothing is believed for
    /// longer because of that.
    configured: Instant,
    /// Nothing where the operator has given the keys.
    keys_url: Option<Url>,
}

impl ProviderKeys {
    /// Keys that the operator vouches for, each with the algorithms that it is for.
    pub(crate) fn given(keys: KeySet) -> Self {
        Self {
            keys,
            algorithms: Arc::new(Algorithm::ALL),
            configured: Instant::now(),
            keys_url: None,
        }
    }

    pub(crate) fn is_younger_than(&self, age: Duration) -> bool {
        self.configured.elapsed() < age
    }
}

/// Where an issuer's keys come from.
pub(crate) struct Provider {
    /// The issuer's identifier, as tokens have it.
    pub(crate) issuer: String,
    configuration_url: Url,
    network: Arc<Network>,
    /// Bounds how many hosts are asked at a time where tokens choose the host.
    permits: Option<Arc<Semaphore>>,
    /// Over both documents.
    time_limit: Duration,
}

impl Provider {
    pub(crate) fn new(
        issuer: &str,
        network: Arc<Network>,
        permits: Option<Arc<Semaphore>>,
        time_limit: Duration,
    ) -> Result<Self, url::ParseError> {
        Ok(Self {
            issuer: issuer.to_owned(),
            configuration_url: configuration_url(issuer)?,
            network,
            permits,
            time_limit,
        })
    }

    /// Fetches the configuration and the keys, or only the keys if the configuration is known.
    pub(crate) async fn fetch(
        &self,
        known: Option<&ProviderKeys>,
    ) -> Result<ProviderKeys, DiscoveryError> {
        let fetching = async {
            let _permit = match &self.permits {
                Some(permits) => Some(
                    permits
                        .acquire()
                        .await
                        .map_err(|_| DiscoveryError::Interrupted)?,
                ),
                None => None,
            };
            let known = known.and_then(|known| Some((known, known.keys_url.clone()?)));
            let (keys_url, algorithms, configured) = match known {
                Some((known, keys_url)) => {
                    (keys_url, Arc::clone(&known.algorithms), known.configured)
                }
                None => {
                    let (keys_url, algorithms) = self.configuration().await?;
                    (keys_url, algorithms, Instant::now())
                }
            };
            let keys = KeySet::parse(&self.get("key set", &keys_url).await?)?;
            Ok(ProviderKeys {
                keys,
                algorithms,
                configured,
                keys_url: Some(keys_url),
            })
        };
        timeout(self.time_limit, fetching)
            .await
            .unwrap_or(Err(DiscoveryError::TimedOut(self.time_limit)))
    }

    async fn configuration(&self) -> Result<(Url, Arc<[Algorithm]>), DiscoveryError> {
        let document = self.get("configuration", &self.configuration_url).await?;
        let configuration = Configuration::parse(&document)?;
        // Section 4.3: identical, or anybody's document could vouch for this issuer.
        if configuration.issuer != self.issuer {
            return Err(DiscoveryError::IssuerDiffers);
        }
        Ok((configuration.keys_url()?, configuration.algorithms().into()))
    }

    async fn get(&self, what: &'static str, url: &Url) -> Result<Vec<u8>, DiscoveryError> {
        self.network
            .get(url)
            .await
            .map(|document| document.body)
            .map_err(|source| DiscoveryError::Unreachable { what, source })
    }
}
