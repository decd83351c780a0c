//! The certificates of a timestamp authority: the one that signs first, its root last.
//!
//! What is asked of them is what Sigstore's clients ask: two certificates at least, the first with
//! the critical extended key usage `timeStamping` and no other (RFC 3161, section 2.3), each signed
//! by the next.

mod link;

use std::time::SystemTime;

use chancery_keys::PublicKey;
use const_oid::ObjectIdentifier;
use der::asn1::AnyRef;
use der::{Decode, Encode};
use x509_cert::Certificate;
use x509_cert::name::Name;

const PEM_LABEL: &str = "CERTIFICATE";

/// The most certificates of a chain. Honest ones have two or three.
const LONGEST: usize = 8;

/// A chain of certificates of a timestamp authority, complete, in order, and verified up to its
/// root. Whether the root is to be trusted is for whoever has it.
#[derive(Clone, Debug)]
pub struct TsaChain {
    leaf: Certificate,
    key: PublicKey,
    ders: Vec<Vec<u8>>,
    validities: Vec<(SystemTime, SystemTime)>,
}

/// Why certificates are no chain of a timestamp authority. The place of a certificate is counted
/// from 1.
#[derive(Debug, thiserror::Error)]
pub enum TsaChainError {
    /// The text is no PEM of certificates.
    #[error("the timestamp authority's chain is not PEM of certificates: {0}")]
    Pem(String),
    /// The octets are no DER sequence.
    #[error("the timestamp authority's chain is not a DER sequence")]
    Der(#[source] der::Error),
    /// Official clients want two certificates at least.
    #[error(
        "the timestamp authority's chain has {found} certificates; give 2 to {LONGEST}, \
         the one that signs first and the root last"
    )]
    Length {
        /// How many there are.
        found: usize,
    },
    /// A certificate does not parse.
    #[error("certificate {position} of the timestamp authority's chain does not parse")]
    Malformed {
        /// Its place.
        position: usize,
        /// What is wrong in it.
        #[source]
        source: der::Error,
    },
    /// A certificate's key is not one that is read.
    #[error("certificate {position} of the timestamp authority's chain has no key that is read")]
    Key {
        /// Its place.
        position: usize,
        /// What is wrong with the key.
        #[source]
        source: chancery_keys::PublicKeyError,
    },
    /// The first certificate cannot sign timestamps.
    #[error("the first certificate of the timestamp authority's chain cannot sign timestamps: {0}")]
    Leaf(&'static str),
    /// A certificate cannot stand above the others.
    #[error("certificate {position} of the timestamp authority's chain cannot issue: {reason}")]
    Issuer {
        /// Its place.
        position: usize,
        /// What is missing.
        reason: &'static str,
    },
    /// A certificate has a critical extension that is not known (RFC 5280, section 4.2).
    #[error(
        "certificate {position} of the timestamp authority's chain has the critical extension \
         {oid}, which is not known"
    )]
    CriticalExtension {
        /// Its place.
        position: usize,
        /// The extension.
        oid: ObjectIdentifier,
    },
    /// A certificate is not signed by the next one, or the last one by itself.
    #[error(
        "certificate {position} of the timestamp authority's chain is not issued by the one that \
         should follow it; give the one that signs first and the root last"
    )]
    Broken {
        /// Its place.
        position: usize,
    },
}

impl TsaChain {
    /// Parses a chain in PEM.
    ///
    /// # Errors
    /// Anything but the chain of a timestamp authority, the certificate that signs first.
    pub fn parse_pem(text: &str) -> Result<Self, TsaChainError> {
        let blocks =
            ::pem::parse_many(text).map_err(|error| TsaChainError::Pem(error.to_string()))?;
        if let Some(other) = blocks.iter().find(|block| block.tag() != PEM_LABEL) {
            let said = format!("there is a block of {:?}", other.tag());
            return Err(TsaChainError::Pem(said));
        }
        Self::from_ders(blocks.into_iter().map(::pem::Pem::into_contents).collect())
    }

    /// Parses a chain as [`TsaChain::to_der`] makes it.
    ///
    /// # Errors
    /// Anything but the chain of a timestamp authority, the certificate that signs first.
    pub fn from_der(sequence: &[u8]) -> Result<Self, TsaChainError> {
        let certificates = Vec::<AnyRef<'_>>::from_der(sequence).map_err(TsaChainError::Der)?;
        let ders = certificates.iter().map(Encode::to_der);
        let ders = ders.collect::<der::Result<_>>();
        Self::from_ders(ders.map_err(TsaChainError::Der)?)
    }

