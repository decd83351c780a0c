//! Serial numbers of certificates: positive integers of at most 20 octets (RFC 5280, 4.1.2.2).

use std::fmt;

use der::asn1::UintRef;

/// The most octets a serial number may have (RFC 5280, section 4.1.2.2).
pub(crate) const MAX_OCTETS: usize = 20;

/// A certificate's serial number: positive, at most 159 bits, so that its DER never needs more than
/// 20 octets. Displays as lower-case hex without leading zero octets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SerialNumber([u8; MAX_OCTETS]);

impl SerialNumber {
    /// Makes a serial number from 20 octets of a cryptographic random source. The top bit is
    /// cleared, which keeps the integer positive; zero becomes one.
    pub fn from_random(mut octets: [u8; MAX_OCTETS]) -> Self {
        octets[0] &= 0x7f;
        if octets == [0; MAX_OCTETS] {
            octets[MAX_OCTETS - 1] = 1;
        }
        Self(octets)
    }

    /// Reads the INTEGER of somebody's certificate; `None` if it is not positive or too long.
    pub(crate) fn from_integer_der(der: &[u8]) -> Option<Self> {
        let magnitude = <UintRef<'_> as der::Decode>::from_der(der).ok()?;
        let magnitude = magnitude.as_bytes();
        let mut octets = [0; MAX_OCTETS];
        let start = MAX_OCTETS.checked_sub(magnitude.len())?;
        octets.get_mut(start..)?.copy_from_slice(magnitude);
        (octets[0] < 0x80 && octets != [0; MAX_OCTETS]).then_some(Self(octets))
    }

    /// Returns the magnitude, big-endian, without leading zero octets.
    pub fn as_bytes(&self) -> &[u8] {
        let start = self.0.iter().position(|&octet| octet != 0);
        self.0.get(start.unwrap_or(0)..).unwrap_or(&self.0)
    }
}

impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SerialNumber({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_bit_of_a_random_serial_is_cleared() {
        let serial = SerialNumber::from_random([0xff; 20]);
        assert_eq!(serial.as_bytes()[0], 0x7f);
        assert_eq!(serial.as_bytes().len(), 20);
        assert_eq!(serial.to_string(), format!("7f{}", "ff".repeat(19)));
    }

    #[test]
    fn a_serial_is_never_zero() {
        assert_eq!(SerialNumber::from_random([0; 20]).to_string(), "01");
        let mut only_the_top_bit = [0; 20];
        only_the_top_bit[0] = 0x80;
        assert_eq!(
            SerialNumber::from_random(only_the_top_bit).to_string(),
            "01"
        );
    }

    #[test]
    fn leading_zero_octets_are_not_shown() {
        let mut octets = [0; 20];
        octets[18..].copy_from_slice(&[0x20, 0x02]);
        assert_eq!(SerialNumber::from_random(octets).to_string(), "2002");
    }

    #[test]
    fn an_integer_that_is_negative_zero_or_too_long_is_no_serial() {
        let parse = SerialNumber::from_integer_der;
        assert_eq!(parse(&[2, 2, 0x20, 0x02]).unwrap().to_string(), "2002");
        assert_eq!(parse(&[2, 2, 0x00, 0x80]).unwrap().to_string(), "80");
        assert!(parse(&[2, 1, 0x80]).is_none());
        assert!(parse(&[2, 1, 0x00]).is_none());
        let mut long = vec![2, 21, 0x00, 0x80];
        long.extend([0; 19]);
        assert!(parse(&long).is_none());
        assert!(parse(&[4, 1, 0x01]).is_none());
    }
}
