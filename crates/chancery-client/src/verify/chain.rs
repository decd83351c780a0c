//! The certificate that signed: what it is for, and that it led to a trusted root when it signed.

use std::time::{SystemTime, UNIX_EPOCH};

use chancery_certs::CertificateDetails;
use chancery_keys::PublicKey;
use const_oid::db::rfc5280::ID_KP_CODE_SIGNING;
use der::Decode;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_cert::Certificate;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage as KeyUsageBits};

use super::error::{Check, VerifyError};
use crate::rfc3339::rfc3339;
use crate::trust::{TrustMaterial, TrustedAuthority};

/// `codeSigning` (RFC 5280, section 4.2.1.12), the content of its OBJECT IDENTIFIER.
const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];

/// A certificate for signing code, read and not verified.
pub(crate) struct Leaf<'a> {
    pub(crate) der: &'a [u8],
    pub(crate) details: CertificateDetails,
    pub(crate) key: PublicKey,
}

impl<'a> Leaf<'a> {
    pub(crate) fn read(der: &'a [u8]) -> Result<Self, VerifyError> {
        let failed = |wrong: &dyn std::fmt::Display| Check::Certificate.failed(wrong);
        let details = CertificateDetails::from_der(der).map_err(|wrong| failed(&wrong))?;
        if details.is_precertificate {
            return Err(failed(&"it is a precertificate"));
        }
        let key = PublicKey::from_spki_der(&details.spki_der).map_err(|wrong| failed(&wrong))?;
        let certificate = Certificate::from_der(der).map_err(|wrong| failed(&wrong))?;
        let tbs = certificate.tbs_certificate();
        let usage = tbs.get_extension::<KeyUsageBits>();
        let usage = usage.map_err(|wrong| failed(&wrong))?;
        if !usage.is_some_and(|(_, usage)| usage.digital_signature() && !usage.key_cert_sign()) {
            return Err(failed(&"its keyUsage is not digitalSignature"));
        }
        let purposes = tbs.get_extension::<ExtendedKeyUsage>();
        let purposes = purposes.map_err(|wrong| failed(&wrong))?;
        if !purposes.is_some_and(|(_, purposes)| purposes.0.contains(&ID_KP_CODE_SIGNING)) {
            return Err(failed(&"its extended key usage is not codeSigning"));
        }
        Ok(Self { der, details, key })
    }
}

/// A chain from the certificate to a trusted root, every part of which was valid at every proven
/// time of the signature.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifiedChain {
    issuer_key_hash: [u8; 32],
    root: Vec<u8>,
}

impl VerifiedChain {
    /// Returns SHA-256 of the issuer's `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn issuer_key_hash(&self) -> &[u8; 32] {
        &self.issuer_key_hash
    }

    /// Returns the trusted root in DER.
    #[must_use]
    pub fn root(&self) -> &[u8] {
        &self.root
    }
}

/// Finds an authority whose chain the certificate leads to at all of the times.
pub(super) fn verify(
    trust: &TrustMaterial,
    leaf: &Leaf<'_>,
    times: &[SystemTime],
) -> Result<VerifiedChain, VerifyError> {
    let mut cause = match trust.ignored_authority() {
        Some(why) => format!("no certificate authority is trusted: {why}"),
        None => "no certificate authority is trusted".to_owned(),
    };
    for authority in &trust.authorities {
        match leads_to(authority, leaf, times) {
            Ok(chain) => return Ok(chain),
            Err(Unlinked::OtherAuthority(why)) if trust.authorities.len() == 1 => cause = why,
            Err(Unlinked::OtherAuthority(_)) => {
                if !cause.starts_with("it is issued by") {
                    cause = "no trusted certificate authority has issued it".to_owned();
                }
            }
            Err(Unlinked::NotThen(why)) => {
                cause = format!("it is issued by a trusted one, but {why}")
            }
        }
    }
    Err(Check::Chain.failed(cause))
}