    /// Makes a chain of certificates in DER.
    ///
    /// # Errors
    /// Anything but the chain of a timestamp authority, the certificate that signs first.
    pub fn from_ders(ders: Vec<Vec<u8>>) -> Result<Self, TsaChainError> {
        if !(2..=LONGEST).contains(&ders.len()) {
            return Err(TsaChainError::Length { found: ders.len() });
        }
        let mut links = ders
            .iter()
            .enumerate()
            .map(|(index, der)| link::Link::parse(index + 1, der))
            .collect::<Result<Vec<_>, _>>()?;
        for (lower, upper) in links.iter().zip(links.iter().skip(1)) {
            lower.require_issued_by(upper)?;
        }
        if let Some(root) = links.last() {
            root.require_issued_by(root)?;
        }
        for link in links.iter().skip(1) {
            link.require_issuer(link.position == ders.len())?;
        }
        let validities = links.iter().map(link::Link::validity).collect();
        let leaf = links.swap_remove(0);
        leaf.require_timestamping_leaf()?;
        Ok(Self {
            leaf: leaf.certificate,
            key: leaf.key,
            ders,
            validities,
        })
    }

    /// Returns the certificates in DER, the one that signs first.
    #[must_use]
    pub fn ders(&self) -> &[Vec<u8>] {
        &self.ders
    }

    /// Returns a DER sequence of the certificates, the one that signs first.
    ///
    /// # Errors
    /// A defect of the encoder.
    pub fn to_der(&self) -> der::Result<Vec<u8>> {
        let certificates = self.ders.iter().map(|der| AnyRef::from_der(der));
        certificates.collect::<der::Result<Vec<_>>>()?.to_der()
    }

    /// Returns the certificates in PEM, the one that signs first, each with a newline at its end:
    /// what `GET /api/v1/timestamp/certchain` answers.
    #[must_use]
    pub fn pem(&self) -> String {
        let config = ::pem::EncodeConfig::new().set_line_ending(::pem::LineEnding::LF);
        self.ders
            .iter()
            .map(|der| ::pem::encode_config(&::pem::Pem::new(PEM_LABEL, der.as_slice()), config))
            .collect()
    }

    /// Returns the key that signs timestamps.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Says whether all certificates are valid at `time`; the first and the last second count.
    #[must_use]
    pub fn valid_at(&self, time: SystemTime) -> bool {
        self.validities
            .iter()
            .all(|(not_before, not_after)| *not_before <= time && time <= *not_after)
    }

    /// Returns the first second in which all certificates are valid.
    #[must_use]
    pub fn not_before(&self) -> SystemTime {
        let first = self.validities.iter().map(|(not_before, _)| *not_before);
        first.max().unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Returns the last second in which all certificates are valid.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        let last = self.validities.iter().map(|(_, not_after)| *not_after);
        last.min().unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Returns the certificate that signs.
    pub(crate) fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// Returns the certificate that signs in DER.
    pub(crate) fn leaf_der(&self) -> &[u8] {
        self.ders.first().map_or(&[], Vec::as_slice)
    }

    /// Says whether this is the certificate that signs, byte for byte.
    pub(crate) fn is_leaf(&self, certificate: &Certificate) -> bool {
        certificate.to_der().is_ok_and(|der| der == self.leaf_der())
    }

    /// Returns the subject of the certificate that signs.
    pub(crate) fn subject(&self) -> &Name {
        self.leaf.tbs_certificate().subject()
    }
}

fn parse(position: usize, der: &[u8]) -> Result<Certificate, TsaChainError> {
    let malformed = |source| TsaChainError::Malformed { position, source };
    let certificate = Certificate::from_der(der).map_err(malformed)?;
    // What is hashed and compared is the encoding, so there must be one only.
    if certificate.to_der().map_err(malformed)? != der {
        let source = der::ErrorKind::Noncanonical {
            tag: der::Tag::Sequence,
        };
        return Err(malformed(source.into()));
    }
    Ok(certificate)
}

#[cfg(test)]
mod tests;
