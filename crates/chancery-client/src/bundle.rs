//! The bundle: everything that somebody needs to verify a signature, in one file.
//!
//! Format: `sigstore_bundle.proto` of <https://github.com/sigstore/protobuf-specs>, in protobuf's
//! JSON mapping. Versions 0.1 to 0.3 are read, 0.3 is written. What is read is bounded before
//! anything is allocated for it: see [`limits`].
//!
//! ```
//! use chancery_client::bundle::{ParseBundleError, UnverifiedBundle, limits};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # std::env::set_current_dir("tests/vectors")?;
//! let bundle = UnverifiedBundle::parse(&std::fs::read("artifact.txt.sigstore.json")?)?;
//! // Whatever its version and spacing were, this is how it is written here.
//! let written = bundle.to_json()?;
//! assert!(UnverifiedBundle::parse(&written).is_ok());
//!
//! let endless = vec![b' '; limits::BUNDLE_BYTES + 1];
//! let refused = UnverifiedBundle::parse(&endless).unwrap_err();
//! assert!(matches!(refused, ParseBundleError::TooLong { .. }));
//! # Ok(())
//! # }
//! ```

pub mod limits;
mod media_type;
pub(crate) mod protojson;
mod wire;

#[doc(inline)]
pub use chancery_keys::HashAlgorithm;

pub use media_type::Version;
pub(crate) use wire::{Bundle, Certificate, MessageDigest, TransparencyLogEntry};
#[cfg(test)]
pub(crate) use wire::{InclusionPromise, InclusionProof};

use protojson::{AtMost, Bytes, Object, Text};
use wire::{
    DsseEnvelope, DsseSignature, MessageSignature, SignedTimestamp, Timestamps,
    VerificationMaterial,
};

/// A bundle that was read or put together, and not verified.
///
/// It can be written down and given to the verifier, and
/// nothing else: what it says can only be read from what verification returns.
#[derive(Clone)]
pub struct UnverifiedBundle {
    pub(crate) version: Version,
    pub(crate) wire: Bundle,
}

/// What was signed, and the signature.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Signed {
    /// The artifact itself.
    Message {
        /// Which hash of the artifact is given as a hint to whoever looks for the bundle.
        algorithm: HashAlgorithm,
        /// The hash.
        digest: Vec<u8>,
        /// The signature over the artifact.
        signature: Vec<u8>,
    },
    /// A statement in a DSSE envelope.
    Envelope {
        /// What the payload is, such as `application/vnd.in-toto+json`.
        payload_type: String,
        /// The statement.
        payload: Vec<u8>,
        /// The one signature over both, in DSSE's pre-authentication encoding.
        signature: Vec<u8>,
    },
}

/// An entry of a ledger as the ledger answered it, kept for a bundle.
#[derive(Clone)]
pub struct LedgerEntry(pub(crate) TransparencyLogEntry);

