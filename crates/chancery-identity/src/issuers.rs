//! The issuers that are trusted: which one a token's `iss` means, and what it says then.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use reqwest::Certificate;
use tokio::sync::Semaphore;
use url::Url;

use crate::config::{ConfigError, Entry, EntryFault, IdentityConfig};
use crate::error::AuthenticateError;
use crate::issuer::Issuer;
use crate::key_cache::{KeyCache, Timings};
use crate::kind::Kind;
use crate::meta_issuer::{MetaIssuer, MetaIssuers};
use crate::network::Network;
use crate::principal::Principal;
use crate::provider::Provider;
use crate::quoted::quoted;
use crate::token::UnverifiedToken;
use crate::wildcard::Wildcard;

/// How many hosts that tokens chose may be asked at a time.
const META_FETCHES: usize = 16;

/// Whether issuers may be asked over plain HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HttpPolicy {
    /// All may, for development.
    Allow,
    /// Only those whose entry says `allow-http: true`.
    #[default]
    Refuse,
}

/// How issuers are asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct IssuersOptions {
    /// Whether issuers on `http://` are accepted.
    pub allow_http: HttpPolicy,
    /// How long they are waited for and believed.
    pub timings: Timings,
}

/// What is said in public about an issuer: the fields of Fulcio's `GET /api/v2/configuration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerDescription {
    /// The issuer's URL, or the pattern of URLs.
    pub address: IssuerAddress,
    /// What the `aud` of a token must hold: the entry's client id.
    pub audience: String,
    /// The claim that clients sign to prove that they hold their key.
    pub challenge_claim: String,
    /// The trust domain of type `spiffe`, else empty.
    pub spiffe_trust_domain: String,
    /// Fulcio's name of the issuer's type.
    pub issuer_type: &'static str,
    /// The domain of the subjects of the types `uri` and `username`, else empty.
    pub subject_domain: String,
    /// Whether e-mail addresses are believed without `email_verified`.
    pub skip_email_verification: bool,
}

/// Which issuers a description is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuerAddress {
    /// The one with this URL.
    Url(String),
    /// All whose URLs match this pattern.
    Wildcard(String),
}

/// All trusted issuers. Making them asks nobody; each is asked when its first token comes, and one
/// that cannot be reached is in nobody else's way.
pub struct Issuers {
    fixed: HashMap<String, Issuer>,
    meta: MetaIssuers,
    descriptions: Vec<IssuerDescription>,
}

impl Issuers {
    /// Makes the issuers of a configuration, and does no network.
    ///
    /// # Errors
    /// The first entry that contradicts a rule.
    pub fn new(config: IdentityConfig, options: IssuersOptions) -> Result<Self, ConfigError> {
        let fault = |address: &str, entry: &Entry, fault| ConfigError::Issuer {
            source_name: config.source_name.clone(),
            issuer: address.to_owned(),
            kind: entry.kind.clone().unwrap_or_default(),
            fault,
        };
        let mut fixed = HashMap::new();
        let mut meta = Vec::new();
        let mut descriptions = Vec::new();
        for (address, entry) in &config.issuers {
            let (issuer, description) = fixed_issuer(address, entry, options)
                .map_err(|reason| fault(address, entry, reason))?;
            fixed.insert(address.clone(), issuer);
            descriptions.push(description);
        }
        let permits = Arc::new(Semaphore::new(META_FETCHES));
        for (address, entry) in &config.meta_issuers {
            let (issuer, description) = meta_issuer(address, entry, options, &permits)
                .map_err(|reason| fault(address, entry, reason))?;
            meta.push(issuer);
            descriptions.push(description);
        }
        Ok(Self {
            fixed,
            meta: MetaIssuers::new(meta),
            descriptions,
        })
    }

    /// Finds out who holds a token, at the time `now`.
    ///
    /// # Errors
    /// See [`AuthenticateError`]: its class tells whether the sender or the issuer is at fault.
    pub async fn authenticate(
        &self,
        token: &str,
        now: SystemTime,
    ) -> Result<Principal, AuthenticateError> {
        let token = UnverifiedToken::parse(token)?;
        let name = token.claims.issuer()?;
        if let Some(issuer) = self.fixed.get(name) {
            return issuer.authenticate(token, now).await;
        }
        match self.meta.find(name) {
            Some(issuer) => issuer.authenticate(token, now).await,
            None => Err(self.unknown(name)),
        }
    }

