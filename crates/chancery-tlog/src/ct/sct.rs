//! Signed certificate timestamps, and the list of them that a certificate embeds.
//!
//! RFC 6962, sections 3.2 and 3.3: <https://www.rfc-editor.org/rfc/rfc6962#section-3.2>
//! ```text
//! SCT  = u8 version 0 ‖ log id (32) ‖ u64 timestamp (ms) ‖ u16-len extensions ‖ digitally-signed
//! list = u16-len { u16-len SCT }*
//! ```

use super::digitally_signed::{DigitallySigned, ParseDigitallySignedError};
use super::leaf_index::{LeafIndex, ParseExtensionsError};
use super::log_id::LogId;
use super::wire::{Reader, WireError, put_vector};

const V1: u8 = 0;
const U16_MAX: usize = 0xffff;

/// A log's signed statement that it has an entry.
///
/// What is signed is the entry's `MerkleTreeLeaf`: see
/// [`PrecertEntry::merkle_tree_leaf`](super::PrecertEntry::merkle_tree_leaf).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedCertificateTimestamp {
    log_id: LogId,
    timestamp_ms: u64,
    extensions: Vec<u8>,
    signature: DigitallySigned,
}

impl SignedCertificateTimestamp {
    /// Puts an SCT together, with the leaf index as its one extension.
    pub fn new(
        log_id: LogId,
        timestamp_ms: u64,
        leaf_index: LeafIndex,
        signature: DigitallySigned,
    ) -> Self {
        Self {
            log_id,
            timestamp_ms,
            extensions: leaf_index.to_extensions().to_vec(),
            signature,
        }
    }

    /// Puts together an SCT that another log answered in parts (RFC 6962, section 4.1). Nothing is
    /// verified, and the extensions are not looked into.
    ///
    /// # Errors
    ///
    /// When the extensions are too long for their length field.
    pub fn from_parts(
        log_id: LogId,
        timestamp_ms: u64,
        extensions: Vec<u8>,
        signature: DigitallySigned,
    ) -> Result<Self, SctListError> {
        if extensions.len() > U16_MAX {
            return Err(SctListError::TooLong);
        }
        Ok(Self {
            log_id,
            timestamp_ms,
            extensions,
            signature,
        })
    }

    /// Returns the SCT as RFC 6962 lays it out.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![V1];
        out.extend_from_slice(self.log_id.as_bytes());
        out.extend_from_slice(&self.timestamp_ms.to_be_bytes());
        put_vector::<2>(&mut out, &self.extensions);
        out.extend_from_slice(&self.signature.encode());
        out
    }

    /// Parses an SCT.
    ///
    /// # Errors
    ///
    /// When the bytes are no SCT of version 1 with an ECDSA signature over SHA-256.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseSctError> {
        let mut reader = Reader::new(bytes);
        let [version] = reader.array("version")?;
        if version != V1 {
            return Err(ParseSctError::Version { found: version });
        }
        Ok(Self {
            log_id: LogId::from_bytes(reader.array("log id")?),
            timestamp_ms: reader.u64("timestamp")?,
            extensions: reader.vector::<2>("extensions")?.to_vec(),
            signature: DigitallySigned::parse(reader.rest())?,
        })
    }

    /// Returns the id of the log that made it.
    pub fn log_id(&self) -> &LogId {
        &self.log_id
    }

    /// Returns when the entry was logged, in milliseconds since 1970.
    pub fn timestamp_ms(&self) -> u64 {
        self.timestamp_ms
    }

    /// Returns the extensions, without their length.
    pub fn extensions(&self) -> &[u8] {
        &self.extensions
    }

    /// Returns the signature.
    pub fn signature(&self) -> &DigitallySigned {
        &self.signature
    }

    /// Returns the place of the entry in the log, from the extensions.
    ///
    /// # Errors
    ///
    /// When they do not have exactly one leaf index: SCTs of logs that are not static-ct-api logs
    /// have none.
    pub fn leaf_index(&self) -> Result<LeafIndex, ParseExtensionsError> {
        LeafIndex::from_extensions(&self.extensions)
    }
}

/// Returns a `SignedCertificateTimestampList`: what goes, in an OCTET STRING, into the extension
/// 1.3.6.1.4.1.11129.2.4.2 of a certificate.
///
/// # Errors
///
/// When there is no SCT, or they do not fit.
pub fn sct_list(scts: &[&SignedCertificateTimestamp]) -> Result<Vec<u8>, SctListError> {
    let mut list = Vec::new();
    for sct in scts {
        let sct = sct.encode();
        if sct.len() > U16_MAX {
            return Err(SctListError::TooLong);
        }
        put_vector::<2>(&mut list, &sct);
    }
    match list.len() {
        0 => return Err(SctListError::Empty),
        1..=U16_MAX => {}
        _ => return Err(SctListError::TooLong),
    }
    let mut out = Vec::with_capacity(2 + list.len());
    put_vector::<2>(&mut out, &list);
    Ok(out)
}

/// Parses a `SignedCertificateTimestampList`, all of whose SCTs must be of version 1.
///
/// # Errors
///
/// When the bytes are no such list, or it is empty.
pub fn parse_sct_list(bytes: &[u8]) -> Result<Vec<SignedCertificateTimestamp>, ParseSctListError> {
    let mut reader = Reader::new(bytes);
    let mut list = Reader::new(reader.vector::<2>("SCT list")?);
    reader.finish("SCT list")?;
    let mut scts = Vec::new();
    while !list.rest().is_empty() {
        scts.push(SignedCertificateTimestamp::parse(list.vector::<2>("SCT")?)?);
    }
    if scts.is_empty() {
        Err(ParseSctListError::Empty)
    } else {
        Ok(scts)
    }
}

/// Why SCTs cannot be made a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SctListError {
    /// There are none (section 3.3 wants one at least).
    #[error("a list of SCTs cannot be empty")]
    Empty,
    /// They do not fit.
    #[error("a list of SCTs cannot be longer than 65535 bytes")]
    TooLong,
}

/// Why bytes are no SCT; each variant is the fault of the log that made it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseSctError {
    /// The SCT is cut off.
    #[error(transparent)]
    Malformed(#[from] WireError),
    /// The signature cannot be read.
    #[error(transparent)]
    Signature(#[from] ParseDigitallySignedError),
    /// Not version 1.
    #[error("SCT version {found} is not known: 0 (v1) is")]
    Version {
        /// The version.
        found: u8,
    },
}

/// Why bytes are no list of SCTs; each variant is the fault of whoever made the list.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseSctListError {
    /// It has no SCT.
    #[error("the list of SCTs is empty")]
    Empty,
    /// The list is cut off or goes on.
    #[error(transparent)]
    Malformed(#[from] WireError),
    /// One of the SCTs cannot be read.
    #[error("the list of SCTs has a malformed one")]
    Sct(#[from] ParseSctError),
}
