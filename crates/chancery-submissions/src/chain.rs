//! A chain as it is submitted (RFC 6962, sections 4.1 and 4.2), bounded and not judged yet.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::roots::ChainRefused;

/// The most certificates of a chain, the root included.
pub const MAX_CERTIFICATES: usize = 10;

/// The most bytes of one certificate: ten times what a code-signing certificate has.
pub const MAX_CERTIFICATE_BYTES: usize = 32 * 1024;

/// What is submitted: it decides which of two entries is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SubmittedKind {
    /// `add-chain`: a certificate.
    Certificate,
    /// `add-pre-chain`: a precertificate.
    Precertificate,
}

/// Certificates in the order in which they were submitted: one to fill [`MAX_CERTIFICATES`], each of
/// a size that one may have.
#[derive(Clone, Debug)]
pub struct SubmittedChain {
    ders: Vec<Vec<u8>>,
}

impl SubmittedChain {
    /// Takes certificates in DER.
    ///
    /// # Errors
    ///
    /// None, too many, or one of a size that no certificate has.
    pub fn new(ders: Vec<Vec<u8>>) -> Result<Self, ChainRefused> {
        match ders.len() {
            0 => return Err(ChainRefused::Empty),
            1..=MAX_CERTIFICATES => {}
            certificates => return Err(ChainRefused::TooLong { certificates }),
        }
        let sized = |der: &Vec<u8>| (1..=MAX_CERTIFICATE_BYTES).contains(&der.len());
        match ders.iter().position(|der| !sized(der)) {
            None => Ok(Self { ders }),
            Some(place) => Err(ChainRefused::Size { place: place + 1 }),
        }
    }

    /// Takes certificates in standard base64, as the `chain` of a submission has them.
    ///
    /// # Errors
    ///
    /// What is not base64, and what [`new`](Self::new) refuses.
    pub fn from_base64(chain: &[String]) -> Result<Self, ChainRefused> {
        if chain.len() > MAX_CERTIFICATES {
            let certificates = chain.len();
            return Err(ChainRefused::TooLong { certificates });
        }
        let decode = |(place, text): (usize, &String)| {
            let decoded = STANDARD.decode(text);
            decoded.map_err(|_| ChainRefused::Base64 { place: place + 1 })
        };
        Self::new(
            chain
                .iter()
                .enumerate()
                .map(decode)
                .collect::<Result<_, _>>()?,
        )
    }

    pub(crate) fn into_ders(self) -> Vec<Vec<u8>> {
        self.ders
    }
}
