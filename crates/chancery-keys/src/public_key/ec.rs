//! ECDSA public keys: named curves and uncompressed points (RFC 5480, section 2).

use const_oid::db::rfc5912;
use der::asn1::AnyRef;
use spki::ObjectIdentifier;

use super::PublicKeyError;
use crate::Algorithm;

/// The first byte of an uncompressed point (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// Checks parameters and form. Whether the point is on the curve is left to aws-lc, which
/// checks it when it parses the key.
pub(super) fn check(
    parameters: Option<AnyRef<'_>>,
    point: &[u8],
) -> Result<Algorithm, PublicKeyError> {
    let (algorithm, coordinate_len) = curve(parameters)?;
    match point.first() {
        Some(&UNCOMPRESSED) if point.len() == 1 + 2 * coordinate_len => Ok(algorithm),
        Some(&UNCOMPRESSED) => Err(PublicKeyError::InvalidPoint {
            reason: "it has not the length of a point on its curve",
        }),
        Some(0) => Err(PublicKeyError::InvalidPoint {
            reason: "it is the point at infinity",
        }),
        Some(2 | 3) => Err(PublicKeyError::InvalidPoint {
            reason: "it is compressed: encode it uncompressed",
        }),
        _ => Err(PublicKeyError::InvalidPoint {
            reason: "it is not in uncompressed form",
        }),
    }
}

/// Returns the algorithm of the curve and the length of its coordinates in bytes.
fn curve(parameters: Option<AnyRef<'_>>) -> Result<(Algorithm, usize), PublicKeyError> {
    const EXPECTED: PublicKeyError = PublicKeyError::WrongParameters {
        expected: "an ECDSA key names its curve by an object identifier",
    };
    let parameters = parameters.ok_or(EXPECTED)?;
    match parameters.decode_as::<ObjectIdentifier>() {
        Ok(rfc5912::SECP_256_R_1) => Ok((Algorithm::EcdsaP256Sha256, 32)),
        Ok(rfc5912::SECP_384_R_1) => Ok((Algorithm::EcdsaP384Sha384, 48)),
        Ok(rfc5912::SECP_521_R_1) => Ok((Algorithm::EcdsaP521Sha512, 66)),
        Ok(oid) => Err(PublicKeyError::UnsupportedCurve { oid }),
        Err(_) => Err(EXPECTED),
    }
}
