//! The issuers of one configuration: made as a whole, and then left as they are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::Semaphore;
use url::Url;

use super::{IssuerAddress, IssuerDescription, IssuersOptions};
use crate::config::{ConfigError, Entry, EntryFault, IdentityConfig, label};
use crate::error::AuthenticateError;
use crate::issuer::{Issuer, TermsAndKeys};
use crate::key_caches::KeyCaches;
use crate::key_source::{KeySource, Place};
use crate::meta_issuer::{MetaEntry, MetaIssuer, MetaIssuers};
use crate::nearest::nearest;
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
pub(crate) struct Set {
    fixed: HashMap<String, Arc<Issuer>>,
    meta: MetaIssuers,
    /// By address, of both kinds.
    terms: HashMap<String, Vec<Arc<Terms>>>,
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
    /// Makes the issuers of a configuration. With what is known `before`, from another one, they
    /// go on where it is the same.
    pub(super) fn new(
        config: &IdentityConfig,
        lasting: &Lasting,
        before: Option<&Self>,
    ) -> Result<Self, ConfigError> {
        config.require_owners(lasting.options.owner_rule)?;
        let mut maker = Maker {
            config,
            lasting,
            options: IssuersOptions {
                in_cluster: lasting.options.in_cluster.within(config),
                ..lasting.options
            },
            before,
            terms: HashMap::new(),
            descriptions: Vec::new(),
        };
        let fixed = maker.fixed()?;
        let meta = MetaIssuers::new(maker.meta()?);
        if let Some(before) = before {
            meta.adopt(&before.meta);
        }
        Ok(Self {
            fixed,
            meta,
            terms: maker.terms,
            descriptions: maker.descriptions.into(),
        })
    }

    /// Returns the issuer of that name. Nobody is asked yet.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<Issuer>, AuthenticateError> {
        let fixed = self.fixed.get(name).map(Arc::clone);
        fixed
            .or_else(|| self.meta.find(name))
            .ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, found: &str) -> AuthenticateError {
        let issuers = self.fixed.keys().map(String::as_str);
        AuthenticateError::IssuerUnknown {
            found: quoted(found),
            nearest: nearest(found, issuers, self.meta.patterns()),
        }
    }
}

/// A set that is being made.
struct Maker<'a> {
    config: &'a IdentityConfig,
    lasting: &'a Lasting,
    options: IssuersOptions,
    before: Option<&'a Set>,
    terms: HashMap<String, Vec<Arc<Terms>>>,
    descriptions: Vec<IssuerDescription>,
}

impl Maker<'_> {
    fn fixed(&mut self) -> Result<HashMap<String, Arc<Issuer>>, ConfigError> {
        let (config, lasting, options) = (self.config, self.lasting, self.options);
        let mut fixed = HashMap::new();
        for (address, entries) in &config.issuers {
            let made = each(config, address, entries, |entry| {
                let terms = self.terms(entry, IssuerAddress::Url(address.clone()))?;
                fixed_issuer(address, entry, terms, options, &lasting.caches)
            })?;
            require_own_audiences(config, address, made.iter().map(|made| &*made.terms))?;
            fixed.insert(address.clone(), Arc::new(Issuer::new(made)));
        }
        Ok(fixed)
    }

    fn meta(&mut self) -> Result<Vec<MetaIssuer>, ConfigError> {
        let (config, lasting, options) = (self.config, self.lasting, self.options);
        let mut meta = Vec::new();
        for (address, entries) in &config.meta_issuers {
            let mut parsed = None;
            let made = each(config, address, entries, |entry| {
                let wildcard = parsed.insert(Wildcard::parse(address)?);
                let terms = self.terms(entry, IssuerAddress::Wildcard(address.clone()))?;
                meta_entry(address, entry, wildcard, terms, options)
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
        Ok(meta)
    }

    fn terms(&mut self, entry: &Entry, address: IssuerAddress) -> Result<Arc<Terms>, EntryFault> {
        let (name, is_meta) = match &address {
            IssuerAddress::Url(url) => (url.clone(), false),
            IssuerAddress::Wildcard(pattern) => (pattern.clone(), true),
        };
        let before = self.before.and_then(|before| before.terms.get(&name));
        let before = before.map_or(&[][..], Vec::as_slice);
        let terms = Arc::new(Terms::new(entry, &name, is_meta, before)?);
        self.descriptions.push(describe(entry, &terms, address));
        self.terms.entry(name).or_default().push(Arc::clone(&terms));
        Ok(terms)
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
            fault: Box::new(fault),
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
                fault: Box::new(EntryFault::AudienceTwice(audience.to_owned())),
            });
        }
    }
    Ok(())
}

fn fixed_issuer(
    address: &str,
    entry: &Entry,
    terms: Arc<Terms>,
    options: IssuersOptions,
    caches: &KeyCaches,
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
    let keys = KeySource::new(address, entry, options, Place::Fixed)?
        .cache(address, caches, None, options.timings)
        .map_err(|_| EntryFault::Url)?;
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
    let host = pattern.is_in_host();
    let keys = KeySource::new(address, entry, options, Place::Pattern { host })?;
    Ok(MetaEntry { terms, keys })
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
