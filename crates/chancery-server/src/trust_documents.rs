//! The documents that clients are configured with: trusted root, signing configuration, and both in
//! one.
//!
//! Formats: `sigstore_trustroot.proto` of <https://github.com/sigstore/protobuf-specs>, in
//! protobuf's JSON mapping. Clients refuse members that they do not know, so nothing of ours is in
//! them.

use std::time::SystemTime;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chancery_certs::CertificateChain;
use chancery_keys::{Algorithm, PublicKey};
use chancery_tsa::TsaChain;
use http::header;
use url::Url;

mod format;

use crate::state::AppState;
use format::{ClientTrustConfig, SigningConfig, TrustedRoot};

/// What the documents are about.
#[derive(Debug)]
pub struct TrustSubject<'a> {
    /// The public base URL of this authority.
    pub url: &'a Url,
    /// Who runs it, as the trusted root says it.
    pub organization: &'a str,
    /// The chain that certificates are issued under.
    pub chain: &'a CertificateChain,
    /// Every log that certificates are or were entered in, and those that begin later: clients have
    /// to know a log before they meet its receipts.
    pub logs: &'a [TrustedLog],
    /// Every chain of timestamp authorities whose timestamps count, the one that stamps now first.
    pub timestamps: &'a [TrustedTimestamps],
    /// Every ledger of signatures, in the same manner. Signers are told of them only where there are
    /// timestamps, too: cosign refuses to sign with the one and without the other.
    pub ledgers: &'a [TrustedLedger],
    /// From when certificates count.
    pub valid_from: SystemTime,
    /// The issuers where people log in.
    pub oidc_issuers: &'a [Url],
}

/// A log whose receipts count.
#[derive(Clone, Debug)]
pub struct TrustedLog {
    /// Its key.
    pub key: PublicKey,
    /// Where it is read: what its `checkpoint` and `tile/` are appended to.
    pub url: Url,
    /// The times of its receipts are not before this.
    pub begins: SystemTime,
    /// They are not after this, if it takes no entries any more or a date is set for its end.
    pub ends: Option<SystemTime>,
}

/// A chain of a timestamp authority, whose timestamps count.
#[derive(Clone, Debug)]
pub struct TrustedTimestamps {
    /// Its certificates, the one that signs first: clients ask for no certificate in a timestamp, so
    /// they must know it.
    pub chain: TsaChain,
    /// Until when its timestamps count, if it stamps no more.
    pub ends: Option<SystemTime>,
}

/// A ledger of signatures (Rekor v2).
#[derive(Clone, Debug)]
pub struct TrustedLedger {
    /// Its Ed25519 key.
    pub key: PublicKey,
    /// Its id: the whole hash of its note key.
    pub log_id: [u8; 32],
    /// Its URL, whose host is its origin.
    pub url: Url,
    /// From when its entries count.
    pub begins: SystemTime,
    /// Until when, if it takes no entries any more.
    pub ends: Option<SystemTime>,
}

/// Why there are no trust documents.
#[derive(Debug, thiserror::Error)]
pub enum TrustDocumentsError {
    /// The URL names no host, which clients know us by.
    #[error("{0} names no host")]
    NoHost(Url),
    /// Clients verify receipts with ECDSA P-256 and nothing else.
    #[error("clients cannot verify the log's receipts: its key is {0:?}, make one on P-256")]
    LogKey(Algorithm),
    /// The subject of a chain's certificate cannot be read.
    #[error("the certificate that a chain is named by cannot be read")]
    Root(#[source] der::Error),
    /// The URL can have no path.
    #[error("{0} cannot be the base of other URLs")]
    Base(Url),
    /// The time is beyond what RFC 3339 can say.
    #[error("a validity begins or ends at no time that RFC 3339 can say")]
    ValidFrom(#[source] time::error::Format),
}

/// The documents, as bytes that are served as they are.
#[derive(Clone, Debug)]
pub struct TrustDocuments {
    trusted_root: Bytes,
    signing_config: Bytes,
    client_trust_config: Bytes,
}

impl TrustDocuments {
    /// Writes the documents.
    ///
    /// # Errors
    ///
    /// Fails if no client could work with what they would say.
    pub fn new(subject: &TrustSubject<'_>) -> Result<Self, TrustDocumentsError> {
        let trusted_root = TrustedRoot::of(subject)?;
        let signing_config = SigningConfig::of(subject)?;
        Ok(Self {
            trusted_root: format::pretty(&trusted_root),
            signing_config: format::pretty(&signing_config),
            client_trust_config: format::pretty(&ClientTrustConfig::of(
                trusted_root,
                signing_config,
            )),
        })
    }

    /// Returns `trusted_root.json`: what verifiers trust.
    pub fn trusted_root(&self) -> &Bytes {
        &self.trusted_root
    }

    /// Returns `signing_config.v0.2.json`: whom signers ask.
    pub fn signing_config(&self) -> &Bytes {
        &self.signing_config
    }

    /// Returns `client_trust_config.json`: both in one, as sigstore-python takes them.
    pub fn client_trust_config(&self) -> &Bytes {
        &self.client_trust_config
    }
}

/// `GET /trusted_root.json`
pub(crate) async fn trusted_root(State(app): State<AppState>) -> Response {
    json(app.documents.load().trusted_root.clone())
}

/// `GET /signing_config.v0.2.json`
pub(crate) async fn signing_config(State(app): State<AppState>) -> Response {
    json(app.documents.load().signing_config.clone())
}

/// `GET /client_trust_config.json`
pub(crate) async fn client_trust_config(State(app): State<AppState>) -> Response {
    json(app.documents.load().client_trust_config.clone())
}

fn json(document: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document).into_response()
}

#[cfg(test)]
mod tests;
