//! `signing_config.v0.2.json`: whom signers ask.

use serde::{Deserialize, Serialize};

use super::Window;

pub(super) const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";

/// The whole document.
///
/// The lists of ledgers and timestamp authorities are left out together with their selectors:
/// sigstore-js refuses a selector of nothing, and sigstore-go breaks on a list without selector.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SigningConfig {
    /// What the document is.
    pub media_type: String,
    /// Who issues certificates.
    #[serde(default)]
    pub ca_urls: Vec<Service>,
    /// Where people log in.
    #[serde(default)]
    pub oidc_urls: Vec<Service>,
    /// Where signatures are entered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rekor_tlog_urls: Vec<Service>,
    /// Who stamps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tsa_urls: Vec<Service>,
    /// How many of the ledgers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rekor_tlog_config: Option<SelectorConfig>,
    /// How many of the timestamp authorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tsa_config: Option<SelectorConfig>,
}

/// A service that signers may ask (`Service`).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// Where it is, without a slash at the end: clients append paths as text. Of a login, the issuer's
    /// name to the letter: clients compare it with what the issuer calls itself.
    pub url: String,
    /// The major version of its API.
    pub major_api_version: u32,
    /// When it is to be asked.
    pub valid_for: Window,
    /// Who runs it. Of several by one operator, clients ask one.
    #[serde(default)]
    pub operator: String,
}

/// How many of a list are asked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SelectorConfig {
    /// Which.
    pub selector: Selector,
}

/// Which of a list are asked. sigstore-js knows no other than this, sigstore-rust no `ALL`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Selector {
    /// Any one.
    Any,
}

impl SelectorConfig {
    /// Returns the selector of a list: none if the list is empty.
    pub(super) fn of(services: &[Service]) -> Option<Self> {
        (!services.is_empty()).then_some(Self {
            selector: Selector::Any,
        })
    }
}
