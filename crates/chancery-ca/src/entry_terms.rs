//! What an entry of the issuance log can be found by, from its own bytes.

use chancery_certs::{
    CertificateDetails, ReadCertificateError, RebuildError, SerialNumber, SubjectAlternativeName,
    precert_tbs_of_final,
};
use chancery_log::IndexTerm;
use chancery_tlog::ct::Entry;

/// Why an entry cannot be indexed: it is not one that this authority logged.
#[derive(Debug, thiserror::Error)]
pub enum EntryTermsError {
    /// The precertificate is not the one whose to-be-signed part stands beside it, and is hashed.
    #[error("the precertificate is not the one that the tree covers")]
    OtherPrecertificate,
    /// The precertificate does not parse, or is none.
    #[error("the precertificate does not parse")]
    Precertificate(#[from] RebuildError),
    /// What is hashed is not a code-signing certificate.
    #[error(transparent)]
    Certificate(#[from] ReadCertificateError),
}

/// Returns the index terms of an entry: the same as issuing wrote.
///
/// They come from the bytes that the Merkle tree covers. The precertificate stands in a data tile
/// beside those and is not hashed, so it is held against them.
///
/// # Errors
///
/// Entries that do not hold a code-signing certificate, or whose precertificate is another one's.
pub fn entry_terms(entry: &Entry) -> Result<Vec<IndexTerm>, EntryTermsError> {
    let details = match entry {
        Entry::Precert(entry) => {
            if precert_tbs_of_final(entry.precertificate())? != entry.tbs() {
                return Err(EntryTermsError::OtherPrecertificate);
            }
            CertificateDetails::from_tbs_der(entry.tbs())?
        }
        Entry::X509(entry) => CertificateDetails::from_der(entry.certificate())?,
    };
    let issuer = &details.extensions.issuer;
    Ok(index_terms(details.serial, &details.identity, issuer))
}

/// Returns what auditors can find a certificate's entry by.
pub(crate) fn index_terms(
    serial: SerialNumber,
    san: &SubjectAlternativeName,
    issuer: &str,
) -> Vec<IndexTerm> {
    vec![
        IndexTerm {
            name: "serial",
            value: serial.to_string(),
        },
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

#[cfg(test)]
mod tests;
