//! Fulcio's identity configuration, as operators have it: YAML or JSON, taken verbatim.
//!
//! Keys that Fulcio does not know are ignored, as it does, because the shipped file keeps its anchors
//! in one. What would not work is refused when [`Issuers`](crate::Issuers) are made of it. One key is
//! ours: `allow-http: true` lets an issuer be asked over plain HTTP.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::kind::KindError;
use crate::token::parse_json;
use crate::wildcard::WildcardError;

/// An identity configuration that could be read. Whether its issuers can be used is decided by
/// [`Issuers::new`](crate::Issuers::new).
#[derive(Debug, Clone)]
pub struct IdentityConfig {
    pub(crate) source_name: String,
    /// By issuer URL.
    pub(crate) issuers: BTreeMap<String, Entry>,
    /// By pattern of issuer URLs.
    pub(crate) meta_issuers: BTreeMap<String, Entry>,
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
        fault: EntryFault,
    },
    /// No issuer at all; starting would serve nobody.
    #[error("{source_name} configures no issuer under oidc-issuers or meta-issuers")]
    NoIssuer {
        /// The file.
        source_name: String,
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

/// What is wrong with an issuer's entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryFault {
    /// `ca-cert` is no PEM certificate.
    #[error("its ca-cert is not a PEM certificate")]
    CaCert,
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
    /// `issuer-claim`, which is not there yet.
    #[error("issuer-claim is not yet supported by this version")]
    IssuerClaimUnsupported,
    /// The key and `issuer-url` differ.
    #[error("its issuer-url is {0:?}; the key and the issuer-url must be the same")]
    KeyDiffers(String),
    /// The rules of the entry's type.
    #[error(transparent)]
    Kind(#[from] KindError),
    /// No type that Fulcio knows.
    #[error("the type is unknown; Fulcio's types are {0}")]
    TypeUnknown(String),
    /// A type of Fulcio's that is not there yet.
    #[error("the type is not yet supported by this version; supported are {0}")]
    TypeUnsupported(String),
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

/// One issuer's entry. `description`, `contact` and `environment` are documentation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Entry {
    #[serde(rename = "issuer-url", alias = "IssuerURL")]
    pub(crate) issuer_url: Option<String>,
    /// The audience that tokens must be for.
    #[serde(rename = "client-id", alias = "ClientID")]
    pub(crate) client_id: Option<String>,
    #[serde(rename = "type", alias = "Type")]
    pub(crate) kind: Option<String>,
    /// A `JSONPath` to the claim that stands for the issuer.
    #[serde(rename = "issuer-claim", alias = "IssuerClaim")]
    pub(crate) issuer_claim: Option<String>,
    #[serde(rename = "subject-domain", alias = "SubjectDomain")]
    pub(crate) subject_domain: Option<String>,
    #[serde(rename = "spiffe-trust-domain", alias = "SPIFFETrustDomain")]
    pub(crate) spiffe_trust_domain: Option<String>,
    /// What clients are told that they have to sign; nothing else depends on it.
    #[serde(rename = "challenge-claim", alias = "ChallengeClaim")]
    pub(crate) challenge_claim: Option<String>,
    /// PEM, trusted besides the system's roots.
    #[serde(rename = "ca-cert", alias = "CACert")]
    pub(crate) ca_cert: Option<String>,
    #[serde(rename = "skip-email-verification", alias = "SkipEmailVerification")]
    pub(crate) skip_email_verification: bool,
    /// Ours.
    #[serde(rename = "allow-http", alias = "AllowHTTP")]
    pub(crate) allow_http: bool,
}

/// Fulcio's names in a JSON file, where Go reads them in any case.
const JSON_NAMES: [&str; 13] = [
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
];

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "oidc-issuers", alias = "OIDCIssuers", default)]
    issuers: Option<BTreeMap<String, Entry>>,
    #[serde(rename = "meta-issuers", alias = "MetaIssuers", default)]
    meta_issuers: Option<BTreeMap<String, Entry>>,
}

impl IdentityConfig {
    /// Reads a configuration: JSON if it is JSON, else YAML.
    ///
    /// # Errors
    /// Neither of the two, a key that occurs twice, a value of the wrong type, or no issuer.
    /// `source_name` is what messages call the file.
    pub fn parse(document: &[u8], source_name: &str) -> Result<Self, ConfigError> {
        let Document {
            issuers,
            meta_issuers,
        } = read(document).map_err(|reason| ConfigError::Syntax {
            source_name: source_name.into(),
            reason,
        })?;
        let config = Self {
            source_name: source_name.into(),
            issuers: issuers.unwrap_or_default(),
            meta_issuers: meta_issuers.unwrap_or_default(),
        };
        if config.issuers.is_empty() && config.meta_issuers.is_empty() {
            return Err(ConfigError::NoIssuer {
                source_name: source_name.into(),
            });
        }
        Ok(config)
    }

    /// Adds the issuers of `other`, which win where both know one. Messages go on to name the
    /// source of `self`.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.issuers.extend(other.issuers);
        self.meta_issuers.extend(other.meta_issuers);
        self
    }
}

fn read(document: &[u8]) -> Result<Document, String> {
    match parse_json(document) {
        Ok(mut json) => {
            use_fulcios_case(&mut json);
            serde_json::from_value(json).map_err(|error| error.to_string())
        }
        Err(error) if document.trim_ascii_start().starts_with(b"{") => Err(error.to_string()),
        Err(_) => read_yaml(document).map_err(|error| error.to_string()),
    }
}

/// Reads YAML by way of a tree: only there are keys that occur twice an error, and `<<` merged.
fn read_yaml(document: &[u8]) -> Result<Document, yaml_serde::Error> {
    let mut tree: yaml_serde::Value = yaml_serde::from_slice(document)?;
    tree.apply_merge()?;
    yaml_serde::from_value(tree)
}

/// Gives the members of a JSON file the case that Fulcio writes, on the levels that it defines; the
/// level between has issuer URLs for names.
fn use_fulcios_case(document: &mut Value) {
    let Value::Object(top) = document else { return };
    rename(top);
    for issuers in top.values_mut().filter_map(Value::as_object_mut) {
        issuers
            .values_mut()
            .filter_map(Value::as_object_mut)
            .for_each(rename);
    }
}

fn rename(object: &mut Map<String, Value>) {
    *object = std::mem::take(object)
        .into_iter()
        .map(|(name, value)| {
            let known = JSON_NAMES
                .into_iter()
                .find(|known| known.eq_ignore_ascii_case(&name));
            (known.map_or(name, str::to_owned), value)
        })
        .collect();
}

#[cfg(test)]
mod tests;
