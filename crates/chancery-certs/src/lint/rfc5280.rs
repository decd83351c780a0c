//! What RFC 5280 demands of an end-entity certificate.

use const_oid::AssociatedOid;
use der::{Decode, Encode};
use sha1::{Digest, Sha1};
use spki::SubjectPublicKeyInfoRef;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, SubjectKeyIdentifier};
use x509_cert::name::Name;
use x509_cert::time::Time;

use super::{Inspected, Lint, ensure, lints};
use crate::oid;
use crate::serial::SerialNumber;

pub(super) const LINTS: &[Lint] = lints![
    the_der_is_canonical: "RFC 5280, 4.1",
    the_version_is_3: "RFC 5280, 4.1.2.1",
    the_serial_number_is_positive_and_at_most_20_octets: "RFC 5280, 4.1.2.2",
    the_signature_algorithm_is_the_cas: "RFC 5280, 4.1.2.3",
    the_issuer_is_the_cas_subject: "RFC 5280, 4.1.2.4",
    the_validity_is_in_order: "RFC 5280, 4.1.2.5",
    times_until_2049_are_utc_times: "RFC 5280, 4.1.2.5",
    the_public_key_is_the_subjects: "RFC 5280, 4.1.2.7",
    there_are_no_unique_identifiers: "RFC 5280, 4.1.2.8",
    no_extension_is_there_twice: "RFC 5280, 4.2",
    the_authority_key_identifier_is_the_cas: "RFC 5280, 4.2.1.1",
    the_subject_key_identifier_is_the_keys: "RFC 5280, 4.2.1.2",
    an_empty_subject_has_a_critical_name: "RFC 5280, 4.1.2.6 and 4.2.1.6",
    there_are_no_basic_constraints: "RFC 5280, 4.2.1.9",
];

/// Some verifiers decode and encode again to check an SCT; they must arrive at the same bytes. The
/// reader has refused every length that is not the shortest.
fn the_der_is_canonical(inspected: &Inspected<'_>) -> Result<(), String> {
    let validity = inspected.validity.to_der();
    let validity = validity.map_err(|error| error.to_string())?;
    let mut extensions = inspected.raw.extensions.iter();
    ensure(
        validity == inspected.raw.validity && extensions.all(|each| each.encode() == each.der),
        || "decoding and encoding again gives other bytes".to_owned(),
    )
}

fn the_version_is_3(inspected: &Inspected<'_>) -> Result<(), String> {
    ensure(inspected.raw.version == [0xa0, 3, 2, 1, 2], || {
        format!("the version is {:02x?}", inspected.raw.version)
    })
}

fn the_serial_number_is_positive_and_at_most_20_octets(
    inspected: &Inspected<'_>,
) -> Result<(), String> {
    let serial = SerialNumber::from_integer_der(inspected.raw.serial_number);
    ensure(serial.is_some(), || {
        format!("the serial number is {:02x?}", inspected.raw.serial_number)
    })
}

fn the_signature_algorithm_is_the_cas(inspected: &Inspected<'_>) -> Result<(), String> {
    let issuer = inspected.request.issuer;
    let expected = issuer.algorithm().identifier().to_der();
    ensure(
        expected.is_ok_and(|expected| inspected.raw.signature == expected),
        || format!("the algorithm is not {:?}", issuer.algorithm()),
    )
}

/// Byte for byte, because not every verifier compares names as RFC 5280, section 7.1, does.
fn the_issuer_is_the_cas_subject(inspected: &Inspected<'_>) -> Result<(), String> {
    let expected = inspected.request.issuer.subject_der();
    ensure(inspected.raw.issuer == expected, || {
        format!("the issuer is {}", name(inspected.raw.issuer))
    })
}

fn the_validity_is_in_order(inspected: &Inspected<'_>) -> Result<(), String> {
    let validity = &inspected.validity;
    let (from, until) = (validity.not_before, validity.not_after);
    ensure(from.to_unix_duration() < until.to_unix_duration(), || {
        format!("it is valid from {from} until {until}")
    })
}

