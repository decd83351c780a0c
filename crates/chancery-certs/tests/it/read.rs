//! What is read from certificates that others made, and what is refused.

use chancery_certs::{
    CertificateDetails, FulcioExtensions, IssuingCertificate, SubjectAlternativeName,
    precert_tbs_of_final,
};
use proptest::prelude::*;
use rcgen::{CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, SanType};

use crate::ca::{ca_params, root};
use crate::vectors::{FINAL, INTERMEDIATE};

const FULCIO: [u64; 9] = [1, 3, 6, 1, 4, 1, 57264, 1, 0];

/// Makes a certificate with extensions of Fulcio's arc, given by number and value.
fn with_extensions(extensions: &[(u64, &[u8])]) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::NoCa;
    params.subject_alt_names = vec![SanType::Rfc822Name("a@b".try_into().unwrap())];
    for (number, value) in extensions {
        let mut oid = FULCIO;
        oid[8] = *number;
        let extension = CustomExtension::from_oid_content(&oid, value.to_vec());
        params.custom_extensions.push(extension);
    }
    root(&params)
}

#[test]
fn an_old_certificate_names_its_issuer_in_the_deprecated_extension_alone() {
    let old = with_extensions(&[(1, b"https://old"), (2, b"push")]);
    let extensions = FulcioExtensions::from_certificate_der(&old).unwrap();
    assert_eq!(extensions.issuer, "https://old");
    let present: Vec<_> = extensions.present().collect();
    assert_eq!(
        present,
        [
            ("issuer", "https://old"),
            ("github_workflow_trigger", "push")
        ]
    );
}

#[test]
fn numbers_of_later_versions_are_passed_over() {
    let later = with_extensions(&[(8, b"\x0c\x01i"), (24, b"\x0c\x01s"), (25, b"\x05\x00")]);
    let extensions = FulcioExtensions::from_certificate_der(&later).unwrap();
    assert_eq!(extensions.subject.as_deref(), Some("s"));
}

#[test]
fn contradicting_or_malformed_extensions_are_refused() {
    for (extensions, message) in [
        (
            &[][..],
            "the certificate does not name the issuer of a token",
        ),
        (
            &[(1, &b"a"[..]), (8, b"\x0c\x01b")],
            "the two issuer extensions differ: .1 says \"a\", .8 says \"b\"",
        ),
        (
            &[(1, b"a"), (1, b"a")],
            "the extension 1.3.6.1.4.1.57264.1.1 is there more than once",
        ),
        (
            &[(1, b"\xff")],
            "the value of the extension 1.3.6.1.4.1.57264.1.1 is not the text that it should be",
        ),
        (
            &[(8, b"\x0c\x01bx")],
            "the value of the extension 1.3.6.1.4.1.57264.1.8 is not the text that it should be",
        ),
    ] {
        let der = with_extensions(extensions);
        let error = FulcioExtensions::from_certificate_der(&der).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_certificate_without_one_known_name_has_no_identity() {
    let mut params = CertificateParams::default();
    let read = |params: &CertificateParams| {
        let error = SubjectAlternativeName::from_certificate_der(&root(params));
        error.unwrap_err().to_string()
    };
    assert_eq!(
        read(&params),
        "the certificate does not have exactly one subject alternative name extension"
    );
    params.subject_alt_names = vec![SanType::DnsName("b".try_into().unwrap())];
    let message = "the certificate does not name exactly one e-mail address, URI or user name";
    assert_eq!(read(&params), message);
    let email = SanType::Rfc822Name("a@b".try_into().unwrap());
    params.subject_alt_names = vec![email.clone(), email];
    assert_eq!(read(&params), message);
}

#[test]
fn a_ca_certificate_has_no_details() {
    assert!(CertificateDetails::from_der(INTERMEDIATE).is_err());
    assert!(precert_tbs_of_final(INTERMEDIATE).is_err());
}

#[test]
fn a_ca_certificate_that_must_not_sign_code_is_refused() {
    let mut params = ca_params("server CA");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let error = IssuingCertificate::from_der(&root(&params)).unwrap_err();
    let message = "the CA certificate's extKeyUsage does not include codeSigning";
    assert_eq!(error.to_string(), message);
    params.extended_key_usages = vec![];
    assert!(IssuingCertificate::from_der(&root(&params)).is_ok());
}

#[test]
fn a_leaf_is_no_issuing_certificate() {
    let error = IssuingCertificate::from_der(FINAL).unwrap_err();
    assert!(error.to_string().contains("empty subject"), "{error}");
    let mut params = ca_params("leaf");
    params.is_ca = IsCa::ExplicitNoCa;
    let error = IssuingCertificate::from_der(&root(&params)).unwrap_err();
    assert!(error.to_string().contains("CA:TRUE"), "{error}");
}

proptest! {
    #[test]
    fn no_mutation_makes_a_reader_panic(index in 0..FINAL.len(), byte in any::<u8>()) {
        let mut mutated = FINAL.to_vec();
        mutated[index] = byte;
        let _ = CertificateDetails::from_der(&mutated);
        let _ = precert_tbs_of_final(&mutated);
        let _ = IssuingCertificate::from_der(&mutated);
    }
}
