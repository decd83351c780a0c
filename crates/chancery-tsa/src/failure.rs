//! What RFC 3161 lets an authority say when it stamps nothing.

use der::Encode;
use der::asn1::BitString;

use crate::asn1::{PkiStatusInfo, TimeStampResp};

/// `PKIStatus` of an answer that has no timestamp: RFC 3161, section 2.4.2.
const REJECTION: u8 = 2;

/// A reason of `PKIFailureInfo`, RFC 3161, section 2.4.2. The number is that of the bit.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum FailureInfo {
    /// `badAlg`: the hash function is not taken.
    BadAlgorithm = 0,
    /// `badRequest`: the transaction is not supported, such as another version.
    BadRequest = 2,
    /// `badDataFormat`: what was sent is malformed.
    BadDataFormat = 5,
    /// `timeNotAvailable`: the time cannot be had, or is not trusted.
    TimeNotAvailable = 14,
    /// `unacceptedPolicy`: the authority does not stamp under the policy that is asked for.
    UnacceptedPolicy = 15,
    /// `unacceptedExtension`: the authority knows no extensions.
    UnacceptedExtension = 16,
    /// `systemFailure`: the request is well, the authority is not.
    SystemFailure = 25,
}

impl FailureInfo {
    /// Returns its name in RFC 3161.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BadAlgorithm => "badAlg",
            Self::BadRequest => "badRequest",
            Self::BadDataFormat => "badDataFormat",
            Self::TimeNotAvailable => "timeNotAvailable",
            Self::UnacceptedPolicy => "unacceptedPolicy",
            Self::UnacceptedExtension => "unacceptedExtension",
            Self::SystemFailure => "systemFailure",
        }
    }

    /// Returns the DER `TimeStampResp` that says so, with no text: a verifier of Sigstore's knows
    /// no `statusString`.
    ///
    /// # Errors
    /// A defect of the encoder.
    pub fn to_response_der(self) -> der::Result<Vec<u8>> {
        let bit = self as u8;
        let mut octets = vec![0_u8; usize::from(bit / 8)];
        octets.push(0x80 >> (bit % 8));
        // A list of named bits ends with its last 1 (X.690, section 11.2.2).
        let fail_info = BitString::new(7 - bit % 8, octets)?;
        let response = TimeStampResp {
            status: PkiStatusInfo {
                status: REJECTION,
                status_string: None,
                fail_info: Some(fail_info),
            },
            time_stamp_token: None,
        };
        response.to_der()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_the_bit_of_its_number() {
        for (reason, expected) in [
            (FailureInfo::BadAlgorithm, "3009300702010203020780"),
            (FailureInfo::BadDataFormat, "3009300702010203020204"),
            (FailureInfo::UnacceptedPolicy, "300a30080201020303000001"),
            (FailureInfo::SystemFailure, "300c300a02010203050600000040"),
        ] {
            let response = reason.to_response_der().unwrap();
            assert_eq!(hex::encode(response), expected, "{reason:?}");
        }
    }
}
