//! Whole issuances: what each certificate says, for every kind of identity, CA key and clock.

use std::time::{Duration, SystemTime};

use chancery_certs::{
    CertificateDetails, CertifyError, CorrespondError, FulcioExtensions, IssuingCertificate,
    Profile, ProfileConfig, ProfileError, SerialNumber, SignatureAlgorithm, SubjectAlternativeName,
    Term, UnsupportedCaKey, correspond, precert_tbs_of_final,
};
use der::{Decode, Encode};
use proptest::option;
use proptest::prelude::*;
use x509_cert::Certificate;
use x509_cert::time::Time;

use crate::ca::{
    SCT_LIST, alice, ca_params, extensions, issuing, precertificate, profile, root, root_with_key,
    time,
};

const TEN_MINUTES: Duration = Duration::from_mins(10);

fn serial() -> SerialNumber {
    SerialNumber::from_random([0x42; 20])
}

/// Certifies alice and returns the validity, or why not.
fn validity(
    issuer: &IssuingCertificate,
    lifetime: Duration,
    now: SystemTime,
) -> Result<(SystemTime, SystemTime), CertifyError> {
    let key = issuer.spki_der();
    let tbs = profile(lifetime).certify(issuer, &alice(), &extensions(), key, serial(), now);
    Ok(tbs?.assemble(&[0]).validity())
}

#[test]
fn each_ca_key_signs_with_the_hash_of_its_own_strength() {
    for (key, algorithm, oid) in [
        (
            &rcgen::PKCS_ECDSA_P256_SHA256,
            SignatureAlgorithm::EcdsaWithSha256,
            "1.2.840.10045.4.3.2",
        ),
        (
            &rcgen::PKCS_ECDSA_P384_SHA384,
            SignatureAlgorithm::EcdsaWithSha384,
            "1.2.840.10045.4.3.3",
        ),
        (
            &rcgen::PKCS_ECDSA_P521_SHA512,
            SignatureAlgorithm::EcdsaWithSha512,
            "1.2.840.10045.4.3.4",
        ),
        (
            &rcgen::PKCS_RSA_SHA256,
            SignatureAlgorithm::Sha256WithRsa,
            "1.2.840.113549.1.1.11",
        ),
    ] {
        let issuer = IssuingCertificate::from_der(&root_with_key(key)).unwrap();
        assert_eq!(issuer.algorithm(), algorithm);
        let key = issuer.spki_der();
        let profile = profile(TEN_MINUTES);
        let tbs = profile.certify(&issuer, &alice(), &extensions(), key, serial(), time(0));
        let der = tbs.unwrap().assemble(&[0]).der().to_vec();
        let certificate = Certificate::from_der(&der).unwrap();
        assert_eq!(certificate.signature_algorithm().oid.to_string(), oid);
        assert_eq!(
            certificate.signature_algorithm(),
            certificate.tbs_certificate().signature()
        );
    }
}

#[test]
fn a_ca_with_an_edwards_key_is_refused() {
    let error = IssuingCertificate::from_der(&root_with_key(&rcgen::PKCS_ED25519)).unwrap_err();
    assert_eq!(error.to_string(), UnsupportedCaKey::Edwards.to_string());
}

#[test]
fn a_certificate_starts_now_and_ends_with_its_lifetime() {
    let issuer = issuing();
    let now = time(7) + Duration::from_millis(999);
    let found = validity(&issuer, TEN_MINUTES, now).unwrap();
    assert_eq!(found, (time(7), time(607)));
}

#[test]
fn a_certificate_does_not_outlive_its_ca() {
    let issuer = issuing();
    let end = issuer.not_after();
    let before = |seconds| end - Duration::from_secs(seconds);
    let found = validity(&issuer, TEN_MINUTES, before(601)).unwrap();
    assert_eq!(found, (before(601), before(1)));
    let found = validity(&issuer, TEN_MINUTES, before(5)).unwrap();
    assert_eq!(found, (before(5), end));
}

