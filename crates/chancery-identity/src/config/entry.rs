//! One issuer's entry, as it is written: Fulcio's keys by their names in YAML and JSON, and ours.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Deserialize;

use super::scalar;
use crate::ci_provider::{ProviderLink, Scalar, ScalarMap};
use crate::key_source::{KeysText, ProxyUrl};
use crate::limits::RateLimit;
use crate::rules::RuleList;

/// One issuer's entry. `description`, `contact` and `environment` are documentation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Entry {
    #[serde(
        rename = "issuer-url",
        alias = "IssuerURL",
        deserialize_with = "scalar::text"
    )]
    pub(crate) issuer_url: Option<String>,
    /// The audience that tokens must be for.
    #[serde(
        rename = "client-id",
        alias = "ClientID",
        deserialize_with = "scalar::text"
    )]
    pub(crate) client_id: Option<String>,
    /// Ours: more such audiences.
    #[serde(deserialize_with = "scalar::texts")]
    pub(crate) audiences: Option<Vec<String>>,
    /// Ours: if there are any, one must match.
    pub(crate) allow: RuleList,
    /// Ours: none may match.
    pub(crate) deny: RuleList,
    /// Ours: for a shared issuer whose users may all have certificates.
    #[serde(rename = "any-owner", deserialize_with = "scalar::truth")]
    pub(crate) any_owner: bool,
    /// Ours: how long certificates are valid, in seconds.
    #[serde(rename = "certificate-lifetime-s")]
    pub(crate) certificate_lifetime_s: Option<NonZeroU32>,
    /// Ours: how old tokens may be, in seconds since `iat`.
    #[serde(rename = "max-token-age-s")]
    pub(crate) max_token_age_s: Option<NonZeroU32>,
    /// Ours: each token is for one certificate.
    #[serde(rename = "once-only", deserialize_with = "scalar::truth")]
    pub(crate) once_only: bool,
    /// Ours: how many requests are accepted.
    #[serde(rename = "rate-limit")]
    pub(crate) rate_limit: Option<RateLimit>,
    #[serde(rename = "type", alias = "Type", deserialize_with = "scalar::text")]
    pub(crate) kind: Option<String>,
    /// A `JSONPath` to the claim that stands for the issuer.
    #[serde(
        rename = "issuer-claim",
        alias = "IssuerClaim",
        deserialize_with = "scalar::text"
    )]
    pub(crate) issuer_claim: Option<String>,
    /// The key under `ci-issuer-metadata`, for type `ci-provider`.
    #[serde(
        rename = "ci-provider",
        alias = "CIProvider",
        deserialize_with = "scalar::text"
    )]
    pub(crate) ci_provider: Option<String>,
    /// What that key stands for; filled when the whole file has been read.
    #[serde(skip)]
    pub(crate) provider: ProviderLink,
    #[serde(
        rename = "subject-domain",
        alias = "SubjectDomain",
        deserialize_with = "scalar::text"
    )]
    pub(crate) subject_domain: Option<String>,
    #[serde(
        rename = "spiffe-trust-domain",
        alias = "SPIFFETrustDomain",
        deserialize_with = "scalar::text"
    )]
    pub(crate) spiffe_trust_domain: Option<String>,
    /// What clients are told that they have to sign; nothing else depends on it.
    #[serde(
        rename = "challenge-claim",
        alias = "ChallengeClaim",
        deserialize_with = "scalar::text"
    )]
    pub(crate) challenge_claim: Option<String>,
    /// PEM, trusted besides the system's roots.
    #[serde(
        rename = "ca-cert",
        alias = "CACert",
        deserialize_with = "scalar::text"
    )]
    pub(crate) ca_cert: Option<String>,
    #[serde(
        rename = "skip-email-verification",
        alias = "SkipEmailVerification",
        deserialize_with = "scalar::truth"
    )]
    pub(crate) skip_email_verification: bool,
    /// Ours: the claim whose value is certified.
    #[serde(
        rename = "identity-claim",
        alias = "IdentityClaim",
        deserialize_with = "scalar::text"
    )]
    pub(crate) identity_claim: Option<String>,
    /// Ours in an issuer's entry; Fulcio has it for providers.
    #[serde(
        rename = "subject-alternative-name-template",
        alias = "SubjectAlternativeNameTemplate"
    )]
    pub(crate) name_template: Option<Scalar>,
    /// Ours: what templates see besides the claims.
    #[serde(rename = "template-values", alias = "TemplateValues")]
    pub(crate) template_values: Option<ScalarMap>,
    /// Ours.
    #[serde(
        rename = "allow-http",
        alias = "AllowHTTP",
        deserialize_with = "scalar::truth"
    )]
    pub(crate) allow_http: bool,
    #[serde(rename = "allow-private-addresses", deserialize_with = "scalar::truth")]
    pub(crate) allow_private_addresses: bool,
    #[serde(rename = "ca-cert-file")]
    pub(crate) ca_cert_file: Option<PathBuf>,
    pub(crate) jwks: Option<KeysText>,
    #[serde(rename = "jwks-file")]
    pub(crate) jwks_file: Option<PathBuf>,
    pub(crate) proxy: Option<ProxyUrl>,
}
