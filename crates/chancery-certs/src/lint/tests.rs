//! Each lint is made to fire by a certificate that is right but for one thing.

use std::time::Duration;

use const_oid::ObjectIdentifier;
use der::asn1::{GeneralizedTime, Ia5String, UtcTime};
use der::{DateTime, Encode};
use x509_cert::ext::pkix::name::GeneralName;

use super::{Inspected, Request, all, check};
use crate::issuer::IssuingCertificate;
use crate::oid;
use crate::raw::RawCertificate;
use crate::subject::SubjectAlternativeName;
use crate::tbs::{TbsParts, push_extension};
use crate::tlv::{OCTET_STRING, SEQUENCE, tlv};

const ISSUER: &[u8] = include_bytes!("../../tests/vectors/intermediate.der");
const PRECERTIFICATE: &[u8] = include_bytes!("../../tests/vectors/precert.der");
const LIFETIME: Duration = Duration::from_mins(10);

/// A to-be-signed certificate in pieces, each of which a test may break.
struct Broken {
    version: Vec<u8>,
    serial: Vec<u8>,
    signature: Vec<u8>,
    issuer: Vec<u8>,
    validity: Vec<u8>,
    subject: Vec<u8>,
    spki: Vec<u8>,
    unique_id: Vec<u8>,
    extensions: Vec<Vec<u8>>,
}

impl Broken {
    /// Takes apart a certificate that passes.
    fn nowhere() -> Self {
        let tbs = RawCertificate::parse(PRECERTIFICATE).unwrap().tbs;
        Self {
            version: vec![0xa0, 3, 2, 1, 2],
            serial: tbs.serial_number.to_vec(),
            signature: tbs.signature.to_vec(),
            issuer: tbs.issuer.to_vec(),
            validity: tbs.validity.to_vec(),
            subject: tbs.subject.to_vec(),
            spki: tbs.subject_public_key_info.to_vec(),
            unique_id: Vec::new(),
            extensions: tbs
                .extensions
                .iter()
                .map(|each| each.der.to_vec())
                .collect(),
        }
    }

    fn der(&self) -> Vec<u8> {
        let head = [
            &self.version,
            &self.serial,
            &self.signature,
            &self.issuer,
            &self.validity,
            &self.subject,
            &self.spki,
            &self.unique_id,
        ];
        let parts = TbsParts {
            head: head.into_iter().flatten().copied().collect(),
            extensions: self.extensions.concat(),
        };
        parts.for_log()
    }

    /// Replaces the extension at a place: 0 KU, 1 EKU, 2 SKI, 3 AKI, 4 SAN, 5 .1, 6 .8, 7 poison.
    fn set(&mut self, place: usize, id: ObjectIdentifier, critical: bool, value: &[u8]) {
        self.extensions[place] = extension(id, critical, value);
    }

    /// Returns the names of all lints that fire.
    fn findings(&self) -> Vec<&'static str> {
        let der = self.der();
        with_request(&der, |request| match Inspected::read(request) {
            Ok(inspected) => all()
                .filter_map(|lint| lint.run(&inspected).err())
                .map(|failure| failure.lint)
                .collect(),
            Err(failure) => vec![failure.lint],
        })
    }
}

fn with_request<T>(der: &[u8], run: impl FnOnce(&Request<'_>) -> T) -> T {
    let spki = RawCertificate::parse(PRECERTIFICATE).unwrap().tbs;
    run(&Request {
        der,
        issuer: &IssuingCertificate::from_der(ISSUER).unwrap(),
        san: &SubjectAlternativeName::email("alice@chancery.test").unwrap(),
        subject_spki_der: spki.subject_public_key_info,
        max_lifetime: LIFETIME,
    })
}

fn extension(id: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push_extension(&mut out, id, critical, value);
    out
}

/// Breaks a certificate and expects a lint to fire, and those that cannot but fire with it.
#[track_caller]
fn fires(lint: &str, also: &[&str], breakage: impl FnOnce(&mut Broken)) {
    let mut broken = Broken::nowhere();
    breakage(&mut broken);
    let mut findings = broken.findings();
    assert!(findings.contains(&lint), "{lint} is silent: {findings:?}");
    findings.retain(|finding| *finding != lint && !also.contains(finding));
    assert!(findings.is_empty(), "unexpected: {findings:?}");
}

fn utc(year: u16, month: u8, day: u8, minute: u8) -> Vec<u8> {
    let time = DateTime::new(year, month, day, 12, minute, 0).unwrap();
    UtcTime::from_date_time(time).unwrap().to_der().unwrap()
}

fn validity(from: &[u8], until: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[from, until])
}

#[test]
fn a_certificate_that_is_right_passes() {
    assert!(Broken::nowhere().findings().is_empty());
    let der = Broken::nowhere().der();
    assert_eq!(with_request(&der, check), Ok(()));
}

#[test]
fn every_lint_has_a_name_of_its_own() {
    let mut names: Vec<_> = all().map(|lint| lint.name).collect();
    assert_eq!(names.len(), 25);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 25);
}

