//! Fulcio's identity configuration, as operators have it: YAML or JSON, taken verbatim.
//!
//! Keys that Fulcio does not know are ignored, as it does, because the shipped file keeps its anchors
//! in one; ours stand beside Fulcio's, so that one file serves both. What would not work is refused
//! when [`Issuers`](crate::Issuers) are made of it.

mod entry;
mod owner;
mod read;
mod scalar;

pub(crate) use entry::Entry;
pub use owner::{AnyOwnerError, Ownerless};
pub(crate) use read::nearest;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::ci_provider::{CiProvider, ProviderEntry, ProviderFault, ProviderLink};
use crate::key_source::KeySourceFault;
use crate::kind::KindError;
use crate::wildcard::WildcardError;

/// An identity configuration that could be read. Whether its issuers can be used is decided by
/// [`Issuers::new`](crate::Issuers::new).
#[derive(Debug, Clone)]
pub struct IdentityConfig {
    pub(crate) source_name: String,
    /// By issuer URL; none of the lists is empty.
    pub(crate) issuers: BTreeMap<String, Vec<Entry>>,
    /// By pattern of issuer URLs; none of the lists is empty.
    pub(crate) meta_issuers: BTreeMap<String, Vec<Entry>>,
    warnings: Vec<String>,
}

/// Why a configuration cannot be used. The operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// An issuer's entry contradicts a rule.
    #[error("{source_name}: issuer {issuer} of type {kind:?}: {fault}")]
    Issuer {
        /// The file.
        source_name: String,
        /// The entry's key: a URL or a pattern.
        issuer: String,
        /// The entry's type, as it is written.
        kind: String,
        /// What is wrong and what to do.
        fault: Box<EntryFault>,
    },
    /// No issuer at all; starting would serve nobody.
    #[error("{source_name} configures no issuer under oidc-issuers or meta-issuers")]
    NoIssuer {
        /// The file.
        source_name: String,
    },
    /// Shared issuers whose entries neither pin an owner nor take any.
    #[error("{source_name}: {ownerless}")]
    Ownerless {
        /// The file.
        source_name: String,
        /// Which, and what to write.
        ownerless: Ownerless,
    },
    /// A provider under `ci-issuer-metadata` that could not be used.
    #[error(
        "{source_name}: ci-issuer-metadata {provider}{}: {fault}",
        used_by(.issuers)
    )]
    Provider {
        /// The file.
        source_name: String,
        /// Its key.
        provider: String,
        /// The issuers that name it.
        issuers: Vec<String>,
        /// What is wrong and what to do.
        fault: ProviderFault,
    },
    /// The file is neither JSON nor YAML of the expected form.
    #[error("{source_name} is not a Fulcio identity configuration: {reason}")]
    Syntax {
        /// The file.
        source_name: String,
        /// Where and what, from the parser.
        reason: String,
    },
}

fn used_by(issuers: &[String]) -> String {
    match issuers {
        [] => String::new(),
        issuers => format!(", which is the ci-provider of {}", issuers.join(", ")),
    }
}

/// What is wrong with an issuer's entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryFault {
    /// `ca-cert` is no PEM certificate.
    #[error("its ca-cert is not a PEM certificate")]
    CaCert,
    /// An audience is empty.
    #[error("one of its audiences is empty")]
    AudienceEmpty,
    /// Two entries of one issuer are for one audience.
    #[error("the audience {0:?} is in two entries; each token must mean one of them")]
    AudienceTwice(String),
    /// The audience is missing, so that every token would be refused.
    #[error("its client-id is empty; set the audience that its tokens are for")]
    ClientId,
    /// `http://` without consent.
    #[error(
        "it is not on https, so anybody on the way could replace its keys; use https, or say \
         `allow-http: true` in its entry"
    )]
    Http,
    /// `issuer-claim` with a type that has none.
    #[error("issuer-claim can only be used with type \"email\"")]
    IssuerClaim,
    /// The key and `issuer-url` differ.
    #[error("its issuer-url is {0:?}; the key and the issuer-url must be the same")]
    KeyDiffers(String),
    /// A key is nearly one of ours, and would have decided who gets a certificate.
    #[error("the key {found} is unknown; did you mean `{nearest}`?")]
    KeyMisspelt {
        /// The key, quoted.
        found: String,
        /// The key that was meant.
        nearest: &'static str,
    },
    /// The way to its keys.
    #[error(transparent)]
    KeySource(#[from] KeySourceFault),
    /// The rules of the entry's type.
    #[error(transparent)]
    Kind(#[from] KindError),
    /// No type that Fulcio knows.
    #[error("the type is unknown; Fulcio's types are {0}")]
    TypeUnknown(String),
    /// `rate-limit` without a limit.
    #[error("its rate-limit has neither per-identity nor per-issuer")]
    RateLimitEmpty,
    /// Two rules have one name.
    #[error("two of its rules have the name {0:?}; refusals could not tell them apart")]
    RuleTwice(String),
    /// A value has the wrong type.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// Not a URL that could be an issuer's.
    #[error("it is not an http(s) URL without user name, query and fragment")]
    Url,
    /// A wildcard among the issuers that have none.
    #[error("it has a `*`; an issuer with wildcards belongs under meta-issuers")]
    UrlWildcard,
    /// The pattern of a meta issuer.
    #[error(transparent)]
    Wildcard(#[from] WildcardError),
}

/// Fulcio's names in a JSON file, where Go reads them in any case.
const JSON_NAMES: [&str; 19] = [
    "OIDCIssuers",
    "MetaIssuers",
    "IssuerURL",
    "ClientID",
    "Type",
    "IssuerClaim",
    "SubjectDomain",
    "SPIFFETrustDomain",
    "ChallengeClaim",
    "CACert",
    "SkipEmailVerification",
    "AllowHTTP",
    "CIIssuerMetadata",
    "CIProvider",
    "IdentityClaim",
    "TemplateValues",
    "DefaultTemplateValues",
    "ExtensionTemplates",
    "SubjectAlternativeNameTemplate",
];

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "oidc-issuers", alias = "OIDCIssuers", default)]
    issuers: Option<BTreeMap<String, Value>>,
    #[serde(rename = "meta-issuers", alias = "MetaIssuers", default)]
    meta_issuers: Option<BTreeMap<String, Value>>,
    #[serde(rename = "ci-issuer-metadata", alias = "CIIssuerMetadata", default)]
    providers: Option<BTreeMap<String, Option<ProviderEntry>>>,
}

