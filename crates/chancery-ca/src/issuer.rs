//! The CA's own key and chain: the only thing that signs certificates.

use std::sync::Arc;
use std::time::SystemTime;

use chancery_certs::{
    CertificateChain, CorrespondError, IssuingCertificate, LintedTbs, Precertificate,
    SigningCertificate,
};
use chancery_keys::{PublicKey, SignError, Signer};
use chancery_log::Sct;
use der::{Decode, Encode};
use x509_cert::Certificate;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};

/// An issuing CA: a key that fits its certificate, and a chain that leads to a root.
#[derive(Debug)]
pub struct IssuingCa {
    certificate: IssuingCertificate,
    chain: CertificateChain,
    fingerprints: Vec<[u8; 32]>,
    signer: Arc<dyn Signer>,
}

/// Why a key and a chain are no issuing CA.
#[derive(Debug, thiserror::Error)]
pub enum IssuingCaError {
    /// A certificate of the chain breaks a rule.
    #[error("certificate {position} of the CA chain ({subject}): {problem}")]
    Certificate {
        /// Its place; 1 is the issuing certificate.
        position: usize,
        /// Its subject.
        subject: String,
        /// The rule.
        problem: String,
    },
    /// The key is not the one in the issuing certificate.
    #[error("the CA key does not fit the first certificate of the chain; it belongs to another")]
    KeyMismatch,
    /// The chain cannot be read.
    #[error("the CA chain cannot be read: {0}")]
    Unreadable(String),
}

/// Why the CA did not sign.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CaSignError {
    #[error(transparent)]
    Correspond(#[from] CorrespondError),
    #[error("the CA key could not sign")]
    Sign(#[from] SignError),
}

impl IssuingCa {
    /// Joins a key to its chain, the issuing certificate first and the root last.
    ///
    /// Every certificate must be a CA's (RFC 5280, 4.2.1.9 and 4.2.1.3), valid `now`, and signed by
    /// the next; the last by itself. An issuing certificate that is not the root must be good for
    /// code signing.
    pub fn new(
        chain: CertificateChain,
        signer: Arc<dyn Signer>,
        now: SystemTime,
    ) -> Result<Self, IssuingCaError> {
        let unreadable = |e: &dyn std::fmt::Display| IssuingCaError::Unreadable(e.to_string());
        let first = chain.ders().first().ok_or_else(|| unreadable(&"it is empty"))?;
        let certificate = IssuingCertificate::from_der(first).map_err(|e| unreadable(&e))?;
        let parsed = chain
            .ders()
            .iter()
            .map(|der| Certificate::from_der(der).map_err(|e| unreadable(&e)))
            .collect::<Result<Vec<_>, _>>()?;
        for (index, one) in parsed.iter().enumerate() {
            let parent = parsed.get(index + 1).unwrap_or(one);
            check(one, parent, index, parsed.len(), now).map_err(|problem| {
                IssuingCaError::Certificate {
                    position: index + 1,
                    subject: one.tbs_certificate().subject().to_string(),
                    problem,
                }
            })?;
        }
        if certificate.spki_der() != signer.public_key().spki_der() {
            return Err(IssuingCaError::KeyMismatch);
        }
        Ok(Self { certificate, fingerprints: chain.fingerprints(), chain, signer })
    }

    /// Returns the issuing certificate.
    pub fn certificate(&self) -> &IssuingCertificate {
        &self.certificate
    }

    /// Returns the chain, the issuing certificate first and the root last.
    pub fn chain(&self) -> &CertificateChain {
        &self.chain
    }

    /// Returns SHA-256 of each certificate of the chain, as log entries name it.
    pub(crate) fn fingerprints(&self) -> &[[u8; 32]] {
        &self.fingerprints
    }

    pub(crate) async fn sign_precertificate(
        &self,
        tbs: LintedTbs,
    ) -> Result<Precertificate, CaSignError> {
        let signature = self.signer.sign(tbs.signed_part()).await?;
        Ok(tbs.assemble(&signature))
    }

    /// Signs the final certificate. An [`Sct`] comes only from an entry that the log has committed.
    pub(crate) async fn sign_final(
        &self,
        precertificate: Precertificate,
        sct: &Sct,
    ) -> Result<SigningCertificate, CaSignError> {
        let tbs = precertificate.embed(sct.list())?;
        let signature = self.signer.sign(tbs.signed_part()).await?;
        Ok(tbs.assemble(&signature)?)
    }
}

/// Checks one certificate of the chain against the one that issued it.
fn check(
    one: &Certificate,
    parent: &Certificate,
    index: usize,
    len: usize,
    now: SystemTime,
) -> Result<(), String> {
    let tbs = one.tbs_certificate();
    let validity = tbs.validity();
    if now < validity.not_before.to_system_time() {
        return Err(format!("it is not valid before {}", validity.not_before));
    }
    if now >= validity.not_after.to_system_time() {
        return Err(format!("it expired at {}", validity.not_after));
    }
    check_extensions(one, index, len)?;

    let parent_tbs = parent.tbs_certificate();
    if tbs.issuer() != parent_tbs.subject() {
        return Err(if index + 1 == len {
            "the last certificate must be a self-signed root".to_owned()
        } else {
            "it was not issued by the next certificate".to_owned()
        });
    }
    let spki = parent_tbs.subject_public_key_info().to_der().map_err(|e| e.to_string())?;
    let key = PublicKey::from_spki_der(&spki).map_err(|e| format!("its issuer's key: {e}"))?;
    let signed = tbs.to_der().map_err(|e| e.to_string())?;
    key.verify(&signed, one.signature().raw_bytes())
        .map_err(|_| "its signature is not its issuer's".to_owned())
}

fn check_extensions(one: &Certificate, index: usize, len: usize) -> Result<(), String> {
    let tbs = one.tbs_certificate();
    let (_, constraints) = tbs
        .get_extension::<BasicConstraints>()
        .map_err(|e| e.to_string())?
        .ok_or("it has no basic constraints, so it is no CA's")?;
    if !constraints.ca {
        return Err("it is not a CA's".to_owned());
    }
    if constraints.path_len_constraint.is_some_and(|allowed| usize::from(allowed) < index) {
        return Err("its path length does not allow the certificates below it".to_owned());
    }
    let (_, usage) = tbs
        .get_extension::<KeyUsage>()
        .map_err(|e| e.to_string())?
        .ok_or("it has no key usage")?;
    if !usage.key_cert_sign() {
        return Err("its key usage does not allow signing certificates".to_owned());
    }
    let code_signing = tbs
        .get_extension::<ExtendedKeyUsage>()
        .map_err(|e| e.to_string())?
        .map(|(_, usages)| usages.0.contains(&const_oid::db::rfc5280::ID_KP_CODE_SIGNING));
    match code_signing {
        Some(false) => Err("its extended key usage does not allow code signing".to_owned()),
        None if index == 0 && len > 1 => {
            Err("an intermediate must have the extended key usage code signing".to_owned())
        }
        _ => Ok(()),
    }
}
