//! What a reader learns from a code-signing certificate of Chancery or of any Fulcio.

use std::time::SystemTime;

use der::Decode;
use x509_cert::name::Name;
use x509_cert::time::Validity;

use crate::extensions::{FulcioExtensions, ReadExtensionsError};
use crate::oid;
use crate::raw::{RawCertificate, RawError, RawTbs};
use crate::serial::SerialNumber;
use crate::subject::{ReadSubjectError, SubjectAlternativeName};
use crate::tbs::TbsParts;
use crate::tlv::{OCTET_STRING, Tlv};

/// The contents of somebody's code-signing certificate or precertificate, unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateDetails {
    /// Who the certificate is for.
    pub identity: SubjectAlternativeName,
    /// What the token said.
    pub extensions: FulcioExtensions,
    /// The CA's name as RFC 4514 writes it, such as `CN=…,O=…`.
    pub issuer_name: String,
    /// The serial number.
    pub serial: SerialNumber,
    /// The first second in which the certificate is valid.
    pub not_before: SystemTime,
    /// The last second in which the certificate is valid.
    pub not_after: SystemTime,
    /// The DER of the certified key's `SubjectPublicKeyInfo`.
    pub spki_der: Vec<u8>,
    /// The TLS `SignedCertificateTimestampList`, if one is embedded.
    pub sct_list: Option<Vec<u8>>,
    /// Whether the poison makes it a precertificate.
    pub is_precertificate: bool,
}

/// Why a certificate's contents could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadCertificateError {
    /// The bytes are not a certificate.
    #[error(transparent)]
    Certificate(#[from] RawError),
    /// A field does not parse.
    #[error("the certificate's {0} does not parse")]
    Field(&'static str),
    /// The identity is missing or of no known kind.
    #[error(transparent)]
    Subject(#[from] ReadSubjectError),
    /// Fulcio's extensions are missing or malformed.
    #[error(transparent)]
    Extensions(#[from] ReadExtensionsError),
}

/// Why no precertificate's to-be-signed part could be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The bytes are not a certificate.
    #[error(transparent)]
    Certificate(#[from] RawError),
    /// There is no SCT list and no poison, or more than one of them.
    #[error("the certificate does not have exactly one SCT list or poison extension")]
    NotOne,
}

impl CertificateDetails {
    /// Reads a certificate or precertificate in DER. Nothing is verified.
    ///
    /// # Errors
    /// Bytes that are not a certificate of Fulcio's kind.
    pub fn from_der(der: &[u8]) -> Result<Self, ReadCertificateError> {
        Self::from_tbs(&RawCertificate::parse(der)?.tbs)
    }

    /// Reads a to-be-signed certificate in DER, such as the one that a log hashes. Nothing is
    /// verified.
    ///
    /// # Errors
    /// Bytes that are not the to-be-signed part of a certificate of Fulcio's kind.
    pub fn from_tbs_der(der: &[u8]) -> Result<Self, ReadCertificateError> {
        Self::from_tbs(&RawTbs::parse(der)?)
    }

    fn from_tbs(tbs: &RawTbs<'_>) -> Result<Self, ReadCertificateError> {
        let malformed = |field| move |_: der::Error| ReadCertificateError::Field(field);
        let issuer = Name::from_der(tbs.issuer).map_err(malformed("issuer"))?;
        let validity = Validity::<x509_cert::certificate::Rfc5280>::from_der(tbs.validity)
            .map_err(malformed("validity"))?;
        let mut sct_lists = tbs.extensions_with(oid::SCT_LIST);
        let sct_list = match (sct_lists.next(), sct_lists.next()) {
            (None, _) => None,
            (Some(list), None) => {
                let list = Tlv::only(list.value, OCTET_STRING);
                let list = list.map_err(|_| ReadCertificateError::Field("SCT list"))?;
                Some(list.value.to_vec())
            }
            _ => return Err(ReadCertificateError::Field("SCT list")),
        };
        Ok(Self {
            identity: SubjectAlternativeName::from_tbs(tbs)?,
            extensions: FulcioExtensions::from_extensions(&tbs.extensions)?,
            issuer_name: issuer.to_string(),
            serial: SerialNumber::from_integer_der(tbs.serial_number)
                .ok_or(ReadCertificateError::Field("serial number"))?,
            not_before: validity.not_before.to_system_time(),
            not_after: validity.not_after.to_system_time(),
            spki_der: tbs.subject_public_key_info.to_vec(),
            is_precertificate: tbs.extensions_with(oid::POISON).next().is_some(),
            sct_list,
        })
    }
}

/// What a certificate's signature is over, and the signature itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedParts<'a> {
    /// The DER of the to-be-signed certificate.
    pub signed_part: &'a [u8],
    /// The DER of the certificate's own `SubjectPublicKeyInfo`.
    pub spki_der: &'a [u8],
    /// The content of the signature BIT STRING.
    pub signature: &'a [u8],
}

/// Cuts any certificate in DER into what its issuer signed and the signature. Nothing is verified.
///
/// # Errors
/// Bytes that are not a certificate.
pub fn signed_parts(der: &[u8]) -> Result<SignedParts<'_>, RawError> {
    let certificate = RawCertificate::parse(der)?;
    Ok(SignedParts {
        signed_part: certificate.signed_part,
        spki_der: certificate.tbs.subject_public_key_info,
        signature: certificate.signature,
    })
}

/// Rebuilds the to-be-signed certificate that an SCT covers (RFC 6962, section 3.2): that of a
/// final certificate without its SCT list, or of a precertificate without its poison. All other
/// bytes stay as they are.
///
/// # Errors
/// Bytes that are no certificate, or one that has neither extension, or more than one of them.
pub fn precert_tbs_of_final(der: &[u8]) -> Result<Vec<u8>, RebuildError> {
    let tbs = RawCertificate::parse(der)?.tbs;
    let poisons = tbs.extensions_with(oid::POISON).count();
    let sct_lists = tbs.extensions_with(oid::SCT_LIST).count();
    match (poisons, sct_lists) {
        (1, 0) => Ok(TbsParts::without(&tbs, oid::POISON).for_log()),
        (0, 1) => Ok(TbsParts::without(&tbs, oid::SCT_LIST).for_log()),
        _ => Err(RebuildError::NotOne),
    }
}
