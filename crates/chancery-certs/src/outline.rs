//! The outline of anybody's certificate: what a path to a root and a log entry are made of.

use der::Decode;
use spki::AlgorithmIdentifierRef;
use x509_cert::Certificate;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};

use const_oid::ObjectIdentifier;

use crate::oid;
use crate::raw::{RawCertificate, RawTbs};
use crate::tbs::POISON;

/// The extended key usage of certificates that sign precertificates in their issuer's place (RFC
/// 6962, section 3.1).
const PRECERTIFICATE_SIGNING: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.4");

/// Whether a certificate is a precertificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Poison {
    /// It has no poison.
    Absent,
    /// It has the one critical poison with a NULL that RFC 6962, section 3.1, describes.
    Proper,
    /// It has a poison that is not critical, holds something, or is there twice.
    Malformed,
}

/// What a path to a root looks at in a certificate. The bytes stand as they were signed.
#[derive(Clone, Copy, Debug)]
pub struct Outline<'a> {
    /// The DER of the to-be-signed certificate.
    pub signed_part: &'a [u8],
    /// The content of the signature BIT STRING.
    pub signature: &'a [u8],
    /// How it is signed.
    pub signature_algorithm: AlgorithmIdentifierRef<'a>,
    /// The DER of the issuer's name.
    pub issuer: &'a [u8],
    /// The DER of the subject's name.
    pub subject: &'a [u8],
    /// The DER of the certificate's own `SubjectPublicKeyInfo`.
    pub spki_der: &'a [u8],
    /// Whether it is a precertificate.
    pub poison: Poison,
    /// Whether it may sign certificates: basicConstraints says CA:TRUE, and keyUsage, if it is
    /// there, has keyCertSign (RFC 5280, sections 4.2.1.9 and 4.2.1.3).
    pub is_ca: bool,
    /// Whether it signs precertificates in the place of the CA above it.
    pub signs_precertificates: bool,
}

/// Why bytes are not a certificate that anybody could judge.
#[derive(Debug, thiserror::Error)]
#[error("the bytes are not a certificate: {0}")]
pub struct OutlineError(String);

impl<'a> Outline<'a> {
    /// Reads a certificate or precertificate in DER. Nothing is verified.
    ///
    /// # Errors
    ///
    /// Bytes that are not one, or of which a part that counts here does not parse.
    pub fn of(der: &'a [u8]) -> Result<Self, OutlineError> {
        let malformed = |why: &dyn std::fmt::Display| OutlineError(why.to_string());
        // What others can decode is logged, and nothing else.
        Certificate::from_der(der).map_err(|e| malformed(&e))?;
        let raw = RawCertificate::parse(der).map_err(|e| malformed(&e))?;
        if raw.signature_algorithm != raw.tbs.signature {
            return Err(malformed(&"it names two signature algorithms"));
        }
        let algorithm = AlgorithmIdentifierRef::from_der(raw.signature_algorithm);
        Ok(Self {
            signed_part: raw.signed_part,
            signature: raw.signature,
            signature_algorithm: algorithm.map_err(|e| malformed(&e))?,
            issuer: raw.tbs.issuer,
            subject: raw.tbs.subject,
            spki_der: raw.tbs.subject_public_key_info,
            poison: poison(&raw.tbs),
            is_ca: is_ca(&raw.tbs)?,
            signs_precertificates: signs_precertificates(&raw.tbs)?,
        })
    }
}

fn poison(tbs: &RawTbs<'_>) -> Poison {
    let mut poisons = tbs.extensions_with(oid::POISON);
    match (poisons.next(), poisons.next()) {
        (None, _) => Poison::Absent,
        (Some(poison), None) if poison.der == POISON => Poison::Proper,
        _ => Poison::Malformed,
    }
}

fn is_ca(tbs: &RawTbs<'_>) -> Result<bool, OutlineError> {
    let constraints: Option<BasicConstraints> = extension(tbs, oid::BASIC_CONSTRAINTS)?;
    let usage: Option<KeyUsage> = extension(tbs, oid::KEY_USAGE)?;
    Ok(constraints.is_some_and(|constraints| constraints.ca)
        && usage.is_none_or(|usage| usage.key_cert_sign()))
}

fn signs_precertificates(tbs: &RawTbs<'_>) -> Result<bool, OutlineError> {
    let usages: Option<ExtendedKeyUsage> = extension(tbs, oid::EXT_KEY_USAGE)?;
    Ok(usages.is_some_and(|usages| usages.0.contains(&PRECERTIFICATE_SIGNING)))
}

/// Decodes the one extension of a kind. Two of a kind are refused (RFC 5280, section 4.2).
fn extension<'a, T: Decode<'a>>(
    tbs: &RawTbs<'a>,
    id: ObjectIdentifier,
) -> Result<Option<T>, OutlineError> {
    let mut found = tbs.extensions_with(id);
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => match T::from_der(one.value) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(OutlineError(format!("its extension {id} does not parse"))),
        },
        _ => Err(OutlineError(format!("it has extension {id} twice"))),
    }
}

/// Returns the serial number of anybody's certificate, given its to-be-signed part in DER, in
/// lower-case hex: that of a [`SerialNumber`](crate::SerialNumber) as that is displayed, of any
/// other the octets of the INTEGER.
///
/// # Errors
///
/// Bytes that are not the to-be-signed part of a certificate.
pub fn serial_of_tbs(tbs_der: &[u8]) -> Result<String, crate::RawError> {
    let tbs = RawTbs::parse(tbs_der)?;
    if let Some(serial) = crate::SerialNumber::from_integer_der(tbs.serial_number) {
        return Ok(serial.to_string());
    }
    // Tag and length are two octets, of three and more the first says so.
    let octets = tbs.serial_number.get(2..).unwrap_or_default();
    Ok(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}