#[test]
fn a_ca_outside_its_validity_issues_nothing() {
    let issuer = issuing();
    let (start, end) = (issuer.not_before(), issuer.not_after());
    assert!(validity(&issuer, TEN_MINUTES, start).is_ok());
    for now in [
        start - Duration::from_millis(1),
        end,
        end + Duration::from_secs(1),
    ] {
        let error = validity(&issuer, TEN_MINUTES, now).unwrap_err();
        assert!(
            matches!(error, CertifyError::IssuerNotValid { .. }),
            "{error}"
        );
    }
    let error = validity(&issuer, TEN_MINUTES, end).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the CA certificate is valid from 2026-01-01T00:00:00Z until 2036-01-01T00:00:00Z, \
         but it is 2036-01-01T00:00:00Z; renew the CA certificate or set the clock"
    );
}

#[test]
fn a_clock_before_1970_issues_nothing() {
    let long_ago = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let error = validity(&issuing(), TEN_MINUTES, long_ago).unwrap_err();
    assert!(matches!(error, CertifyError::Clock));
}

#[test]
fn times_are_utc_times_until_2049_and_generalized_times_after() {
    let mut params = ca_params("lasting");
    params.not_after = rcgen::date_time_ymd(2060, 1, 1);
    let issuer = IssuingCertificate::from_der(&root(&params)).unwrap();
    let new_year_2050 = SystemTime::UNIX_EPOCH + Duration::from_secs(2_524_608_000);
    let now = new_year_2050 - Duration::from_mins(5);
    let tbs = profile(TEN_MINUTES)
        .certify(
            &issuer,
            &alice(),
            &extensions(),
            issuer.spki_der(),
            serial(),
            now,
        )
        .unwrap();
    let certificate = Certificate::from_der(tbs.assemble(&[0]).der()).unwrap();
    let validity = certificate.tbs_certificate().validity();
    assert!(matches!(validity.not_before, Time::UtcTime(_)));
    assert!(matches!(validity.not_after, Time::GeneralTime(_)));
    assert_eq!(validity.not_after.to_string(), "2050-01-01T00:05:00Z");
}

#[test]
fn a_lifetime_out_of_bounds_is_refused() {
    let new = |lifetime| Profile::new(ProfileConfig::of_lifetime(lifetime));
    assert!(new(Duration::from_mins(1)).is_ok());
    assert!(new(Duration::from_hours(24)).is_ok());
    assert_eq!(
        new(ProfileConfig::default().lifetime).unwrap().lifetime(),
        TEN_MINUTES
    );
    for lifetime in [
        Duration::from_secs(59),
        Duration::from_secs(24 * 60 * 60 + 1),
        Duration::from_millis(600_500),
    ] {
        let error = new(lifetime).unwrap_err();
        assert!(matches!(error, ProfileError::Lifetime(found) if found == lifetime));
    }
}

#[test]
fn a_longest_lifetime_out_of_bounds_is_refused() {
    let new = |max_lifetime| {
        Profile::new(ProfileConfig {
            lifetime: TEN_MINUTES,
            max_lifetime,
        })
    };
    assert!(new(TEN_MINUTES).is_ok());
    assert!(new(Duration::from_hours(24)).is_ok());
    for max in [
        TEN_MINUTES - Duration::from_secs(1),
        Duration::from_secs(24 * 60 * 60 + 1),
        Duration::from_millis(600_500),
    ] {
        let error = new(max).unwrap_err();
        assert!(matches!(error, ProfileError::MaxLifetime { .. }), "{error}");
    }
}

#[test]
fn a_lifetime_that_is_asked_for_is_brought_within_the_bounds() {
    let profile = Profile::new(ProfileConfig {
        lifetime: TEN_MINUTES,
        max_lifetime: Duration::from_mins(30),
    });
    let profile = profile.unwrap();
    let (issuer, begin) = (issuing(), time(0));
    for (asked, seconds) in [
        (None, 600),
        (Some(Duration::from_mins(20)), 1_200),
        (Some(Duration::from_millis(90_999)), 90),
        (Some(Duration::from_secs(59)), 60),
        (Some(Duration::ZERO), 60),
        (Some(Duration::from_mins(31)), 1_800),
        (Some(Duration::MAX), 1_800),
    ] {
        let term = Term {
            begin,
            lifetime: asked,
        };
        let (key, extensions) = (issuer.spki_der(), extensions());
        let tbs = profile.certify(&issuer, &alice(), &extensions, key, serial(), term);
        let (not_before, not_after) = tbs.unwrap().assemble(&[0]).validity();
        let lasts = not_after.duration_since(not_before).unwrap();
        assert_eq!(lasts.as_secs(), seconds, "{asked:?}");
    }
}

