//! What an instance's own certificates say in common: those of its CA, and of its timestamp authority.
//!
//! rcgen makes them; what the CA issues, it does not make.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyIdMethod,
    KeyUsagePurpose, SerialNumber,
};
use time::OffsetDateTime;

/// How long before now they begin: a clock may be set right after this, and others' are not ours.
const EARLIER: Duration = Duration::from_secs(60);

/// Whose certificate it is, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct OwnCertificate<'a> {
    /// The organization in the subject.
    pub organization: &'a str,
    /// The common name in the subject.
    pub common_name: &'a str,
    /// When it is made.
    pub now: SystemTime,
    /// How long it is valid from then on.
    pub lifetime: Duration,
}

impl OwnCertificate<'_> {
    /// Returns what rcgen makes a certificate of, with a random serial number and no extension but
    /// that of a key identifier.
    #[must_use]
    pub fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        let mut name = DistinguishedName::new();
        name.push(DnType::OrganizationName, self.organization);
        name.push(DnType::CommonName, self.common_name);
        params.distinguished_name = name;
        params.not_before = OffsetDateTime::from(self.now - EARLIER);
        params.not_after = OffsetDateTime::from(self.now + self.lifetime);
        params.key_identifier_method = KeyIdMethod::Sha256;
        params.serial_number = Some(SerialNumber::from(serial()));
        params
    }

    /// As [`OwnCertificate::params`], for one that issues, with at most `below` others that issue
    /// between it and what is issued.
    #[must_use]
    pub fn issuer_params(&self, below: u8) -> CertificateParams {
        let mut params = self.params();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }
}

/// Returns a positive serial number of 19 random octets (RFC 5280, 4.1.2.2).
fn serial() -> Vec<u8> {
    let mut octets: [u8; 19] = rand::random();
    octets[0] = octets[0] & 0x7f | 0x40;
    octets.to_vec()
}