#[test]
fn a_failure_says_the_rule_its_source_and_what_was_found() {
    let mut broken = Broken::nowhere();
    broken.subject = RawCertificate::parse(ISSUER).unwrap().tbs.subject.to_vec();
    let der = broken.der();
    let failure = with_request(&der, check).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "lint an_empty_subject_has_a_critical_name (RFC 5280, 4.1.2.6 and 4.2.1.6): \
         the subject is CN=chancery-intermediate,O=chancery.test"
    );
}

#[test]
fn bytes_that_do_not_parse_fire() {
    fires("the_certificate_parses", &[], |broken| broken.spki.clear());
}

#[test]
fn an_explicit_default_fires() {
    fires("the_der_is_canonical", &[], |broken| {
        let id = oid::EXT_KEY_USAGE.to_der().unwrap();
        let value = tlv(
            OCTET_STRING,
            &[&[0x30, 0x0a, 6, 8, 43, 6, 1, 5, 5, 7, 3, 3]],
        );
        broken.extensions[1] = tlv(SEQUENCE, &[&id, &[1, 1, 0], &value]);
    });
}

#[test]
fn another_version_fires() {
    fires("the_version_is_3", &[], |broken| broken.version[4] = 1);
    fires("the_version_is_3", &[], |broken| broken.version.clear());
}

#[test]
fn a_serial_that_is_negative_zero_or_long_fires() {
    let lint = "the_serial_number_is_positive_and_at_most_20_octets";
    fires(lint, &[], |broken| broken.serial = vec![2, 1, 0x80]);
    fires(lint, &[], |broken| broken.serial = vec![2, 1, 0]);
    fires(lint, &[], |broken| {
        broken.serial = [&[2, 21, 0][..], &[0xff; 20]].concat();
    });
}

#[test]
fn a_signature_algorithm_that_is_not_the_cas_fires() {
    fires("the_signature_algorithm_is_the_cas", &[], |broken| {
        *broken.signature.last_mut().unwrap() = 3;
    });
}

#[test]
fn another_issuer_fires() {
    fires("the_issuer_is_the_cas_subject", &[], |broken| {
        *broken.issuer.last_mut().unwrap() ^= 1;
    });
}

#[test]
fn a_validity_that_is_empty_or_backwards_fires() {
    let lint = "the_validity_is_in_order";
    fires(lint, &[], |broken| {
        broken.validity = validity(&utc(2026, 11, 1, 0), &utc(2026, 11, 1, 0));
    });
    fires(lint, &["the_lifetime_is_at_most_the_profiles"], |broken| {
        broken.validity = validity(&utc(2026, 11, 1, 10), &utc(2026, 11, 1, 0));
    });
}

#[test]
fn a_generalized_time_before_2050_fires() {
    let lint = "times_until_2049_are_utc_times";
    fires(lint, &["the_der_is_canonical"], |broken| {
        let time = DateTime::new(2026, 11, 1, 12, 10, 0).unwrap();
        let time = GeneralizedTime::from_date_time(time).to_der().unwrap();
        broken.validity = validity(&utc(2026, 11, 1, 0), &time);
    });
}

#[test]
fn a_key_that_was_not_proven_fires() {
    let lint = "the_public_key_is_the_subjects";
    fires(
        lint,
        &["the_subject_key_identifier_is_the_keys"],
        |broken| {
            *broken.spki.last_mut().unwrap() ^= 1;
        },
    );
}

#[test]
fn a_unique_identifier_fires() {
    fires("there_are_no_unique_identifiers", &[], |broken| {
        broken.unique_id = vec![0x81, 2, 0, 0xaa];
    });
}

#[test]
fn an_extension_that_is_there_twice_fires() {
    fires(
        "no_extension_is_there_twice",
        &["the_extensions_are_in_order"],
        |broken| {
            let usage = broken.extensions[1].clone();
            broken.extensions.insert(1, usage);
        },
    );
}

#[test]
fn a_wrong_or_missing_authority_key_identifier_fires() {
    let lint = "the_authority_key_identifier_is_the_cas";
    fires(lint, &[], |broken| {
        *broken.extensions[3].last_mut().unwrap() ^= 1;
    });
    fires(lint, &[], |broken| drop(broken.extensions.remove(3)));
}

#[test]
fn a_wrong_or_missing_subject_key_identifier_fires() {
    let lint = "the_subject_key_identifier_is_the_keys";
    fires(lint, &[], |broken| {
        *broken.extensions[2].last_mut().unwrap() ^= 1;
    });
    fires(lint, &[], |broken| drop(broken.extensions.remove(2)));
}

#[test]
fn a_subject_or_a_name_that_is_not_critical_fires() {
    let lint = "an_empty_subject_has_a_critical_name";
    fires(lint, &[], |broken| {
        broken.subject = broken.issuer.clone();
    });
    fires(
        lint,
        &["only_the_name_and_the_usage_are_critical"],
        |broken| {
            let san = SubjectAlternativeName::email("alice@chancery.test").unwrap();
            let value = san.to_extension_value().unwrap();
            broken.set(4, oid::SUBJECT_ALT_NAME, false, &value);
        },
    );
}

