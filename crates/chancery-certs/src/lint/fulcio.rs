//! What Fulcio's certificate specification demands, and what Chancery's profile adds to it.

use const_oid::ObjectIdentifier;
use der::Decode;
use der::flagset::FlagSet;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages};

use super::{Inspected, Lint, ensure, lints};
use crate::extensions::{ISSUER, ISSUER_V2, utf8_string};
use crate::oid;
use crate::raw::RawExtension;
use crate::subject::SubjectAlternativeName;

pub(super) const LINTS: &[Lint] = lints![
    the_key_signs_and_nothing_else: "Fulcio, certificate-specification.md",
    the_key_signs_code_and_nothing_else: "Fulcio, certificate-specification.md",
    there_is_one_name_and_it_is_the_identity: "Fulcio, certificate-specification.md",
    both_issuer_extensions_are_there_and_agree: "Fulcio, oid-info.md: .1 and .8",
    only_the_name_and_the_usage_are_critical: "Fulcio, certificate-specification.md",
    the_extensions_are_in_order: "Fulcio, pkg/certificate/extensions.go",
    the_lifetime_is_at_most_the_profiles: "Chancery's profile",
    the_validity_lies_within_the_cas: "Chancery's profile: no certificate outlives its CA",
];

fn the_key_signs_and_nothing_else(inspected: &Inspected<'_>) -> Result<(), String> {
    let usage = KeyUsage::from_der(value(inspected, oid::KEY_USAGE)?);
    let expected = KeyUsage(FlagSet::from(KeyUsages::DigitalSignature));
    ensure(usage.is_ok_and(|usage| usage == expected), || {
        "keyUsage is not digitalSignature alone".to_owned()
    })
}

fn the_key_signs_code_and_nothing_else(inspected: &Inspected<'_>) -> Result<(), String> {
    let usages = ExtendedKeyUsage::from_der(value(inspected, oid::EXT_KEY_USAGE)?);
    ensure(
        usages.is_ok_and(|usages| usages.0 == [oid::CODE_SIGNING]),
        || "extKeyUsage is not codeSigning alone".to_owned(),
    )
}

fn there_is_one_name_and_it_is_the_identity(inspected: &Inspected<'_>) -> Result<(), String> {
    let name = SubjectAlternativeName::from_tbs(&inspected.raw);
    let name = name.map_err(|error| error.to_string())?;
    ensure(&name == inspected.request.san, || {
        format!("the certificate names {name}, not the identity it is for")
    })
}

fn both_issuer_extensions_are_there_and_agree(inspected: &Inspected<'_>) -> Result<(), String> {
    let deprecated = value(inspected, ISSUER)?;
    let current = utf8_string(value(inspected, ISSUER_V2)?);
    ensure(
        !deprecated.is_empty() && current == Some(deprecated),
        || "the issuer is empty, or .1 and .8 differ".to_owned(),
    )
}

/// A verifier must refuse critical extensions that it does not know (RFC 5280, section 4.2).
fn only_the_name_and_the_usage_are_critical(inspected: &Inspected<'_>) -> Result<(), String> {
    let expected = [oid::KEY_USAGE, oid::SUBJECT_ALT_NAME, oid::POISON];
    let mut extensions = inspected.raw.extensions.iter();
    let wrong = extensions.find(|each| each.critical != expected.iter().any(|&id| each.is(id)));
    wrong.map_or(Ok(()), |wrong| {
        Err(format!(
            "critical is {} in {}",
            wrong.critical,
            wrong.name()
        ))
    })
}

fn the_extensions_are_in_order(inspected: &Inspected<'_>) -> Result<(), String> {
    let mut previous = None;
    for extension in &inspected.raw.extensions {
        let place = place(extension);
        ensure(place.is_some(), || {
            format!("{} is not in the profile", extension.name())
        })?;
        ensure(place > previous, || {
            format!("{} stands too late", extension.name())
        })?;
        previous = place;
    }
    Ok(())
}

fn the_lifetime_is_at_most_the_profiles(inspected: &Inspected<'_>) -> Result<(), String> {
    let validity = &inspected.validity;
    let from = validity.not_before.to_unix_duration();
    let lifetime = validity.not_after.to_unix_duration().checked_sub(from);
    let most = inspected.request.max_lifetime;
    ensure(lifetime.is_some_and(|lifetime| lifetime <= most), || {
        format!("it is valid for {lifetime:?}, the profile allows {most:?}")
    })
}

fn the_validity_lies_within_the_cas(inspected: &Inspected<'_>) -> Result<(), String> {
    let validity = &inspected.validity;
    let issuer = inspected.request.issuer;
    ensure(
        validity.not_before.to_system_time() >= issuer.not_before()
            && validity.not_after.to_system_time() <= issuer.not_after(),
        || {
            let (from, until) = (validity.not_before, validity.not_after);
            format!("it is valid from {from} until {until}, which the CA is not")
        },
    )
}

/// Returns the value of an extension that must be there.
fn value<'a>(inspected: &'a Inspected<'_>, id: ObjectIdentifier) -> Result<&'a [u8], String> {
    let extension = inspected.raw.extensions_with(id).next();
    extension
        .map(|extension| extension.value)
        .ok_or_else(|| format!("the extension {id} is missing"))
}

/// Returns an extension's place in the profile: KU, EKU, SKI, AKI, SAN, .1 to .24, poison.
fn place(extension: &RawExtension<'_>) -> Option<usize> {
    const FIRST: [ObjectIdentifier; 5] = [
        oid::KEY_USAGE,
        oid::EXT_KEY_USAGE,
        oid::SUBJECT_KEY_IDENTIFIER,
        oid::AUTHORITY_KEY_IDENTIFIER,
        oid::SUBJECT_ALT_NAME,
    ];
    if extension.is(oid::POISON) {
        return Some(usize::MAX);
    }
    match extension.number_below(oid::FULCIO) {
        // .7 is a type of name, not an extension.
        Some(number @ (1..=6 | 8..=24)) => Some(FIRST.len() + usize::from(number)),
        Some(_) => None,
        None => FIRST.iter().position(|&id| extension.is(id)),
    }
}
