//! The documents that clients are configured with: trusted root, signing configuration, and both in
//! one.
//!
//! Formats: `sigstore_trustroot.proto` of <https://github.com/sigstore/protobuf-specs>, in
//! protobuf's JSON mapping. Clients refuse members that they do not know, so nothing of ours is in
//! what is written. What is read may hold more: it may be somebody else's.

mod instance;
mod reading;
mod signing_config;
mod trusted_root;
mod window;

use serde::Serialize;

use chancery_keys::Algorithm;

pub use instance::{Authority, CtLog, Instance, Ledger, LoginIssuer, TimestampAuthority};
pub use signing_config::{Selector, SelectorConfig, Service, SigningConfig};
pub use trusted_root::{
    CertChain, CertificateAuthority, DistinguishedName, KeyIdentifier, LogKey, RawBytes,
    TransparencyLog, TrustedRoot, TrustedRootError,
};
pub use window::{Base64, Window};

/// The name of the trusted root as a TUF target; clients ask for exactly this.
pub const TRUSTED_ROOT: &str = "trusted_root.json";
/// The name of the signing configuration as a TUF target; clients ask for exactly this.
pub const SIGNING_CONFIG: &str = "signing_config.v0.2.json";
/// The name under which both in one are published.
pub const CLIENT_TRUST_CONFIG: &str = "client_trust_config.json";

/// Why there are no documents: no client could work with what they would say.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The URL names no host, which clients know its service by.
    #[error("{0} names no host")]
    NoHost(String),
    /// An issuer's name is no URL.
    #[error("{0:?} is no issuer's URL, such as https://login.example.org")]
    Issuer(String),
    /// Clients verify receipts with ECDSA P-256 and nothing else.
    #[error("clients cannot verify the log's receipts: its key is {0}, make one on P-256")]
    LogKey(Algorithm),
    /// Clients verify a ledger's checkpoints with Ed25519 or ECDSA P-256.
    #[error("clients cannot verify the ledger's checkpoints: its key is {0}, make one of Ed25519")]
    LedgerKey(Algorithm),
    /// Clients want a timestamp authority's own certificate and at least its root.
    #[error("the chain of the timestamp authority {0} is not its certificate and at least a root")]
    TimestampChain(String),
    /// A certificate cannot be read.
    #[error("the certificate of {url} cannot be read")]
    Certificate {
        /// Whose it is.
        url: String,
        /// What is wrong in it.
        #[source]
        source: Box<der::Error>,
    },
    /// A time is beyond what RFC 3339 can say.
    #[error("a validity begins or ends at no time that RFC 3339 can say")]
    Time(#[source] serde_json::Error),
}

/// The documents of one instance, as bytes that are served as they are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrustDocuments {
    /// `trusted_root.json`: what verifiers trust.
    pub trusted_root: Vec<u8>,
    /// `signing_config.v0.2.json`: whom signers ask.
    pub signing_config: Vec<u8>,
    /// `client_trust_config.json`: both in one, as sigstore-python takes them.
    pub client_trust_config: Vec<u8>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientTrustConfig<'a> {
    media_type: &'static str,
    trusted_root: &'a TrustedRoot,
    signing_config: &'a SigningConfig,
}

impl TrustDocuments {
    /// Writes the documents of an instance.
    ///
    /// # Errors
    /// [`DocumentError`] if no client could work with what they would say.
    pub fn of(instance: &Instance) -> Result<Self, DocumentError> {
        both(&instance.trusted_root()?, &instance.signing_config())
    }

    /// Returns the documents with the names under which they are published.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &[u8]); 3] {
        [
            (TRUSTED_ROOT, &self.trusted_root),
            (SIGNING_CONFIG, &self.signing_config),
            (CLIENT_TRUST_CONFIG, &self.client_trust_config),
        ]
    }
}

/// Writes both documents, and the one that holds both.
fn both(
    trusted_root: &TrustedRoot,
    signing_config: &SigningConfig,
) -> Result<TrustDocuments, DocumentError> {
    Ok(TrustDocuments {
        trusted_root: pretty(trusted_root)?,
        signing_config: pretty(signing_config)?,
        client_trust_config: pretty(&ClientTrustConfig {
            media_type: "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            trusted_root,
            signing_config,
        })?,
    })
}

/// Writes a document as it is served: indented by two, one newline at the end.
fn pretty(document: &impl Serialize) -> Result<Vec<u8>, DocumentError> {
    let mut text = serde_json::to_vec_pretty(document).map_err(DocumentError::Time)?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests;
