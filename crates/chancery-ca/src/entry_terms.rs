//! What an entry of the log can be found by, from its own bytes.

use chancery_certs::{
    CertificateDetails, RawError, ReadCertificateError, RebuildError, SerialNumber,
    SubjectAlternativeName, precert_tbs_of_final, serial_of_tbs, signed_parts,
};
use chancery_log::IndexTerm;
use chancery_tlog::ct::Entry;
use sha2::{Digest, Sha256};

/// The index of a log: by which terms each entry is found.
///
/// Entries of the authority's own have a serial number, a name and an issuer. Those that were
/// submitted from outside have the same as far as their certificate says it, and besides the
/// digest of what was submitted, so that it is not logged twice.
#[derive(Clone, Debug, Default)]
pub struct EntryIndex {
    own_keys: Vec<[u8; 32]>,
}

/// Why an entry cannot be indexed: it is not one that this log takes.
#[derive(Debug, thiserror::Error)]
pub enum EntryTermsError {
    /// The precertificate is not the one whose to-be-signed part stands beside it, and is hashed.
    #[error("the precertificate is not the one that the tree covers")]
    OtherPrecertificate,
    /// The precertificate does not parse, or is none.
    #[error("the precertificate does not parse")]
    Precertificate(#[from] RebuildError),
    /// What is hashed is not a code-signing certificate, and the authority's own are.
    #[error(transparent)]
    Certificate(#[from] ReadCertificateError),
    /// What is hashed is not a certificate.
    #[error(transparent)]
    Raw(#[from] RawError),
}

impl EntryIndex {
    /// Takes the authority's own chain in DER: what its keys issued are its own entries.
    ///
    /// # Errors
    ///
    /// Bytes that are not a certificate.
    pub fn of_chain(ders: &[Vec<u8>]) -> Result<Self, RawError> {
        let key = |der: &Vec<u8>| Ok(Sha256::digest(signed_parts(der)?.spki_der).into());
        Ok(Self {
            own_keys: ders.iter().map(key).collect::<Result<_, RawError>>()?,
        })
    }

    /// Tells whether an entry is one that the authority made when it issued.
    pub fn is_own(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Precert(entry) => self.own_keys.contains(entry.issuer_key_hash()),
            Entry::X509(_) => false,
        }
    }

    /// Returns the index terms of an entry: the same as were written with it.
    ///
    /// They come from the bytes that the Merkle tree covers. The precertificate stands in a data
    /// tile beside those and is not hashed, so it is held against them.
    ///
    /// # Errors
    ///
    /// Entries of the authority's own that do not hold a code-signing certificate, entries that do
    /// not hold one at all, and precertificates that are another entry's.
    pub fn terms(&self, entry: &Entry) -> Result<Vec<IndexTerm>, EntryTermsError> {
        let (tbs, submitted) = match entry {
            Entry::Precert(entry) => {
                if precert_tbs_of_final(entry.precertificate())? != entry.tbs() {
                    return Err(EntryTermsError::OtherPrecertificate);
                }
                (entry.tbs(), entry.precertificate())
            }
            Entry::X509(entry) => {
                let certificate = entry.certificate();
                (signed_parts(certificate)?.signed_part, certificate)
            }
        };
        let details = CertificateDetails::from_tbs_der(tbs);
        if self.is_own(entry) {
            return Ok(terms_of(&details?));
        }
        let mut terms = match details {
            Ok(details) => terms_of(&details),
            Err(_) => vec![serial_term(serial_of_tbs(tbs)?)],
        };
        terms.push(submission_term(submitted));
        Ok(terms)
    }
}

/// Returns the term that finds what was submitted from outside, given the certificate or
/// precertificate in DER.
pub fn submission_term(submitted_der: &[u8]) -> IndexTerm {
    IndexTerm {
        name: "submission",
        value: hex::encode(Sha256::digest(submitted_der)),
    }
}

fn terms_of(details: &CertificateDetails) -> Vec<IndexTerm> {
    let issuer = &details.extensions.issuer;
    index_terms(details.serial, &details.identity, issuer)
}

/// Returns what auditors can find a certificate's entry by.
pub(crate) fn index_terms(
    serial: SerialNumber,
    san: &SubjectAlternativeName,
    issuer: &str,
) -> Vec<IndexTerm> {
    vec![
        serial_term(serial.to_string()),
        IndexTerm {
            name: "san",
            value: san.to_string(),
        },
        IndexTerm {
            name: "issuer",
            value: issuer.to_owned(),
        },
    ]
}

fn serial_term(value: String) -> IndexTerm {
    IndexTerm {
        name: "serial",
        value,
    }
}

#[cfg(test)]
mod tests;