#[test]
fn values_that_cannot_be_certified_are_refused() {
    let issuer = issuing();
    let certify = |extensions: &FulcioExtensions, key: &[u8]| {
        let profile = profile(TEN_MINUTES);
        let tbs = profile.certify(&issuer, &alice(), extensions, key, serial(), time(0));
        tbs.unwrap_err().to_string()
    };
    let key = issuer.spki_der();
    assert_eq!(
        certify(&FulcioExtensions::default(), key),
        "the issuer is empty, but every certificate must name the token's issuer"
    );
    let long = FulcioExtensions {
        source_repository_ref: Some("r".repeat(16 * 1024 + 1)),
        ..extensions()
    };
    assert_eq!(
        certify(&long, key),
        "the value of source_repository_ref has 16385 octets; at most 16384 are certified"
    );
    let trailing = [key, &[0]].concat();
    for key in [&[][..], &trailing] {
        let error = certify(&extensions(), key);
        assert_eq!(error, "the public key is not a DER SubjectPublicKeyInfo");
    }
}

#[test]
fn an_empty_value_leaves_its_extension_out() {
    let issuer = issuing();
    let with_empty = FulcioExtensions {
        subject: Some(String::new()),
        ..extensions()
    };
    let key = issuer.spki_der();
    let profile = profile(TEN_MINUTES);
    let certify = |extensions| {
        let tbs = profile.certify(&issuer, &alice(), extensions, key, serial(), time(0));
        tbs.unwrap().signed_part().to_vec()
    };
    assert_eq!(certify(&with_empty), certify(&extensions()));
}

#[test]
fn what_is_signed_is_what_the_certificate_holds() {
    let issuer = issuing();
    let tbs = profile(TEN_MINUTES)
        .certify(
            &issuer,
            &alice(),
            &extensions(),
            issuer.spki_der(),
            serial(),
            time(0),
        )
        .unwrap();
    let signed_part = tbs.signed_part().to_vec();
    let precertificate = tbs.assemble(b"one");
    let parsed = Certificate::from_der(precertificate.der()).unwrap();
    assert_eq!(parsed.tbs_certificate().to_der().unwrap(), signed_part);
    assert_eq!(parsed.signature().as_bytes(), Some(&b"one"[..]));
    let tbs = precertificate.embed(SCT_LIST).unwrap();
    let signed_part = tbs.signed_part().to_vec();
    let certificate = tbs.assemble(b"two").unwrap();
    let parsed = Certificate::from_der(certificate.der()).unwrap();
    assert_eq!(parsed.tbs_certificate().to_der().unwrap(), signed_part);
    assert_eq!(parsed.signature().as_bytes(), Some(&b"two"[..]));
}

#[test]
fn a_list_without_exactly_one_sct_is_not_embedded() {
    for list in [
        &[][..],
        &[0, 0],
        &[0, 2, 0, 0],
        &[0, 3, 0, 1],
        &[0, 3, 0, 1, 0, 0],
        &[0, 6, 0, 1, 0, 0, 1, 0],
        &[4, 5, 0, 3, 0, 1, 0],
    ] {
        let error = precertificate().embed(list).unwrap_err();
        assert_eq!(error, CorrespondError::SctList, "{list:?}");
    }
}

#[test]
fn pem_has_lines_of_64_and_no_newline_at_its_end() {
    let tbs = precertificate().embed(SCT_LIST).unwrap();
    let certificate = tbs.assemble(&[0; 70]).unwrap();
    let text = certificate.pem();
    assert!(text.starts_with("-----BEGIN CERTIFICATE-----\nMII"));
    assert!(text.ends_with("\n-----END CERTIFICATE-----"));
    assert!(!text.contains('\r'));
    assert!(text.lines().all(|line| line.len() <= 64));
    let parsed = <Certificate as der::DecodePem>::from_pem(text).unwrap();
    assert_eq!(parsed.to_der().unwrap(), certificate.der());
}