    /// Returns what may be said in public about each issuer, those with wildcards last.
    pub fn configured(&self) -> &[IssuerDescription] {
        &self.descriptions
    }

    fn unknown(&self, found: &str) -> AuthenticateError {
        let folded = |issuer: &str| {
            issuer
                .strip_suffix('/')
                .unwrap_or(issuer)
                .to_ascii_lowercase()
        };
        let nearest = self
            .fixed
            .keys()
            .find(|known| folded(known) == folded(found));
        AuthenticateError::IssuerUnknown {
            found: quoted(found),
            nearest: nearest.cloned(),
        }
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Issuers")
            .field("configured", &self.descriptions)
            .finish_non_exhaustive()
    }
}

fn fixed_issuer(
    address: &str,
    entry: &Entry,
    options: IssuersOptions,
) -> Result<(Issuer, IssuerDescription), EntryFault> {
    if let Some(url) = entry.issuer_url.as_ref().filter(|url| *url != address) {
        return Err(EntryFault::KeyDiffers(url.clone()));
    }
    if address.contains('*') {
        return Err(EntryFault::UrlWildcard);
    }
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#@\\".contains(&byte);
    let has_host = Url::parse(address).is_ok_and(|url| url.has_host());
    if !has_host || !address.bytes().all(plain) {
        return Err(EntryFault::Url);
    }
    let kind = Kind::new(entry, address, false)?;
    let network = network(address, entry, options, false)?;
    let provider = Provider::new(address, Arc::new(network), None, options.timings.fetch)
        .map_err(|_| EntryFault::Url)?;
    let keys = Arc::new(KeyCache::new(provider, options.timings));
    let description = describe(entry, &kind, IssuerAddress::Url(address.to_owned()));
    Ok((
        Issuer::new(audience(entry)?, Arc::new(kind), keys),
        description,
    ))
}

fn meta_issuer(
    address: &str,
    entry: &Entry,
    options: IssuersOptions,
    permits: &Arc<Semaphore>,
) -> Result<(MetaIssuer, IssuerDescription), EntryFault> {
    let pattern = Wildcard::parse(address)?;
    let kind = Kind::new(entry, address, true)?;
    // Where the pattern fixes the host, the operator has chosen it, and no token can.
    let network = network(address, entry, options, pattern.is_in_host())?;
    let description = describe(entry, &kind, IssuerAddress::Wildcard(address.to_owned()));
    let issuer = MetaIssuer {
        pattern,
        audience: audience(entry)?,
        kind: Arc::new(kind),
        network: Arc::new(network),
        permits: Arc::clone(permits),
        timings: options.timings,
    };
    Ok((issuer, description))
}

/// Makes the way to an issuer. One that is on https has its keys there, too.
fn network(
    address: &str,
    entry: &Entry,
    options: IssuersOptions,
    public_only: bool,
) -> Result<Network, EntryFault> {
    let is_http = match address.split_once("://") {
        Some(("https", _)) => false,
        Some(("http", _)) => true,
        _ => return Err(EntryFault::Url),
    };
    if is_http && options.allow_http == HttpPolicy::Refuse && !entry.allow_http {
        return Err(EntryFault::Http);
    }
    let roots = match entry.ca_cert.as_deref().filter(|pem| !pem.is_empty()) {
        None => Vec::new(),
        Some(pem) => Certificate::from_pem_bundle(pem.as_bytes())
            .ok()
            .filter(|roots| !roots.is_empty())
            .ok_or(EntryFault::CaCert)?,
    };
    Ok(Network::new(is_http, public_only, roots))
}

fn audience(entry: &Entry) -> Result<Arc<str>, EntryFault> {
    entry
        .client_id
        .as_deref()
        .filter(|audience| !audience.trim().is_empty())
        .map(Arc::from)
        .ok_or(EntryFault::ClientId)
}

fn describe(entry: &Entry, kind: &Kind, address: IssuerAddress) -> IssuerDescription {
    let challenge = entry
        .challenge_claim
        .clone()
        .filter(|claim| !claim.is_empty());
    IssuerDescription {
        address,
        audience: entry.client_id.clone().unwrap_or_default(),
        challenge_claim: challenge.unwrap_or_else(|| kind.challenge_claim().to_owned()),
        spiffe_trust_domain: entry.spiffe_trust_domain.clone().unwrap_or_default(),
        issuer_type: kind.name(),
        subject_domain: entry.subject_domain.clone().unwrap_or_default(),
        skip_email_verification: entry.skip_email_verification,
    }
}
