//! The issuers of one configuration: made as a whole, and then left as they are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::Semaphore;
use url::Url;

use super::{IssuerAddress, IssuerDescription, IssuersOptions, network};
use crate::config::{ConfigError, Entry, EntryFault, IdentityConfig, label};
use crate::error::AuthenticateError;
use crate::issuer::{Issuer, TermsAndKeys};
use crate::key_cache::KeyCache;
use crate::key_caches::{KeyCaches, Way};
use crate::meta_issuer::{MetaEntry, MetaIssuer, MetaIssuers};
use crate::provider::Provider;
use crate::quoted::quoted;
use crate::terms::Terms;
use crate::wildcard::Wildcard;

/// How many hosts that tokens chose may be asked at a time.
const META_FETCHES: usize = 16;

/// What outlives a configuration.
pub(super) struct Lasting {
    pub(super) options: IssuersOptions,
    caches: Arc<KeyCaches>,
    permits: Arc<Semaphore>,
}

/// The issuers of one configuration.
pub(super) struct Set {
    fixed: HashMap<String, Arc<Issuer>>,
    meta: MetaIssuers,
    pub(super) descriptions: Arc<[IssuerDescription]>,
}

impl Lasting {
    pub(super) fn new(options: IssuersOptions) -> Self {
        Self {
            options,
            caches: Arc::default(),
            permits: Arc::new(Semaphore::new(META_FETCHES)),
        }
    }
}

impl Set {
    pub(super) fn new(config: &IdentityConfig, lasting: &Lasting) -> Result<Self, ConfigError> {
        config.require_owners(lasting.options.owner_rule)?;
        let mut fixed = HashMap::new();
        let mut meta = Vec::new();
        let mut descriptions = Vec::new();
        let named = |address: &str| IssuerAddress::Url(address.to_owned());
        for (address, entries) in &config.issuers {
            let made = each(config, address, entries, |entry| {
                let terms = Arc::new(Terms::new(entry, address, false)?);
                descriptions.push(describe(entry, &terms, named(address)));
                fixed_issuer(address, entry, terms, lasting)
            })?;
            require_own_audiences(config, address, made.iter().map(|made| &*made.terms))?;
            fixed.insert(address.clone(), Arc::new(Issuer::new(made)));
        }
        let pattern = |address: &str| IssuerAddress::Wildcard(address.to_owned());
        for (address, entries) in &config.meta_issuers {
            let mut parsed = None;
            let made = each(config, address, entries, |entry| {
                let wildcard = parsed.insert(Wildcard::parse(address)?);
                let terms = Arc::new(Terms::new(entry, address, true)?);
                descriptions.push(describe(entry, &terms, pattern(address)));
                meta_entry(address, entry, wildcard, terms, lasting.options)
            })?;
            require_own_audiences(config, address, made.iter().map(|made| &*made.terms))?;
            meta.extend(parsed.map(|pattern| MetaIssuer {
                pattern,
                entries: made,
                caches: Arc::clone(&lasting.caches),
                permits: Arc::clone(&lasting.permits),
                timings: lasting.options.timings,
            }));
        }
        Ok(Self {
            fixed,
            meta: MetaIssuers::new(meta),
            descriptions: descriptions.into(),
        })
    }

    /// Returns the issuer of that name. Nobody is asked yet.
    pub(super) fn find(&self, name: &str) -> Result<Arc<Issuer>, AuthenticateError> {
        let fixed = self.fixed.get(name).map(Arc::clone);
        fixed
            .or_else(|| self.meta.find(name))
            .ok_or_else(|| self.unknown(name))
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

/// Makes something of each entry of an address, and says which one cannot be used.
fn each<T>(
    config: &IdentityConfig,
    address: &str,
    entries: &[Entry],
    mut make: impl FnMut(&Entry) -> Result<T, EntryFault>,
) -> Result<Vec<T>, ConfigError> {
    let made = entries.iter().enumerate().map(|(index, entry)| {
        make(entry).map_err(|fault| ConfigError::Issuer {
            source_name: config.source_name.clone(),
            issuer: label(address, index, entries.len()),
            kind: entry.kind.clone().unwrap_or_default(),
            fault,
        })
    });
    made.collect()
}

/// Refuses entries of one address that are for one audience: which is meant could not be told.
fn require_own_audiences<'a>(
    config: &IdentityConfig,
    address: &str,
    entries: impl Iterator<Item = &'a Terms>,
) -> Result<(), ConfigError> {
    let mut seen = HashSet::new();
    for terms in entries {
        let twice = terms
            .audiences()
            .find(|audience| !seen.insert(audience.to_owned()));
        if let Some(audience) = twice {
            return Err(ConfigError::Issuer {
                source_name: config.source_name.clone(),
                issuer: address.to_owned(),
                kind: terms.kind().name().to_owned(),
                fault: EntryFault::AudienceTwice(audience.to_owned()),
            });
        }
    }
    Ok(())
}

fn fixed_issuer(
    address: &str,
    entry: &Entry,
    terms: Arc<Terms>,
    lasting: &Lasting,
) -> Result<TermsAndKeys, EntryFault> {
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
    let timings = lasting.options.timings;
    let network = Arc::new(network(address, entry, lasting.options, false)?);
    let keys = lasting.caches.get(Way::new(address, entry, false), || {
        let provider = Provider::new(address, network, None, timings.fetch);
        let provider = provider.map_err(|_| EntryFault::Url)?;
        Ok::<_, EntryFault>(KeyCache::new(provider, timings))
    })?;
    Ok(TermsAndKeys { terms, keys })
}

fn meta_entry(
    address: &str,
    entry: &Entry,
    pattern: &Wildcard,
    terms: Arc<Terms>,
    options: IssuersOptions,
) -> Result<MetaEntry, EntryFault> {
    // Where the pattern fixes the host, the operator has chosen it, and no token can.
    let public_only = pattern.is_in_host();
    Ok(MetaEntry {
        terms,
        network: Arc::new(network(address, entry, options, public_only)?),
        way: Way::new(address, entry, public_only),
    })
}

fn describe(entry: &Entry, terms: &Terms, address: IssuerAddress) -> IssuerDescription {
    let kind = terms.kind();
    let challenge = entry
        .challenge_claim
        .clone()
        .filter(|claim| !claim.is_empty());
    let audiences: Vec<String> = terms.audiences().map(str::to_owned).collect();
    IssuerDescription {
        address,
        audience: audiences.first().cloned().unwrap_or_default(),
        audiences,
        challenge_claim: challenge.unwrap_or_else(|| kind.challenge_claim().to_owned()),
        spiffe_trust_domain: entry.spiffe_trust_domain.clone().unwrap_or_default(),
        issuer_type: kind.name(),
        subject_domain: entry.subject_domain.clone().unwrap_or_default(),
        skip_email_verification: entry.skip_email_verification,
    }
}