fn identity() -> impl Strategy<Value = SubjectAlternativeName> {
    let text = "[^\\p{Cc}]{1,60}";
    prop_oneof![
        "[!-?A-~]{1,40}@[!-?A-~]{1,40}".prop_map(|name| SubjectAlternativeName::email(&name)),
        "[a-z][a-z0-9+.-]{0,8}:[!-~]{1,200}".prop_map(|name| SubjectAlternativeName::uri(&name)),
        text.prop_map(|name| SubjectAlternativeName::username(&name)),
    ]
    .prop_map(Result::unwrap)
}

fn value() -> impl Strategy<Value = Option<String>> {
    option::of("\\PC{1,150}")
}

prop_compose! {
    fn any_extensions()(
        issuer in "\\PC{1,200}",
        github in prop::array::uniform5(value()),
        build in prop::array::uniform8(value()),
        source in prop::array::uniform8(value()),
    ) -> FulcioExtensions {
        let [trigger, sha, name, repository, git_ref] = github;
        let [signer, signer_digest, runner, config, config_digest, trigger_now, run, place] = build;
        let [uri, digest, source_ref, identifier, owner, owner_id, visibility, subject] = source;
        FulcioExtensions {
            issuer,
            github_workflow_trigger: trigger,
            github_workflow_sha: sha,
            github_workflow_name: name,
            github_workflow_repository: repository,
            github_workflow_ref: git_ref,
            build_signer_uri: signer,
            build_signer_digest: signer_digest,
            runner_environment: runner,
            source_repository_uri: uri,
            source_repository_digest: digest,
            source_repository_ref: source_ref,
            source_repository_identifier: identifier,
            source_repository_owner_uri: owner,
            source_repository_owner_identifier: owner_id,
            build_config_uri: config,
            build_config_digest: config_digest,
            build_trigger: trigger_now,
            run_invocation_uri: run,
            source_repository_visibility_at_signing: visibility,
            deployment_environment: place,
            subject,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_identity_is_read_back_from_certificates_that_correspond(
        san in identity(),
        extensions in any_extensions(),
        serial in any::<[u8; 20]>(),
        seconds in 0_u64..200_000_000,
        signature in prop::collection::vec(any::<u8>(), 0..300),
        sct in prop::collection::vec(any::<u8>(), 1..300),
    ) {
        let issuer = IssuingCertificate::from_der(crate::vectors::ROOT).unwrap();
        let serial = SerialNumber::from_random(serial);
        let profile = profile(TEN_MINUTES);
        let key = issuer.spki_der();
        let tbs = profile.certify(&issuer, &san, &extensions, key, serial, time(seconds)).unwrap();
        let precertificate = tbs.assemble(&signature);
        let precertificate_der = precertificate.der().to_vec();
        let tbs_for_log = precertificate.tbs_for_log().to_vec();
        let length = u16::try_from(sct.len()).unwrap();
        let list = [&(length + 2).to_be_bytes()[..], &length.to_be_bytes(), &sct].concat();
        let certificate = precertificate.embed(&list).unwrap().assemble(&signature).unwrap();

        prop_assert_eq!(correspond(&precertificate_der, certificate.der()), Ok(()));
        prop_assert_eq!(&precert_tbs_of_final(certificate.der()).unwrap(), &tbs_for_log);
        prop_assert_eq!(&precert_tbs_of_final(&precertificate_der).unwrap(), &tbs_for_log);
        let parsed = Certificate::from_der(certificate.der()).unwrap();
        prop_assert_eq!(parsed.to_der().unwrap(), certificate.der());
        let details = CertificateDetails::from_der(certificate.der()).unwrap();
        prop_assert_eq!(details.identity, san);
        prop_assert_eq!(details.extensions, extensions);
        prop_assert_eq!(details.serial, serial);
        prop_assert_eq!((details.not_before, details.not_after), certificate.validity());
        prop_assert_eq!(details.spki_der, key);
        prop_assert_eq!(details.sct_list, Some(list));
    }
}
