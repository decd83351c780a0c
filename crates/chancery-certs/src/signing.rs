//! The final certificate: the precertificate with the log's answer in the poison's place.

use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::chain::pem;
use crate::correspond::{CorrespondError, correspond};
use crate::precert::Draft;
use crate::serial::SerialNumber;

/// The to-be-signed final certificate. Only
/// [`Precertificate::embed`](crate::Precertificate::embed) makes one.
#[derive(Debug)]
#[must_use = "the precertificate is logged; its final certificate must be signed and delivered"]
pub struct FinalTbs {
    draft: Draft,
    precertificate: Vec<u8>,
    signed_part: Vec<u8>,
}

impl FinalTbs {
    pub(crate) fn new(draft: Draft, precertificate: Vec<u8>, signed_part: Vec<u8>) -> Self {
        Self {
            draft,
            precertificate,
            signed_part,
        }
    }

    /// Returns what the CA signs: the to-be-signed certificate with the SCT list, in DER.
    pub fn signed_part(&self) -> &[u8] {
        &self.signed_part
    }

    /// Adds the CA's signature over [`Self::signed_part`] and checks that the result is the
    /// certificate that the precertificate announced. The signature is not verified here.
    ///
    /// # Errors
    /// A difference would be a defect of this crate; the certificate is then not released.
    pub fn assemble(self, signature: &[u8]) -> Result<SigningCertificate, CorrespondError> {
        let der = self.draft.certificate(&self.signed_part, signature);
        correspond(&self.precertificate, &der)?;
        Ok(SigningCertificate {
            der,
            serial: self.draft.serial,
            validity: self.draft.validity,
        })
    }
}

/// A code-signing certificate whose precertificate is in a log. Only [`FinalTbs::assemble`] makes
/// one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningCertificate {
    der: Vec<u8>,
    serial: SerialNumber,
    validity: (SystemTime, SystemTime),
}

impl SigningCertificate {
    /// Returns the certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Returns the certificate in PEM, with LF between the lines and none at the end.
    pub fn pem(&self) -> String {
        pem(&self.der)
    }

    /// Returns the serial number.
    pub fn serial(&self) -> SerialNumber {
        self.serial
    }

    /// Returns the first and the last second in which the certificate is valid.
    pub fn validity(&self) -> (SystemTime, SystemTime) {
        self.validity
    }

    /// Returns the SHA-256 of the certificate.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.der).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::IssuingCertificate;
    use crate::tbs::TbsParts;

    const INTERMEDIATE: &[u8] = include_bytes!("../tests/vectors/intermediate.der");
    const PRECERTIFICATE: &[u8] = include_bytes!("../tests/vectors/precert.der");
    const FINAL: &[u8] = include_bytes!("../tests/vectors/final.der");
    /// Where the vectors' final to-be-signed certificate stands in its certificate.
    const FINAL_TBS: std::ops::Range<usize> = 4..4 + 4 + 589;

    /// Assembles the vectors' final certificate, with its to-be-signed part changed or not.
    fn assemble(change: impl FnOnce(&mut [u8])) -> Result<SigningCertificate, CorrespondError> {
        let parts = TbsParts {
            head: Vec::new(),
            extensions: Vec::new(),
        };
        let issuer = IssuingCertificate::from_der(INTERMEDIATE).unwrap();
        let now = SystemTime::UNIX_EPOCH;
        let draft = Draft::new(
            parts,
            &issuer,
            SerialNumber::from_random([1; 20]),
            (now, now),
        );
        let mut signed_part = FINAL[FINAL_TBS].to_vec();
        change(&mut signed_part);
        FinalTbs::new(draft, PRECERTIFICATE.to_vec(), signed_part).assemble(b"signature")
    }

    #[test]
    fn a_certificate_that_was_not_announced_is_not_released() {
        assert!(assemble(|_| ()).is_ok());
        let alice = FINAL[FINAL_TBS]
            .windows(5)
            .position(|five| five == b"alice");
        let found = assemble(|tbs| tbs[alice.unwrap()] = b'A');
        assert_eq!(found, Err(CorrespondError::Extension(5)));
    }
}
