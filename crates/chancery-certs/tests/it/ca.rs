//! Certificate authorities and certificates for the tests; rcgen makes the former.

use std::time::{Duration, SystemTime};

use chancery_certs::{
    FulcioExtensions, IssuingCertificate, Precertificate, Profile, ProfileConfig, SerialNumber,
    SigningCertificate, SubjectAlternativeName,
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SignatureAlgorithm,
};

pub(crate) const ISSUER_URL: &str = "https://issuer.chancery.test";
/// A list of one SCT that holds nothing but its version.
pub(crate) const SCT_LIST: &[u8] = &[0, 3, 0, 1, 0];

/// Returns the parameters of a CA that is valid from 2026 to 2036.
pub(crate) fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2036, 1, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params
}

/// Makes a self-signed CA certificate with a key of a kind.
pub(crate) fn root_with_key(algorithm: &'static SignatureAlgorithm) -> Vec<u8> {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let root = ca_params("root").self_signed(&key).unwrap();
    root.der().to_vec()
}

/// Makes a self-signed CA certificate from parameters.
pub(crate) fn root(params: &CertificateParams) -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

/// Makes an intermediate CA certificate for code signing and the root above it, in this order.
pub(crate) fn intermediate_and_root() -> Vec<Vec<u8>> {
    let root_params = ca_params("root");
    let root_key = KeyPair::generate().unwrap();
    let root = root_params.self_signed(&root_key).unwrap();
    let mut params = ca_params("intermediate");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    let key = KeyPair::generate().unwrap();
    let intermediate = params
        .signed_by(&key, &Issuer::new(root_params, root_key))
        .unwrap();
    vec![intermediate.der().to_vec(), root.der().to_vec()]
}

pub(crate) fn issuing() -> IssuingCertificate {
    IssuingCertificate::from_der(&root(&ca_params("issuing"))).unwrap()
}

pub(crate) fn profile(lifetime: Duration) -> Profile {
    Profile::new(ProfileConfig::of_lifetime(lifetime)).unwrap()
}

/// Returns the moment so many seconds after 2026-11-01T12:00:00Z.
pub(crate) fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_534_400 + seconds)
}

pub(crate) fn alice() -> SubjectAlternativeName {
    SubjectAlternativeName::email("alice@chancery.test").unwrap()
}

pub(crate) fn extensions() -> FulcioExtensions {
    FulcioExtensions::of_issuer(ISSUER_URL)
}

/// Makes a precertificate for alice; its signature is arbitrary.
pub(crate) fn precertificate() -> Precertificate {
    let issuer = issuing();
    let serial = SerialNumber::from_random([0xa5; 20]);
    let lifetime = Duration::from_mins(10);
    profile(lifetime)
        .certify(
            &issuer,
            &alice(),
            &extensions(),
            issuer.spki_der(),
            serial,
            time(0),
        )
        .unwrap()
        .assemble(b"signature of the precertificate")
}

/// Makes a precertificate and its final certificate; their signatures are arbitrary.
pub(crate) fn precertificate_and_final() -> (Vec<u8>, SigningCertificate) {
    let precertificate = precertificate();
    let der = precertificate.der().to_vec();
    let tbs = precertificate.embed(SCT_LIST).unwrap();
    (
        der,
        tbs.assemble(b"signature of the final certificate").unwrap(),
    )
}