/// Why a certificate does not lead to an authority.
enum Unlinked {
    OtherAuthority(String),
    NotThen(String),
}

fn leads_to(
    authority: &TrustedAuthority,
    leaf: &Leaf<'_>,
    times: &[SystemTime],
) -> Result<VerifiedChain, Unlinked> {
    let other = |why: &dyn std::fmt::Display| Unlinked::OtherAuthority(why.to_string());
    let der = CertificateDer::from_slice(leaf.der);
    let end = EndEntityCert::try_from(&der).map_err(|wrong| other(&wrong))?;
    let &first = times.first().ok_or_else(|| other(&"no time is proven"))?;
    let seconds = first.duration_since(UNIX_EPOCH);
    let path = end.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        std::slice::from_ref(&authority.anchor),
        &authority.intermediates,
        UnixTime::since_unix_epoch(seconds.map_err(|wrong| other(&wrong))?),
        KeyUsage::required_if_present(CODE_SIGNING),
        None,
        None,
    );
    let path = path.map_err(|wrong| match wrong {
        webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => {
            let when = rfc3339(first);
            Unlinked::NotThen(format!(
                "a certificate of the chain was not valid at {when}"
            ))
        }
        wrong => other(&format_args!(
            "the trusted certificate authority has not issued it ({wrong})"
        )),
    })?;
    // Signatures and usages hold at any time; what the path says of times is held against them all.
    let above = path.intermediate_certificates().map(|one| one.der());
    let path_ders: Vec<CertificateDer<'_>> = [der.clone(), authority.root.clone()]
        .into_iter()
        .chain(above)
        .collect();
    for &time in times {
        let when = || rfc3339(time);
        if !path_ders.iter().all(|der| valid_at(der, time)) {
            let why = format!("the chain was not valid at {}", when());
            return Err(Unlinked::NotThen(why));
        }
        if !authority.window.holds(time) {
            let why = format!("the authority does not count at {}", when());
            return Err(Unlinked::NotThen(why));
        }
    }
    // Of the path that was found, whatever the order in which the trusted root has the chain.
    let issuer = PublicKey::from_spki_der(&path.issuer_spki()).map_err(|wrong| other(&wrong))?;
    Ok(VerifiedChain {
        issuer_key_hash: issuer.sha256(),
        root: authority.root.to_vec(),
    })
}

/// Tells whether a certificate is valid at a time; the last second counts as a whole.
fn valid_at(der: &[u8], time: SystemTime) -> bool {
    let Ok(certificate) = Certificate::from_der(der) else {
        return false;
    };
    let validity = certificate.tbs_certificate().validity();
    let last = validity.not_after.to_system_time() + std::time::Duration::from_secs(1);
    validity.not_before.to_system_time() <= time && time < last
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chancery_trust::documents::TrustedRoot;

    use super::*;
    use crate::bundle::UnverifiedBundle;

    #[test]
    fn the_chain_must_be_valid_at_every_proven_time() {
        let bundle = include_bytes!("../../tests/vectors/artifact.txt.sigstore.json");
        let root = include_bytes!("../../tests/vectors/trusted_root.json");
        let trust = TrustMaterial::of(&TrustedRoot::parse(root).unwrap());
        let bundle = UnverifiedBundle::parse(bundle).unwrap();
        let leaf = Leaf::read(bundle.wire.certificate()).unwrap();
        let (first, last) = (leaf.details.not_before, leaf.details.not_after);
        let second = Duration::from_secs(1);
        let at = |times: &[SystemTime]| verify(&trust, &leaf, times).map(|_| ());
        at(&[first, last]).unwrap();
        for outside in [first - second, last + second] {
            let error = at(&[first, outside]).unwrap_err();
            assert_eq!(error.check(), Check::Chain);
            assert!(error.to_string().contains("was not valid at"), "{error}");
        }
    }
}