/// Why something is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum ParseBundleError {
    /// More than a bundle can be.
    #[error(
        "the bundle has {found} bytes; at most {} are read",
        limits::BUNDLE_BYTES
    )]
    TooLong {
        /// How many there are.
        found: usize,
    },
    /// It is not JSON, not of the bundle's shape, or beyond a limit.
    #[error("it is no Sigstore bundle: {0}")]
    Shape(#[from] serde_json::Error),
    /// It is another document, or of another version.
    #[error("its mediaType is {found:?}, which is no bundle of version 0.1, 0.2 or 0.3")]
    MediaType {
        /// What it says.
        found: String,
    },
    /// A member is missing, or is there and must not be.
    #[error("{0}")]
    Members(&'static str),
}

impl UnverifiedBundle {
    /// Reads a bundle.
    ///
    /// # Errors
    /// [`ParseBundleError`] says why it is none, or none that is read here.
    pub fn parse(json: &[u8]) -> Result<Self, ParseBundleError> {
        if json.len() > limits::BUNDLE_BYTES {
            return Err(ParseBundleError::TooLong { found: json.len() });
        }
        let wire: Bundle = protojson::object(json)?;
        let version = Version::of(&wire.media_type).ok_or_else(|| ParseBundleError::MediaType {
            found: wire.media_type.chars().take(100).collect(),
        })?;
        wire.check_members(version)
            .map_err(ParseBundleError::Members)?;
        Ok(Self { version, wire })
    }

    /// Puts a bundle of version 0.3 together: the certificate in DER, what it signed, the entries
    /// that ledgers answered, and RFC 3161 timestamps (DER `TimeStampResp`) of the signature.
    #[must_use]
    pub fn assemble(
        certificate: Vec<u8>,
        signed: Signed,
        entries: Vec<LedgerEntry>,
        timestamps: Vec<Vec<u8>>,
    ) -> Self {
        let (message_signature, dsse_envelope) = match signed {
            Signed::Message {
                algorithm,
                digest,
                signature,
            } => (
                Some(Object(MessageSignature::new(algorithm, digest, signature))),
                None,
            ),
            Signed::Envelope {
                payload_type,
                payload,
                signature,
            } => (
                None,
                Some(Object(DsseEnvelope::new(payload_type, payload, signature))),
            ),
        };
        let entries = entries.into_iter().map(|entry| Object(entry.0));
        let timestamps = timestamps.into_iter().map(|timestamp| {
            Object(SignedTimestamp {
                signed_timestamp: Bytes(timestamp),
            })
        });
        let timestamps = Timestamps {
            rfc3161_timestamps: Some(AtMost(timestamps.collect())),
        };
        Self {
            version: Version::V0_3,
            wire: Bundle {
                media_type: Version::V0_3.media_type().to_owned(),
                verification_material: Object(VerificationMaterial {
                    certificate: Some(Object(Certificate {
                        raw_bytes: Bytes(certificate),
                    })),
                    x509_certificate_chain: None,
                    public_key: None,
                    tlog_entries: Some(AtMost(entries.collect())),
                    timestamp_verification_data: Some(Object(timestamps)),
                }),
                message_signature,
                dsse_envelope,
            },
        }
    }

    /// Writes the bundle as JSON, on one line.
    ///
    /// # Errors
    /// A defect of the encoder.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&self.wire)
    }
}

impl std::fmt::Debug for UnverifiedBundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnverifiedBundle")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl LedgerEntry {
    /// Reads the JSON of a `TransparencyLogEntry`: what a ledger answers to a new entry.
    ///
    /// # Errors
    /// [`ParseBundleError`] if it is none.
    pub fn parse(json: &[u8]) -> Result<Self, ParseBundleError> {
        if json.len() > limits::BUNDLE_BYTES {
            return Err(ParseBundleError::TooLong { found: json.len() });
        }
        let mut entry: TransparencyLogEntry = protojson::object(json)?;
        // Ledgers write members that say nothing; bundles leave them out.
        entry.integrated_time = entry.integrated_time.filter(|time| time.0 != 0);
        Ok(Self(entry))
    }
}

impl std::fmt::Debug for LedgerEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LedgerEntry").finish_non_exhaustive()
    }
}

impl MessageSignature {
    fn new(algorithm: HashAlgorithm, digest: Vec<u8>, signature: Vec<u8>) -> Self {
        Self {
            message_digest: Some(Object(MessageDigest {
                algorithm: algorithm.into(),
                digest: Bytes(digest),
            })),
            signature: Bytes(signature),
        }
    }
}

impl DsseEnvelope {
    fn new(payload_type: String, payload: Vec<u8>, signature: Vec<u8>) -> Self {
        Self {
            payload: Bytes(payload),
            payload_type: Text(payload_type),
            signatures: AtMost(vec![Object(DsseSignature {
                sig: Bytes(signature),
                keyid: None,
            })]),
        }
    }
}

#[cfg(test)]
mod tests;
