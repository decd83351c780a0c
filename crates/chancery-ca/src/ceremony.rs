//! The key ceremony: makes the root and the issuing intermediate, once, at `chancery init`.
//!
//! rcgen makes the CA's own certificates; everything that the CA then issues is built by
//! `chancery-certs`.

use std::time::{Duration, SystemTime};

use chancery_certs::CertificateChain;
use chancery_keys::{Algorithm, LocalKey, OwnCertificate, Signer};
use rcgen::ExtendedKeyUsagePurpose;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a root lives: longer than any intermediate, and than most disks.
const ROOT_LIFETIME: Duration = Duration::from_secs(20 * 365 * DAY.as_secs());
/// How long an issuing intermediate lives.
const INTERMEDIATE_LIFETIME: Duration = Duration::from_secs(5 * 365 * DAY.as_secs());

/// Whose CA it is, and since when.
#[derive(Clone, Debug)]
pub struct Ceremony<'a> {
    /// The organization in both subjects.
    pub organization: &'a str,
    /// The common name of the root; the intermediate's is this with " intermediate".
    pub common_name: &'a str,
    /// When both certificates begin.
    pub now: SystemTime,
}

/// Why no CA was made.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// A certificate could not be made.
    #[error("the CA certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    /// What was made cannot be read back.
    #[error("the CA certificates that were made cannot be read back: {0}")]
    Chain(String),
    /// Keys must be P-256 or P-384.
    #[error("a {0} key cannot be a CA key here; use P-256 or P-384")]
    KeyType(Algorithm),
}

impl Ceremony<'_> {
    /// Makes a self-signed root for `root` and an issuing intermediate for `issuing`, as Fulcio's
    /// certificate specification has them: the root without extended key usage, the intermediate
    /// with code signing only and a path length of 0. Returns the intermediate first.
    pub fn perform(
        &self,
        root: &LocalKey,
        issuing: &LocalKey,
    ) -> Result<CertificateChain, CeremonyError> {
        require_key_type(root)?;
        require_key_type(issuing)?;

        let params = self.of(self.common_name, ROOT_LIFETIME).issuer_params(1);
        let root_certificate = params.self_signed(root)?;
        let root_issuer = rcgen::Issuer::new(params, root);

        let name = format!("{} intermediate", self.common_name);
        let mut params = self.of(&name, INTERMEDIATE_LIFETIME).issuer_params(0);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.use_authority_key_identifier_extension = true;
        let issuing_certificate = params.signed_by(issuing, &root_issuer)?;

        let ders = vec![
            issuing_certificate.der().to_vec(),
            root_certificate.der().to_vec(),
        ];
        CertificateChain::from_ders(ders).map_err(|e| CeremonyError::Chain(e.to_string()))
    }

    fn of<'a>(&'a self, common_name: &'a str, lifetime: Duration) -> OwnCertificate<'a> {
        OwnCertificate {
            organization: self.organization,
            common_name,
            now: self.now,
            lifetime,
        }
    }
}

fn require_key_type(key: &LocalKey) -> Result<(), CeremonyError> {
    match key.public_key().algorithm() {
        Algorithm::EcdsaP256Sha256 | Algorithm::EcdsaP384Sha384 => Ok(()),
        other => Err(CeremonyError::KeyType(other)),
    }
}
