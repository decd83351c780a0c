//! The precertificate: what was linted, what the log takes, and what the final one is made from.

use std::time::SystemTime;

use crate::correspond::{CorrespondError, correspond_tbs};
use crate::issuer::IssuingCertificate;
use crate::serial::SerialNumber;
use crate::signing::FinalTbs;
use crate::tbs::{TbsParts, certificate};

/// What goes unchanged from the precertificate to the final certificate.
#[derive(Debug)]
pub(crate) struct Draft {
    parts: TbsParts,
    algorithm_identifier: Vec<u8>,
    issuer_key_hash: [u8; 32],
    pub(crate) serial: SerialNumber,
    pub(crate) validity: (SystemTime, SystemTime),
}

impl Draft {
    pub(crate) fn new(
        parts: TbsParts,
        issuer: &IssuingCertificate,
        serial: SerialNumber,
        validity: (SystemTime, SystemTime),
    ) -> Self {
        Self {
            parts,
            algorithm_identifier: issuer.algorithm_identifier().to_vec(),
            issuer_key_hash: issuer.issuer_key_hash(),
            serial,
            validity,
        }
    }

    /// Encodes a certificate signed by the CA that this draft names.
    pub(crate) fn certificate(&self, tbs: &[u8], signature: &[u8]) -> Vec<u8> {
        certificate(tbs, &self.algorithm_identifier, signature)
    }
}

/// The to-be-signed certificate of a precertificate that has passed every lint. Only
/// [`Profile::certify`](crate::Profile::certify) makes one.
#[derive(Debug)]
#[must_use = "a linted certificate is nothing until it is signed and logged"]
pub struct LintedTbs {
    draft: Draft,
    signed_part: Vec<u8>,
}

impl LintedTbs {
    pub(crate) fn new(draft: Draft, signed_part: Vec<u8>) -> Self {
        Self { draft, signed_part }
    }

    /// Returns what the CA signs: the to-be-signed certificate with the poison, in DER.
    pub fn signed_part(&self) -> &[u8] {
        &self.signed_part
    }

    /// Adds the CA's signature over [`Self::signed_part`]. The signature is not verified here.
    pub fn assemble(self, signature: &[u8]) -> Precertificate {
        Precertificate {
            der: self.draft.certificate(&self.signed_part, signature),
            tbs_for_log: self.draft.parts.for_log(),
            signed_part: self.signed_part,
            draft: self.draft,
        }
    }
}

/// A signed precertificate (RFC 6962, section 3.1). Only [`LintedTbs::assemble`] makes one.
#[derive(Debug)]
#[must_use = "a precertificate announces a certificate; log it and issue that"]
pub struct Precertificate {
    draft: Draft,
    signed_part: Vec<u8>,
    der: Vec<u8>,
    tbs_for_log: Vec<u8>,
}

impl Precertificate {
    /// Returns the precertificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Returns the SHA-256 of the issuing CA's `SubjectPublicKeyInfo` (RFC 6962, section 3.2).
    pub fn issuer_key_hash(&self) -> [u8; 32] {
        self.draft.issuer_key_hash
    }

    /// Returns the to-be-signed certificate without the poison, which the log hashes and the SCT's
    /// signature covers (RFC 6962, section 3.2).
    pub fn tbs_for_log(&self) -> &[u8] {
        &self.tbs_for_log
    }

    /// Returns the serial number, which the final certificate shares.
    pub fn serial(&self) -> SerialNumber {
        self.draft.serial
    }

    /// Returns the first and the last second in which the certificate is valid.
    pub fn validity(&self) -> (SystemTime, SystemTime) {
        self.draft.validity
    }

    /// Puts the log's answer in the poison's place. `sct_list` is the TLS
    /// `SignedCertificateTimestampList`, without an OCTET STRING around it.
    ///
    /// # Errors
    /// A list that does not hold exactly one SCT. Any other error would be a defect of this crate,
    /// found before the CA signs.
    pub fn embed(self, sct_list: &[u8]) -> Result<FinalTbs, CorrespondError> {
        let signed_part = self.draft.parts.with_sct_list(sct_list);
        correspond_tbs(&self.signed_part, &signed_part)?;
        Ok(FinalTbs::new(self.draft, self.der, signed_part))
    }
}
