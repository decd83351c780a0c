//! `trusted_root.json`: whose certificates, receipts, entries and timestamps count, and when.

use chancery_keys::{PublicKey, PublicKeyError};
use serde::{Deserialize, Serialize};

use super::{Base64, Window};

/// Version 0.1 of the media type: cosign, sigstore-python and sigstore-java refuse the newer 0.2.
pub(super) const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";

/// What a trusted root's media type begins with, whatever its version.
const MEDIA_TYPE_PREFIX: &str = "application/vnd.dev.sigstore.trustedroot";

/// The whole document, members in the specification's order.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustedRoot {
    /// What the document is; [`TrustedRoot::parse`] has looked at it.
    pub media_type: String,
    /// Ledgers of signatures: Rekor.
    #[serde(default)]
    pub tlogs: Vec<TransparencyLog>,
    /// Who issues certificates: Fulcio.
    #[serde(default)]
    pub certificate_authorities: Vec<CertificateAuthority>,
    /// Logs of certificates.
    #[serde(default)]
    pub ctlogs: Vec<TransparencyLog>,
    /// Who says what time it is.
    #[serde(default)]
    pub timestamp_authorities: Vec<CertificateAuthority>,
}

/// A log or a ledger (`TransparencyLogInstance`).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransparencyLog {
    /// Where it is read.
    #[serde(default)]
    pub base_url: String,
    /// The hash of its tree: `SHA2_256`.
    #[serde(default)]
    pub hash_algorithm: String,
    /// Its key, with the times in which it counts.
    pub public_key: LogKey,
    /// What its receipts name it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_id: Option<KeyIdentifier>,
    /// What its checkpoints name it by, where that is not the same. Never written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_key_id: Option<KeyIdentifier>,
    /// Who runs it. Never written: older clients do not know the member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
}

/// A log's key (`PublicKey` of the specification).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogKey {
    /// The DER `SubjectPublicKeyInfo`.
    pub raw_bytes: Base64,
    /// Key type, curve and hash in one, as the specification names them.
    #[serde(default)]
    pub key_details: String,
    /// The times in which it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_for: Option<Window>,
}

/// What a log is named by (`LogId`).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyIdentifier {
    /// RFC 6962, section 3.2 for a CT log; all 32 bytes of the note key's hash for a ledger.
    pub key_id: Base64,
}

/// A chain that counts (`CertificateAuthority`).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateAuthority {
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<DistinguishedName>,
    /// Where it answers.
    #[serde(default)]
    pub uri: String,
    /// The certificates, the root last.
    pub cert_chain: CertChain,
    /// The times in which it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_for: Option<Window>,
    /// Who runs it. Never written: older clients do not know the member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
}

/// A name, as far as clients show it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DistinguishedName {
    /// The organization.
    #[serde(default)]
    pub organization: String,
    /// The common name.
    #[serde(default)]
    pub common_name: String,
}

/// Certificates in order (`X509CertificateChain`).
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct CertChain {
    /// A timestamp authority's own certificate first, then intermediates, the root last.
    #[serde(default)]
    pub certificates: Vec<RawBytes>,
}

/// One certificate in DER.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RawBytes {
    /// The certificate.
    pub raw_bytes: Base64,
}

/// Why something is no trusted root.
#[derive(Debug, thiserror::Error)]
pub enum TrustedRootError {
    /// It is not JSON, or not of this shape.
    #[error("it is no trusted_root.json: {0}")]
    Shape(#[from] serde_json::Error),
    /// It is another document.
    #[error("its mediaType is {0:?}, and not {MEDIA_TYPE_PREFIX}…")]
    MediaType(String),
}

impl TrustedRoot {
    /// Reads a trusted root of any version, this instance's or another's.
    ///
    /// # Errors
    /// [`TrustedRootError`] says what it is instead. Keys and certificates are not read yet.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustedRootError> {
        // An array would pass for a struct, its elements in order.
        let value: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(bytes)?;
        let document = Self::deserialize(serde_json::Value::Object(value))?;
        if document.media_type.starts_with(MEDIA_TYPE_PREFIX) {
            Ok(document)
        } else {
            Err(TrustedRootError::MediaType(document.media_type))
        }
    }
}

impl TransparencyLog {
    /// Reads the log's key.
    ///
    /// # Errors
    /// [`PublicKeyError`] if it is none that anything here verifies with.
    pub fn key(&self) -> Result<PublicKey, PublicKeyError> {
        PublicKey::from_spki_der(&self.public_key.raw_bytes.0)
    }

    /// Returns the times in which the log counts; all of them if it says nothing.
    #[must_use]
    pub fn window(&self) -> Window {
        self.public_key.valid_for.unwrap_or_default()
    }
}

impl CertificateAuthority {
    /// Returns the chain's certificates in DER, the root last.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        let certificates = self.cert_chain.certificates.iter();
        certificates.map(|certificate| &certificate.raw_bytes.0[..])
    }
}
