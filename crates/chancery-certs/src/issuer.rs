//! The certificate of the CA that issues: all that a signing certificate takes from it.

use std::time::SystemTime;

use const_oid::AssociatedOid;
use der::asn1::OctetString;
use der::{Decode, Encode};
use sha2::{Digest, Sha256};
use spki::SubjectPublicKeyInfoRef;
use x509_cert::Certificate;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier,
};

use crate::algorithm::{SignatureAlgorithm, UnsupportedCaKey};
use crate::oid;
use crate::raw::{RawCertificate, RawError};
use crate::tbs::push_extension;

/// The certificate of an issuing CA, fit to issue code-signing certificates.
#[derive(Debug, Clone)]
pub struct IssuingCertificate {
    der: Vec<u8>,
    subject: Vec<u8>,
    spki: Vec<u8>,
    key_id: Vec<u8>,
    authority_key_identifier: Vec<u8>,
    not_before: SystemTime,
    not_after: SystemTime,
    algorithm: SignatureAlgorithm,
    algorithm_identifier: Vec<u8>,
    issuer_key_hash: [u8; 32],
    fingerprint: [u8; 32],
}

/// Why a certificate cannot issue code-signing certificates.
#[derive(Debug, thiserror::Error)]
pub enum IssuingCertificateError {
    /// The bytes are not a certificate.
    #[error(transparent)]
    Raw(#[from] RawError),
    /// A part of the certificate does not parse.
    #[error("the CA certificate does not parse")]
    Malformed(#[from] der::Error),
    /// The key is of a kind that Chancery does not sign certificates with.
    #[error(transparent)]
    Key(#[from] UnsupportedCaKey),
    /// The subject is empty, so there would be no issuer (RFC 5280, section 4.1.2.4).
    #[error("the CA certificate has an empty subject; make one that names the CA")]
    NoSubject,
    /// basicConstraints does not say CA (RFC 5280, section 4.2.1.9).
    #[error("the certificate is not a CA's: basicConstraints does not say CA:TRUE")]
    NotCa,
    /// keyUsage is missing or has no keyCertSign (RFC 5280, section 4.2.1.3).
    #[error("the CA certificate's keyUsage does not include keyCertSign")]
    NoCertSign,
    /// extKeyUsage is there and shuts code signing out; clients demand it of every CA that has one.
    #[error("the CA certificate's extKeyUsage does not include codeSigning")]
    NoCodeSigning,
    /// Without the identifier of the CA's key, certificates could not name the key that signed them
    /// (RFC 5280, section 4.2.1.1).
    #[error("the CA certificate has no subject key identifier; make one that has")]
    NoKeyIdentifier,
}

impl IssuingCertificate {
    /// Parses a CA certificate in DER.
    ///
    /// # Errors
    /// Anything that is not a CA certificate fit for code signing, in the words of what to change.
    pub fn from_der(der: &[u8]) -> Result<Self, IssuingCertificateError> {
        let raw = RawCertificate::parse(der)?.tbs;
        let certificate = Certificate::from_der(der)?;
        let tbs = certificate.tbs_certificate();
        if tbs.subject().is_empty() {
            return Err(IssuingCertificateError::NoSubject);
        }
        check_usages(&certificate)?;
        let key_id = key_identifier(&certificate)?;
        let key = SubjectPublicKeyInfoRef::from_der(raw.subject_public_key_info)?;
        let algorithm = SignatureAlgorithm::of_key(&key)?;
        Ok(Self {
            authority_key_identifier: authority_key_identifier(&key_id)?,
            key_id,
            not_before: tbs.validity().not_before.to_system_time(),
            not_after: tbs.validity().not_after.to_system_time(),
            algorithm,
            algorithm_identifier: algorithm.identifier().to_der()?,
            issuer_key_hash: Sha256::digest(raw.subject_public_key_info).into(),
            fingerprint: Sha256::digest(der).into(),
            subject: raw.subject.to_vec(),
            spki: raw.subject_public_key_info.to_vec(),
            der: der.to_vec(),
        })
    }

    /// Returns the certificate itself.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Returns the subject's DER, byte for byte as it stands: the issuer of what this CA signs.
    pub fn subject_der(&self) -> &[u8] {
        &self.subject
    }

    /// Returns the DER of the CA's `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// Returns the subject key identifier.
    pub fn key_id(&self) -> &[u8] {
        &self.key_id
    }

    /// Returns the first moment at which the CA certificate is valid.
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Returns the last second in which the CA certificate is valid.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Returns how this CA signs.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Returns the SHA-256 of the CA's `SubjectPublicKeyInfo`, which a log puts beside what this CA
    /// signs (RFC 6962, section 3.2).
    pub fn issuer_key_hash(&self) -> [u8; 32] {
        self.issuer_key_hash
    }

    /// Returns the SHA-256 of the certificate.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// Returns the DER of the identifier of [`Self::algorithm`].
    pub(crate) fn algorithm_identifier(&self) -> &[u8] {
        &self.algorithm_identifier
    }

    /// Returns the authorityKeyIdentifier extension of what this CA signs, whole.
    pub(crate) fn authority_key_identifier(&self) -> &[u8] {
        &self.authority_key_identifier
    }
}

fn check_usages(certificate: &Certificate) -> Result<(), IssuingCertificateError> {
    let constraints = extension::<BasicConstraints>(certificate)?;
    if !constraints.is_some_and(|constraints| constraints.ca) {
        return Err(IssuingCertificateError::NotCa);
    }
    let usage = extension::<KeyUsage>(certificate)?;
    if !usage.is_some_and(|usage| usage.key_cert_sign()) {
        return Err(IssuingCertificateError::NoCertSign);
    }
    match extension::<ExtendedKeyUsage>(certificate)? {
        Some(usages) if !usages.0.contains(&oid::CODE_SIGNING) => {
            Err(IssuingCertificateError::NoCodeSigning)
        }
        _ => Ok(()),
    }
}

fn key_identifier(certificate: &Certificate) -> Result<Vec<u8>, IssuingCertificateError> {
    let identifier = extension::<SubjectKeyIdentifier>(certificate)?;
    identifier
        .map(|identifier| identifier.0.as_bytes().to_vec())
        .filter(|identifier| !identifier.is_empty())
        .ok_or(IssuingCertificateError::NoKeyIdentifier)
}

fn authority_key_identifier(key_id: &[u8]) -> Result<Vec<u8>, der::Error> {
    let identifier = AuthorityKeyIdentifier {
        key_identifier: Some(OctetString::new(key_id)?),
        ..Default::default()
    };
    let mut extension = Vec::new();
    let value = identifier.to_der()?;
    push_extension(&mut extension, oid::AUTHORITY_KEY_IDENTIFIER, false, &value);
    Ok(extension)
}

/// Reads the one extension of a kind, if it is there.
pub(crate) fn extension<T>(certificate: &Certificate) -> Result<Option<T>, der::Error>
where
    T: for<'a> Decode<'a, Error = der::Error> + AssociatedOid,
{
    let extension = certificate.tbs_certificate().get_extension::<T>()?;
    Ok(extension.map(|(_, value)| value))
}

#[cfg(test)]
mod tests {
    use const_oid::ObjectIdentifier;

    use super::*;
    use crate::tbs::{TbsParts, certificate};

    const INTERMEDIATE: &[u8] = include_bytes!("../tests/vectors/intermediate.der");

    /// Parses the vectors' CA certificate with one extension taken out.
    fn without(id: ObjectIdentifier) -> Result<IssuingCertificate, IssuingCertificateError> {
        let raw = RawCertificate::parse(INTERMEDIATE).unwrap();
        let tbs = TbsParts::without(&raw.tbs, id).for_log();
        IssuingCertificate::from_der(&certificate(&tbs, raw.signature_algorithm, &[0]))
    }

    #[test]
    fn a_ca_without_a_subject_key_identifier_is_refused() {
        let error = without(oid::SUBJECT_KEY_IDENTIFIER).unwrap_err();
        assert!(matches!(error, IssuingCertificateError::NoKeyIdentifier));
    }

    #[test]
    fn a_ca_that_does_not_say_that_it_is_one_is_refused() {
        let error = without(oid::BASIC_CONSTRAINTS).unwrap_err();
        assert!(matches!(error, IssuingCertificateError::NotCa));
        let error = without(oid::KEY_USAGE).unwrap_err();
        assert!(matches!(error, IssuingCertificateError::NoCertSign));
    }

    #[test]
    fn a_ca_without_extended_key_usage_may_sign_code() {
        assert!(without(oid::EXT_KEY_USAGE).is_ok());
    }
}