fn times_until_2049_are_utc_times(inspected: &Inspected<'_>) -> Result<(), String> {
    let validity = &inspected.validity;
    let wrong = [validity.not_before, validity.not_after]
        .into_iter()
        .find(|time| matches!(time, Time::GeneralTime(_)) && time.to_date_time().year() <= 2049);
    ensure(wrong.is_none(), || {
        "a time before 2050 is a GeneralizedTime".to_owned()
    })
}

fn the_public_key_is_the_subjects(inspected: &Inspected<'_>) -> Result<(), String> {
    let expected = inspected.request.subject_spki_der;
    ensure(inspected.raw.subject_public_key_info == expected, || {
        "the certified key is not the one that was proven".to_owned()
    })
}

fn there_are_no_unique_identifiers(inspected: &Inspected<'_>) -> Result<(), String> {
    ensure(!inspected.raw.has_unique_identifier, || {
        "there is a unique identifier".to_owned()
    })
}

fn no_extension_is_there_twice(inspected: &Inspected<'_>) -> Result<(), String> {
    let mut rest = inspected.raw.extensions.as_slice();
    while let Some((first, others)) = rest.split_first() {
        ensure(others.iter().all(|other| !other.has_id_of(first)), || {
            format!("the extension {} is there twice", first.name())
        })?;
        rest = others;
    }
    Ok(())
}

fn the_authority_key_identifier_is_the_cas(inspected: &Inspected<'_>) -> Result<(), String> {
    let identifier = not_critical::<AuthorityKeyIdentifier>(inspected)?;
    let names_key_alone = identifier.authority_cert_issuer.is_none()
        && identifier.authority_cert_serial_number.is_none();
    let found = identifier.key_identifier;
    let expected = inspected.request.issuer.key_id();
    ensure(
        names_key_alone && found.is_some_and(|found| found.as_bytes() == expected),
        || "it does not name the CA's key, or names more than that".to_owned(),
    )
}

/// Method 1: the SHA-1 of the BIT STRING's bytes, without tag, length and unused bits.
fn the_subject_key_identifier_is_the_keys(inspected: &Inspected<'_>) -> Result<(), String> {
    let found = not_critical::<SubjectKeyIdentifier>(inspected)?;
    let key = SubjectPublicKeyInfoRef::from_der(inspected.raw.subject_public_key_info);
    let key = key.map_err(|error| error.to_string())?;
    let expected = Sha1::digest(key.subject_public_key.raw_bytes());
    ensure(found.0.as_bytes() == expected.as_slice(), || {
        "it is not the SHA-1 of the certified key".to_owned()
    })
}

fn an_empty_subject_has_a_critical_name(inspected: &Inspected<'_>) -> Result<(), String> {
    let subject = inspected.raw.subject;
    ensure(subject == [0x30, 0], || {
        format!("the subject is {}", name(subject))
    })?;
    let mut names = inspected.raw.extensions_with(oid::SUBJECT_ALT_NAME);
    ensure(names.next().is_some_and(|names| names.critical), || {
        "the subject is empty, but there is no critical subject alternative name".to_owned()
    })
}

/// An end entity's certificate leaves them out, as Fulcio's does.
fn there_are_no_basic_constraints(inspected: &Inspected<'_>) -> Result<(), String> {
    let mut constraints = inspected.raw.extensions_with(oid::BASIC_CONSTRAINTS);
    ensure(constraints.next().is_none(), || {
        "there are basicConstraints".to_owned()
    })
}

/// Reads an extension that must be there and must not be critical.
fn not_critical<T>(inspected: &Inspected<'_>) -> Result<T, String>
where
    T: for<'a> Decode<'a, Error = der::Error> + AssociatedOid,
{
    let extension = inspected.raw.extensions_with(T::OID).next();
    let extension = extension.ok_or("the extension is missing")?;
    ensure(!extension.critical, || {
        "the extension is critical".to_owned()
    })?;
    T::from_der(extension.value).map_err(|error| error.to_string())
}

/// Writes a name as RFC 4514 does.
fn name(der: &[u8]) -> String {
    Name::from_der(der).map_or_else(|error| error.to_string(), |name| name.to_string())
}
