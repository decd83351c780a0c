//! ECDSA public keys: named curves and uncompressed points (RFC 5480, section 2).

use const_oid::db::rfc5912;
use der::asn1::{AnyRef, UintRef};
use der::{Decode, Encode, Sequence};
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
    let algorithm = curve(parameters)?;
    let coordinate_len = coordinate_len(algorithm);
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

/// Returns the algorithm of the curve.
fn curve(parameters: Option<AnyRef<'_>>) -> Result<Algorithm, PublicKeyError> {
    const EXPECTED: PublicKeyError = PublicKeyError::WrongParameters {
        expected: "an ECDSA key names its curve by an object identifier",
    };
    let parameters = parameters.ok_or(EXPECTED)?;
    match parameters.decode_as::<ObjectIdentifier>() {
        Ok(rfc5912::SECP_256_R_1) => Ok(Algorithm::EcdsaP256Sha256),
        Ok(rfc5912::SECP_384_R_1) => Ok(Algorithm::EcdsaP384Sha384),
        Ok(rfc5912::SECP_521_R_1) => Ok(Algorithm::EcdsaP521Sha512),
        Ok(oid) => Err(PublicKeyError::UnsupportedCurve { oid }),
        Err(_) => Err(EXPECTED),
    }
}

/// Returns the length of the curve's coordinates, and of the numbers modulo its order, in bytes; 0
/// for what is no curve.
fn coordinate_len(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::EcdsaP256Sha256 => 32,
        Algorithm::EcdsaP384Sha384 => 48,
        Algorithm::EcdsaP521Sha512 => 66,
        Algorithm::Ed25519 | Algorithm::RsaPkcs1Sha256 => 0,
    }
}

/// `ECDSA-Sig-Value` (RFC 3279, section 2.2.3).
#[derive(Sequence)]
struct EcdsaSigValue<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

/// Writes a signature in the fixed-length form `r || s` (IEEE P1363) as ASN.1; `None` if it is not
/// in that form.
pub(super) fn p1363_to_der(algorithm: Algorithm, signature: &[u8]) -> Option<Vec<u8>> {
    let half = coordinate_len(algorithm);
    if half == 0 || signature.len() != 2 * half || EcdsaSigValue::from_der(signature).is_ok() {
        return None;
    }
    let (r, s) = signature.split_at(half);
    let value = EcdsaSigValue {
        r: UintRef::new(r).ok()?,
        s: UintRef::new(s).ok()?,
    };
    value.to_der().ok()
}