#[test]
fn basic_constraints_fire() {
    fires(
        "there_are_no_basic_constraints",
        &["the_extensions_are_in_order"],
        |broken| {
            let constraints = extension(oid::BASIC_CONSTRAINTS, false, &[0x30, 0]);
            broken.extensions.insert(2, constraints);
        },
    );
}

#[test]
fn a_poison_that_is_missing_not_critical_or_not_null_fires() {
    let lint = "the_poison_is_critical_and_null";
    fires(lint, &["the_poison_is_the_last_extension"], |broken| {
        broken.extensions.pop();
    });
    fires(
        lint,
        &["only_the_name_and_the_usage_are_critical"],
        |broken| {
            broken.set(7, oid::POISON, false, &[5, 0]);
        },
    );
    fires(lint, &[], |broken| {
        broken.set(7, oid::POISON, true, &[4, 0])
    });
}

#[test]
fn a_poison_that_is_not_last_fires() {
    let lint = "the_poison_is_the_last_extension";
    fires(lint, &["the_extensions_are_in_order"], |broken| {
        broken.extensions.swap(6, 7)
    });
}

#[test]
fn an_sct_list_in_a_precertificate_fires() {
    fires(
        "there_is_no_sct_list_yet",
        &["the_extensions_are_in_order"],
        |broken| {
            let list = extension(oid::SCT_LIST, false, &[4, 0]);
            broken.extensions.insert(7, list);
        },
    );
}

#[test]
fn another_key_usage_fires() {
    let lint = "the_key_signs_and_nothing_else";
    fires(lint, &[], |broken| {
        broken.set(0, oid::KEY_USAGE, true, &[3, 2, 2, 0x84]);
    });
    fires(lint, &[], |broken| drop(broken.extensions.remove(0)));
}

#[test]
fn another_extended_key_usage_fires() {
    let lint = "the_key_signs_code_and_nothing_else";
    fires(lint, &[], |broken| {
        let server = [0x30, 0x0a, 6, 8, 43, 6, 1, 5, 5, 7, 3, 1];
        broken.set(1, oid::EXT_KEY_USAGE, false, &server);
    });
    fires(lint, &[], |broken| drop(broken.extensions.remove(1)));
}

#[test]
fn another_name_two_names_or_an_unknown_kind_fires() {
    let lint = "there_is_one_name_and_it_is_the_identity";
    let email = |name| GeneralName::Rfc822Name(Ia5String::new(name).unwrap());
    let dns = GeneralName::DnsName(Ia5String::new("chancery.test").unwrap());
    let alice = email("alice@chancery.test");
    for names in [
        vec![email("mallory@chancery.test")],
        vec![alice.clone(), alice],
        vec![dns],
        vec![],
    ] {
        fires(lint, &[], |broken| {
            broken.set(4, oid::SUBJECT_ALT_NAME, true, &names.to_der().unwrap());
        });
    }
}

#[test]
fn an_issuer_extension_that_is_missing_or_differs_fires() {
    let lint = "both_issuer_extensions_are_there_and_agree";
    fires(lint, &[], |broken| drop(broken.extensions.remove(5)));
    fires(lint, &[], |broken| drop(broken.extensions.remove(6)));
    fires(lint, &[], |broken| {
        *broken.extensions[6].last_mut().unwrap() ^= 1;
    });
    fires(lint, &[], |broken| {
        broken.set(5, crate::extensions::ISSUER, false, &[]);
        broken.set(6, crate::extensions::ISSUER_V2, false, &[0x0c, 0]);
    });
}

#[test]
fn another_critical_extension_fires() {
    fires("only_the_name_and_the_usage_are_critical", &[], |broken| {
        broken.set(
            5,
            crate::extensions::ISSUER,
            true,
            b"https://issuer.chancery.test",
        );
    });
}

#[test]
fn another_order_or_an_unknown_extension_fires() {
    let lint = "the_extensions_are_in_order";
    fires(lint, &[], |broken| broken.extensions.swap(2, 3));
    fires(lint, &[], |broken| broken.extensions.swap(5, 6));
    for unknown in ["1.3.6.1.4.1.57264.1.7", "1.3.6.1.4.1.57264.1.25", "1.2.3.4"] {
        fires(lint, &[], |broken| {
            let unknown = extension(ObjectIdentifier::new_unwrap(unknown), false, &[5, 0]);
            broken.extensions.insert(7, unknown);
        });
    }
}

#[test]
fn a_lifetime_beyond_the_profiles_fires() {
    fires("the_lifetime_is_at_most_the_profiles", &[], |broken| {
        broken.validity = validity(&utc(2026, 11, 1, 0), &utc(2026, 11, 1, 11));
    });
}

#[test]
fn a_validity_outside_the_cas_fires() {
    let lint = "the_validity_lies_within_the_cas";
    fires(lint, &[], |broken| {
        broken.validity = validity(&utc(2026, 9, 1, 0), &utc(2026, 9, 1, 10));
    });
    fires(lint, &[], |broken| {
        broken.validity = validity(&utc(2031, 10, 1, 0), &utc(2031, 10, 1, 10));
    });
}
