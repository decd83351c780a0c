//! The CA's own key and chain: the only thing that signs certificates.

use std::sync::Arc;
use std::time::SystemTime;

use chancery_certs::{
    CertificateChain, CorrespondError, IssuingCertificate, LintedTbs, Precertificate,
    SigningCertificate,
};
use chancery_keys::{PublicKey, SignError, Signer};
use chancery_tlog::ct::{EntryError, PrecertEntry};
use const_oid::db::rfc5280::ID_KP_CODE_SIGNING;
use der::{Decode, Encode};
use x509_cert::Certificate;
use x509_cert::ext::pkix::ExtendedKeyUsage;

use crate::external_log::Receipt;

/// An issuing CA: a key that fits its certificate, and a chain that leads to a root.
#[derive(Debug)]
pub struct IssuingCa {
    certificate: IssuingCertificate,
    chain: Arc<CertificateChain>,
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
    #[error(transparent)]
    Entry(#[from] EntryError),
    #[error("the SCT is another entry's")]
    OtherEntry,
    #[error("the CA key could not sign")]
    Sign(#[from] SignError),
}

impl IssuingCa {
    /// Joins a key to its chain.
    ///
    /// That the chain is one of CA certificates which may issue one another is
    /// [`CertificateChain`]'s doing; here, each must be valid `now` and signed by the next, the
    /// root by itself, and an issuing certificate that is not the root must say that it is for
    /// code signing (Fulcio's certificate specification).
    pub fn new(
        chain: CertificateChain,
        signer: Arc<dyn Signer>,
        now: SystemTime,
    ) -> Result<Self, IssuingCaError> {
        let parsed = chain
            .ders()
            .iter()
            .map(|der| Certificate::from_der(der))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| IssuingCaError::Unreadable(e.to_string()))?;
        for (index, one) in parsed.iter().enumerate() {
            let parent = parsed.get(index + 1).unwrap_or(one);
            let is_intermediate = index == 0 && parsed.len() > 1;
            check_validity(one, now)
                .and_then(|()| check_signature(one, parent))
                .and_then(|()| {
                    if is_intermediate {
                        check_usage(one)
                    } else {
                        Ok(())
                    }
                })
                .map_err(|problem| IssuingCaError::Certificate {
                    position: index + 1,
                    subject: one.tbs_certificate().subject().to_string(),
                    problem,
                })?;
        }
        let certificate = chain.issuing().clone();
        if certificate.spki_der() != signer.public_key().spki_der() {
            return Err(IssuingCaError::KeyMismatch);
        }
        Ok(Self {
            certificate,
            chain: Arc::new(chain),
            signer,
        })
    }

    /// Returns the issuing certificate.
    pub fn certificate(&self) -> &IssuingCertificate {
        &self.certificate
    }

    /// Returns the chain, the issuing certificate first and the root last.
    pub fn chain(&self) -> &Arc<CertificateChain> {
        &self.chain
    }

    /// Returns the log entry of a precertificate (RFC 6962, section 3.2).
    pub(crate) fn entry(
        &self,
        precertificate: &Precertificate,
    ) -> Result<PrecertEntry, EntryError> {
        PrecertEntry::new(
            precertificate.issuer_key_hash(),
            precertificate.tbs_for_log().to_vec(),
            precertificate.der().to_vec(),
            self.chain.fingerprints().to_vec(),
        )
    }

    pub(crate) async fn sign_precertificate(
        &self,
        tbs: LintedTbs,
    ) -> Result<Precertificate, CaSignError> {
        let signature = self.signer.sign(tbs.signed_part()).await?;
        Ok(tbs.assemble(&signature))
    }

    /// Signs the final certificate. A [`Receipt`] comes only from an entry that our own log has
    /// committed; that it is this precertificate's is checked here.
    pub(crate) async fn sign_final(
        &self,
        precertificate: Precertificate,
        receipt: &Receipt,
    ) -> Result<SigningCertificate, CaSignError> {
        if !receipt.is_for(&self.entry(&precertificate)?) {
            return Err(CaSignError::OtherEntry);
        }
        let tbs = precertificate.embed(receipt.list())?;
        let signature = self.signer.sign(tbs.signed_part()).await?;
        Ok(tbs.assemble(&signature)?)
    }
}

fn check_validity(one: &Certificate, now: SystemTime) -> Result<(), String> {
    let validity = one.tbs_certificate().validity();
    if now < validity.not_before.to_system_time() {
        return Err(format!("it is not valid before {}", validity.not_before));
    }
    if now >= validity.not_after.to_system_time() {
        return Err(format!("it expired at {}", validity.not_after));
    }
    Ok(())
}

fn check_signature(one: &Certificate, parent: &Certificate) -> Result<(), String> {
    let spki = parent.tbs_certificate().subject_public_key_info().to_der();
    let spki = spki.map_err(|e| e.to_string())?;
    let key = PublicKey::from_spki_der(&spki).map_err(|e| format!("its issuer's key: {e}"))?;
    let signed = one.tbs_certificate().to_der().map_err(|e| e.to_string())?;
    key.verify(&signed, one.signature().raw_bytes())
        .map_err(|_| "its signature is not its issuer's".to_owned())
}

fn check_usage(one: &Certificate) -> Result<(), String> {
    let usages = one.tbs_certificate().get_extension::<ExtendedKeyUsage>();
    match usages.map_err(|e| e.to_string())? {
        Some((_, usages)) if usages.0.contains(&ID_KP_CODE_SIGNING) => Ok(()),
        _ => Err("an intermediate must have the extended key usage code signing".to_owned()),
    }
}
