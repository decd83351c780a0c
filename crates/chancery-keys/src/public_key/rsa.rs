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
    Ok(Components {
        modulus: modulus(decoded.modulus.as_bytes())?,
        exponent: exponent(decoded.public_exponent.as_bytes())?,
    })
}

fn modulus(modulus: &[u8]) -> Result<Box<[u8]>, PublicKeyError> {
    let bits = bits(modulus);
    if !MODULUS_BITS.contains(&bits) {
        return Err(PublicKeyError::RsaModulusLength { bits });
    }
    if modulus.last().is_none_or(|byte| byte & 1 == 0) {
        return Err(PublicKeyError::InvalidRsa {
            reason: "the modulus is even",
        });
    }
    Ok(modulus.into())
}

fn exponent(exponent: &[u8]) -> Result<u64, PublicKeyError> {
    const TOO_LONG: PublicKeyError = PublicKeyError::InvalidRsa {
        reason: "the exponent has more than 33 bits",
    };
    let mut value = 0;
    for &byte in exponent {
        if value > u64::MAX >> 8 {
            return Err(TOO_LONG);
        }
        value = value << 8 | u64::from(byte);
    }
    if u64::BITS - value.leading_zeros() > EXPONENT_MAX_BITS {
        return Err(TOO_LONG);
    }
    if value < 3 || value & 1 == 0 {
        return Err(PublicKeyError::InvalidRsa {
            reason: "the exponent is even or less than 3",
        });
    }
    Ok(value)
}

/// Returns the length in bits of a big-endian number without leading zeros.
fn bits(number: &[u8]) -> usize {
    let zeros = number.first().map_or(0, |byte| byte.leading_zeros());
    (number.len() * 8).saturating_sub(zeros as usize)
}
