//! The chain of CA certificates that goes out with every certificate: issuing CA first, root last.

use der::Decode;
use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, SubjectKeyIdentifier};
use x509_cert::name::Name;

use crate::issuer::{IssuingCertificate, IssuingCertificateError, extension};

const PEM_LABEL: &str = "CERTIFICATE";

/// A chain of CA certificates, complete and in order. Signatures are not verified here.
#[derive(Debug, Clone)]
pub struct CertificateChain {
    issuing: IssuingCertificate,
    ders: Vec<Vec<u8>>,
    // Made once: both are in every answer or every log entry.
    pems: Vec<String>,
    fingerprints: Vec<[u8; 32]>,
}

/// Why certificates are not a chain.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The text is no PEM.
    #[error("the certificate chain is not PEM: {0}")]
    Pem(String),
    /// A PEM block is something else, perhaps a private key.
    #[error("block {position} of the certificate chain is not a certificate but {label:?}")]
    Label {
        /// The block's place, from 1.
        position: usize,
        /// What the block says that it is.
        label: String,
    },
    /// There is no certificate.
    #[error("the certificate chain is empty; give the issuing CA first and the root last")]
    Empty,
    /// A certificate does not parse.
    #[error("certificate {position} of the chain does not parse")]
    Malformed {
        /// The certificate's place, from 1.
        position: usize,
        /// What is wrong in it.
        #[source]
        source: der::Error,
    },
    /// The first certificate cannot issue.
    #[error("the first certificate of the chain cannot issue code-signing certificates")]
    Issuing(#[source] IssuingCertificateError),
    /// A certificate is not a CA's, or must not have as many CAs below it (RFC 5280, 4.2.1.9).
    #[error("certificate {position} of the chain ({subject}) may not stand above the others")]
    NotCaAbove {
        /// The certificate's place, from 1.
        position: usize,
        /// Its subject.
        subject: String,
    },
    /// Two neighbours do not belong together.
    #[error(
        "certificate {position} of the chain is issued by {issuer}, but the next is {next}; \
         give the issuing CA first and the root last"
    )]
    Broken {
        /// The place of the lower certificate, from 1.
        position: usize,
        /// The issuer that the lower certificate names.
        issuer: String,
        /// The subject of the certificate above it.
        next: String,
    },
    /// The last certificate is not self-issued, so clients would not get the root.
    #[error("the chain ends with a certificate issued by {issuer}; append that root's certificate")]
    NoRoot {
        /// The issuer that the last certificate names.
        issuer: String,
    },
}

impl CertificateChain {
    /// Parses a chain in PEM.
    ///
    /// # Errors
    /// Anything but CA certificates from the issuing CA to its root, each issued by the next.
    pub fn parse_pem(text: &str) -> Result<Self, ChainError> {
        let blocks = ::pem::parse_many(text).map_err(|error| ChainError::Pem(error.to_string()))?;
        if let Some(index) = blocks.iter().position(|block| block.tag() != PEM_LABEL) {
            return Err(ChainError::Label {
                position: index + 1,
                label: blocks[index].tag().to_owned(),
            });
        }
        Self::from_ders(blocks.into_iter().map(::pem::Pem::into_contents).collect())
    }

    /// Makes a chain of certificates in DER.
    ///
    /// # Errors
    /// Anything but CA certificates from the issuing CA to its root, each issued by the next.
    pub fn from_ders(ders: Vec<Vec<u8>>) -> Result<Self, ChainError> {
        let Some(first) = ders.first() else {
            return Err(ChainError::Empty);
        };
        let issuing = IssuingCertificate::from_der(first).map_err(ChainError::Issuing)?;
        let certificates = ders
            .iter()
            .enumerate()
            .map(|(index, der)| Link::parse(index + 1, der))
            .collect::<Result<Vec<_>, _>>()?;
        certificates.iter().try_for_each(Link::check_ca)?;
        for (lower, upper) in certificates.iter().zip(certificates.iter().skip(1)) {
            lower.check_issued_by(upper)?;
        }
        match certificates.last() {
            Some(last) if last.issuer != last.subject => Err(ChainError::NoRoot {
                issuer: last.issuer.to_string(),
            }),
            _ => Ok(Self {
                issuing,
                pems: ders.iter().map(|der| pem(der)).collect(),
                fingerprints: ders.iter().map(|der| Sha256::digest(der).into()).collect(),
                ders,
            }),
        }
    }

    /// Returns the first certificate: the CA that issues.
    pub fn issuing(&self) -> &IssuingCertificate {
        &self.issuing
    }

    /// Returns the certificates in DER, issuing CA first.
    pub fn ders(&self) -> &[Vec<u8>] {
        &self.ders
    }

    /// Returns the certificates in PEM, issuing CA first, each without a newline at its end.
    pub fn pems(&self) -> &[String] {
        &self.pems
    }

    /// Returns the SHA-256 of each certificate, issuing CA first.
    pub fn fingerprints(&self) -> &[[u8; 32]] {
        &self.fingerprints
    }
}

/// Encodes a certificate in PEM, with LF between the lines and none at the end.
pub(crate) fn pem(der: &[u8]) -> String {
    let config = ::pem::EncodeConfig::new().set_line_ending(::pem::LineEnding::LF);
    let mut text = ::pem::encode_config(&::pem::Pem::new(PEM_LABEL, der), config);
    text.truncate(text.trim_end().len());
    text
}

/// What binds one certificate of a chain to its neighbours.
struct Link {
    position: usize,
    subject: Name,
    issuer: Name,
    constraints: Option<BasicConstraints>,
    key_id: Option<Vec<u8>>,
    authority_key_id: Option<Vec<u8>>,
}

impl Link {
    fn parse(position: usize, der: &[u8]) -> Result<Self, ChainError> {
        let malformed = |source| ChainError::Malformed { position, source };
        let certificate = Certificate::from_der(der).map_err(malformed)?;
        let tbs = certificate.tbs_certificate();
        let authority = extension::<AuthorityKeyIdentifier>(&certificate).map_err(malformed)?;
        let subject = extension::<SubjectKeyIdentifier>(&certificate).map_err(malformed)?;
        Ok(Self {
            position,
            subject: tbs.subject().clone(),
            issuer: tbs.issuer().clone(),
            constraints: extension(&certificate).map_err(malformed)?,
            key_id: subject.map(|id| id.0.into_bytes().into_vec()),
            authority_key_id: authority
                .and_then(|id| id.key_identifier)
                .map(|id| id.into_bytes().into_vec()),
        })
    }

    /// Checks that the certificate may have as many CA certificates below it as it has.
    fn check_ca(&self) -> Result<(), ChainError> {
        let below = self.position - 1;
        match &self.constraints {
            Some(constraints)
                if constraints.ca
                    && constraints
                        .path_len_constraint
                        .is_none_or(|most| below <= usize::from(most)) =>
            {
                Ok(())
            }
            _ => Err(ChainError::NotCaAbove {
                position: self.position,
                subject: self.subject.to_string(),
            }),
        }
    }

    fn check_issued_by(&self, upper: &Self) -> Result<(), ChainError> {
        let same_key = match (&self.authority_key_id, &upper.key_id) {
            (Some(named), Some(found)) => named == found,
            _ => true,
        };
        if self.issuer == upper.subject && same_key {
            return Ok(());
        }
        Err(ChainError::Broken {
            position: self.position,
            issuer: self.issuer.to_string(),
            next: upper.subject.to_string(),
        })
    }
}