impl IdentityConfig {
    /// Reads a configuration: JSON if it is JSON, else YAML; at most 1 MiB of it.
    ///
    /// # Errors
    /// Neither of the two, a key that occurs twice, a value of the wrong type, a key that is nearly
    /// one of ours, or no issuer. `source_name` is what messages call the file.
    pub fn parse(document: &[u8], source_name: &str) -> Result<Self, ConfigError> {
        let syntax = |reason| ConfigError::Syntax {
            source_name: source_name.into(),
            reason,
        };
        let tree = read::tree(document).map_err(syntax)?;
        let mut warnings = read::unknown_sections(&tree);
        let Document {
            issuers,
            meta_issuers,
            providers,
        } = serde_json::from_value(tree).map_err(|error| syntax(error.to_string()))?;
        let mut entries = |section| entries(section, source_name, &mut warnings);
        let mut config = Self {
            source_name: source_name.into(),
            issuers: entries(issuers)?,
            meta_issuers: entries(meta_issuers)?,
            warnings,
        };
        if config.issuers.is_empty() && config.meta_issuers.is_empty() {
            return Err(ConfigError::NoIssuer {
                source_name: source_name.into(),
            });
        }
        config.link(&providers.unwrap_or_default())?;
        Ok(config)
    }

    /// Reads a document as the tree of which [`parse`](Self::parse) makes a configuration, with
    /// aliases and merges resolved and within the same bounds; nothing if it is none.
    pub fn tree(document: &[u8]) -> Option<Value> {
        read::tree(document).ok()
    }

    /// Gives each entry the provider that it names.
    fn link(
        &mut self,
        providers: &BTreeMap<String, Option<ProviderEntry>>,
    ) -> Result<(), ConfigError> {
        let entries = || self.issuers.iter().chain(&self.meta_issuers);
        let fault = |provider: &str, fault| ConfigError::Provider {
            source_name: self.source_name.clone(),
            provider: provider.to_owned(),
            issuers: entries()
                .filter(|(_, entries)| {
                    let mut named = entries.iter().map(|entry| entry.ci_provider.as_deref());
                    named.any(|name| name == Some(provider))
                })
                .map(|(address, _)| address.clone())
                .collect(),
            fault,
        };
        let mut parsed = BTreeMap::new();
        for (name, entry) in providers {
            let provider = CiProvider::new(&entry.clone().unwrap_or_default());
            let provider = provider.map_err(|reason| fault(name, reason))?;
            parsed.insert(name.clone(), Arc::new(provider));
        }
        let fixed = self.issuers.values_mut();
        for entry in fixed.chain(self.meta_issuers.values_mut()).flatten() {
            let name = entry.ci_provider.as_deref().unwrap_or_default();
            entry.provider = ProviderLink::new(name, &parsed);
        }
        Ok(())
    }

    /// Adds the issuers of `other`, which win where both know one. Messages go on to name the
    /// source of `self`.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.issuers.extend(other.issuers);
        self.meta_issuers.extend(other.meta_issuers);
        self.warnings.extend(other.warnings);
        self
    }

    /// Returns what an operator should look at, though it stops nothing: keys that nobody reads.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// Reads the entries of each address, of which there may be several.
fn entries(
    section: Option<BTreeMap<String, Value>>,
    source_name: &str,
    warnings: &mut Vec<String>,
) -> Result<BTreeMap<String, Vec<Entry>>, ConfigError> {
    let mut read = BTreeMap::new();
    for (address, value) in section.unwrap_or_default() {
        let values = match value {
            Value::Array(values) if !values.is_empty() => values,
            one => vec![one],
        };
        let count = values.len();
        let mut entries = Vec::with_capacity(count);
        for (index, value) in values.into_iter().enumerate() {
            let issuer = label(&address, index, count);
            let kind = value.get("type").or_else(|| value.get("Type"));
            let kind = kind.and_then(Value::as_str).unwrap_or_default().to_owned();
            let mut warn = |what| warnings.push(format!("{source_name}: issuer {issuer}: {what}"));
            let entry = read::entry(value, &mut warn).map_err(|fault| ConfigError::Issuer {
                source_name: source_name.into(),
                issuer: label(&address, index, count),
                kind,
                fault: Box::new(fault),
            })?;
            entries.push(entry);
        }
        read.insert(address, entries);
    }
    Ok(read)
}

/// Returns what messages call an entry of an address that has `count` of them.
pub(crate) fn label(address: &str, index: usize, count: usize) -> String {
    match count {
        1 => address.to_owned(),
        _ => format!("{address} (entry {} of {count})", index + 1),
    }
}

#[cfg(test)]
mod tests;
