//! RSA public keys: `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }`
//! (RFC 8017, appendix A.1.1).

use der::asn1::{AnyRef, UintRef};
use der::{Decode, Encode, Sequence};

use super::PublicKeyError;

/// The moduli that aws-lc verifies with, in bits.
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The longest exponent that aws-lc takes. A longer one would make verifying dear for us and
/// cheap for whoever sends it.
const EXPONENT_MAX_BITS: u32 = 33;

/// The numbers of an RSA public key.
pub(super) struct Components {
    /// Big-endian, without leading zeros.
    modulus: Box<[u8]>,
    exponent: u64,
}

impl Components {
    pub(super) fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    pub(super) fn modulus_bits(&self) -> usize {
        bits(&self.modulus)
    }

    pub(super) fn exponent(&self) -> u64 {
        self.exponent
    }
}

#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

/// Checks parameters, encoding and the bounds of both numbers.
pub(super) fn check(
    parameters: Option<AnyRef<'_>>,
    key: &[u8],
) -> Result<Components, PublicKeyError> {
    // RFC 3279, section 2.3.1: the parameters MUST be there, and MUST be NULL.
    if parameters != Some(AnyRef::NULL) {
        return Err(PublicKeyError::WrongParameters {
            expected: "an RSA key has NULL",
        });
    }
    let decoded = RsaPublicKey::from_der(key).map_err(PublicKeyError::not_der)?;
    if decoded.to_der().map_err(PublicKeyError::not_der)? != key {
        return Err(PublicKeyError::NotCanonical);
    }
    // What is no number comes before what is a bad one.
    let exponent = exponent(decoded.public_exponent.as_bytes())?;
    let modulus = modulus(decoded.modulus.as_bytes())?;
    check_exponent(exponent)?;
    Ok(Components { modulus, exponent })
}

fn modulus(modulus: &[u8]) -> Result<Box<[u8]>, PublicKeyError> {
    let bits = bits(modulus);
    if bits == 0 {
        return Err(PublicKeyError::InvalidRsa {
            reason: "the modulus is 0",
        });
    }
    if !MODULUS_BITS.contains(&bits) {
        return Err(PublicKeyError::RsaModulusLength { bits });
    }
    if modulus.last().is_none_or(|byte| byte & 1 == 0) {
        return Err(PublicKeyError::WeakRsa {
            reason: "the modulus is even",
        });
    }
    Ok(modulus.into())
}

/// Reads a positive number of at most 63 bits.
fn exponent(exponent: &[u8]) -> Result<u64, PublicKeyError> {
    let mut bytes = [0; 8];
    let unused = bytes.len().checked_sub(exponent.len());
    if let Some(used) = unused.and_then(|unused| bytes.get_mut(unused..)) {
        used.copy_from_slice(exponent);
    }
    let value = u64::from_be_bytes(bytes);
    match (unused, value) {
        (None, _) | (_, 0x8000_0000_0000_0000..) => Err(PublicKeyError::InvalidRsa {
            reason: "the exponent has more than 63 bits",
        }),
        (_, 0) => Err(PublicKeyError::InvalidRsa {
            reason: "the exponent is 0",
        }),
        _ => Ok(value),
    }
}

fn check_exponent(exponent: u64) -> Result<(), PublicKeyError> {
    let reason = if u64::BITS - exponent.leading_zeros() > EXPONENT_MAX_BITS {
        "the exponent has more than 33 bits"
    } else if exponent < 3 || exponent & 1 == 0 {
        "the exponent is even or less than 3"
    } else {
        return Ok(());
    };
    Err(PublicKeyError::WeakRsa { reason })
}

/// Returns the length in bits of a big-endian number without leading zeros.
fn bits(number: &[u8]) -> usize {
    let zeros = number.first().map_or(0, |byte| byte.leading_zeros());
    (number.len() * 8).saturating_sub(zeros as usize)
}
