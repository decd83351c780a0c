//! Byte for byte what an independent implementation made, and what seven clients have verified.

use std::time::Duration;

use chancery_certs::{
    CertificateDetails, IssuingCertificate, SerialNumber, SignatureAlgorithm, correspond,
    precert_tbs_of_final,
};
use der::{Decode, Encode};
use x509_cert::Certificate;

use crate::ca::{ISSUER_URL, alice, extensions, profile, time};

pub(crate) const ROOT: &[u8] = include_bytes!("../vectors/root.der");
pub(crate) const INTERMEDIATE: &[u8] = include_bytes!("../vectors/intermediate.der");
pub(crate) const PRECERTIFICATE: &[u8] = include_bytes!("../vectors/precert.der");
pub(crate) const FINAL: &[u8] = include_bytes!("../vectors/final.der");
const BOBS_FINAL_WITHOUT_SCT: &[u8] = include_bytes!("../vectors/x509entry.der");

const SCT: &str = "\
003485ad07ef37d2426c5e59f14ed584f1429d39afda39dea46411b575fcacffda000001a196fb17c800080000050000\
000001040300473045022100e5bd28dc5aa5322665c48508fc71eda7228dc771fed52de0a9cb8dd960db4cfa022076a2\
cfd9d6a208841ef537062e63b9c37455616b666a5bd37b5d19e2df84f9fd";
/// What the SCT's signature covers has this hash as a leaf of the log.
const TBS_FOR_LOG_LENGTH: usize = 0x1b8;
const ISSUER_KEY_HASH: &str = "7e1c39e29bb49bf268111de91173576f58111f980968e9b722640a50d01f33bd";

fn signature(der: &[u8]) -> Vec<u8> {
    let certificate = Certificate::from_der(der).unwrap();
    certificate.signature().raw_bytes().to_vec()
}

fn sct_list() -> Vec<u8> {
    let sct = hex::decode(SCT).unwrap();
    let length = u16::try_from(sct.len()).unwrap();
    [&(length + 2).to_be_bytes()[..], &length.to_be_bytes(), &sct].concat()
}

fn alices_serial() -> SerialNumber {
    let mut serial = [0; 20];
    serial[18..].copy_from_slice(&[0x20, 0x02]);
    SerialNumber::from_random(serial)
}

#[test]
fn the_precertificate_and_the_final_certificate_are_the_vectors_byte_for_byte() {
    let issuer = IssuingCertificate::from_der(INTERMEDIATE).unwrap();
    let key = Certificate::from_der(FINAL).unwrap();
    let key = key.tbs_certificate().subject_public_key_info();
    let tbs = profile(Duration::from_mins(10)).certify(
        &issuer,
        &alice(),
        &extensions(),
        &key.to_der().unwrap(),
        alices_serial(),
        time(0) + Duration::from_millis(999),
    );
    let precertificate = tbs.unwrap().assemble(&signature(PRECERTIFICATE));
    assert_eq!(
        hex::encode(precertificate.der()),
        hex::encode(PRECERTIFICATE)
    );
    assert_eq!(
        hex::encode(precertificate.issuer_key_hash()),
        ISSUER_KEY_HASH
    );
    assert_eq!(precertificate.tbs_for_log().len(), TBS_FOR_LOG_LENGTH);
    assert_eq!(precertificate.validity(), (time(0), time(600)));
    let tbs = precertificate.embed(&sct_list()).unwrap();
    let certificate = tbs.assemble(&signature(FINAL)).unwrap();
    assert_eq!(hex::encode(certificate.der()), hex::encode(FINAL));
    assert_eq!(certificate.serial(), alices_serial());
}

#[test]
fn the_part_that_the_sct_covers_is_rebuilt_from_either_certificate() {
    // The log's entry: a 24-bit length and the to-be-signed certificate, as in the vectors' leaf.
    let rebuilt = precert_tbs_of_final(FINAL).unwrap();
    assert_eq!(rebuilt.len(), TBS_FOR_LOG_LENGTH);
    assert_eq!(rebuilt, precert_tbs_of_final(PRECERTIFICATE).unwrap());
    assert!(
        hex::encode(&rebuilt).starts_with("308201b4a00302010202022002300a06082a8648ce3d040302")
    );
    assert!(
        hex::encode(&rebuilt)
            .ends_with("1e0c1c68747470733a2f2f6973737565722e6368616e636572792e74657374")
    );
    assert!(precert_tbs_of_final(BOBS_FINAL_WITHOUT_SCT).is_err());
}

#[test]
fn the_vectors_correspond_only_as_precertificate_and_final() {
    assert_eq!(correspond(PRECERTIFICATE, FINAL), Ok(()));
    assert!(correspond(FINAL, PRECERTIFICATE).is_err());
    assert!(correspond(PRECERTIFICATE, PRECERTIFICATE).is_err());
    assert!(correspond(PRECERTIFICATE, BOBS_FINAL_WITHOUT_SCT).is_err());
}

#[test]
fn the_details_of_the_final_certificate_are_read() {
    let details = CertificateDetails::from_der(FINAL).unwrap();
    assert_eq!(details.identity, alice());
    assert_eq!(details.extensions, extensions());
    assert_eq!(details.extensions.issuer, ISSUER_URL);
    assert_eq!(
        details.issuer_name,
        "CN=chancery-intermediate,O=chancery.test"
    );
    assert_eq!(details.serial.to_string(), "2002");
    assert_eq!(
        (details.not_before, details.not_after),
        (time(0), time(600))
    );
    assert_eq!(details.sct_list, Some(sct_list()));
    assert!(!details.is_precertificate);
    let details = CertificateDetails::from_der(PRECERTIFICATE).unwrap();
    assert_eq!(details.sct_list, None);
    assert!(details.is_precertificate);
}

#[test]
fn the_issuing_certificate_is_read() {
    let issuer = IssuingCertificate::from_der(INTERMEDIATE).unwrap();
    assert_eq!(hex::encode(issuer.issuer_key_hash()), ISSUER_KEY_HASH);
    assert_eq!(
        hex::encode(issuer.key_id()),
        "06575e409525ced49ee01b33e5d76f5d950eac83"
    );
    assert_eq!(issuer.algorithm(), SignatureAlgorithm::EcdsaWithSha256);
    assert_eq!(issuer.der(), INTERMEDIATE);
}
