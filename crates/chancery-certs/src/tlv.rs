//! Tag, length, value: the frames of DER (X.690, sections 8.1 and 10.1), read and written in place.
//!
//! A certificate is some eighty frames around a few fields. Cutting and splicing them here costs a
//! tenth of a general decoder's time, and every byte of an issuance passes it several times. What a
//! field *means* is left to `x509-cert`.

/// The tags that certificates use outside their fields.
pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const SEQUENCE: u8 = 0x30;

/// Why bytes are no DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotDer {
    #[error("the bytes end within a value")]
    Truncated,
    #[error("a length is not in its shortest form")]
    Length,
    #[error("a value has tag {found:#04x} where {expected:#04x} should be")]
    Tag { expected: u8, found: u8 },
    #[error("a value has a tag of several octets")]
    LongTag,
    #[error("something follows where nothing may")]
    Trailing,
    #[error("a value is not one that its type has")]
    Value,
}

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tlv<'a> {
    pub(crate) tag: u8,
    /// The whole frame.
    pub(crate) der: &'a [u8],
    /// What the frame holds.
    pub(crate) value: &'a [u8],
}

impl<'a> Tlv<'a> {
    /// Reads a frame that nothing follows.
    pub(crate) fn only(der: &'a [u8], tag: u8) -> Result<Self, NotDer> {
        let mut reader = TlvReader::new(der);
        let tlv = reader.expect(tag)?;
        reader.finish()?;
        Ok(tlv)
    }
}

/// Reads frames one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TlvReader<'a> {
    rest: &'a [u8],
}

impl<'a> TlvReader<'a> {
    pub(crate) fn new(der: &'a [u8]) -> Self {
        Self { rest: der }
    }

    /// Returns what is left to read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads a frame of any tag.
    pub(crate) fn any(&mut self) -> Result<Tlv<'a>, NotDer> {
        let (&tag, rest) = self.rest.split_first().ok_or(NotDer::Truncated)?;
        if tag & 0x1f == 0x1f {
            return Err(NotDer::LongTag);
        }
        let (length, rest) = length(rest)?;
        let (value, rest) = rest.split_at_checked(length).ok_or(NotDer::Truncated)?;
        let (der, rest) = self.rest.split_at(self.rest.len() - rest.len());
        self.rest = rest;
        Ok(Tlv { tag, der, value })
    }

    /// Reads a frame of one tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Tlv<'a>, NotDer> {
        match self.any()? {
            tlv if tlv.tag == tag => Ok(tlv),
            tlv => Err(NotDer::Tag {
                expected: tag,
                found: tlv.tag,
            }),
        }
    }

    /// Reads a frame of one tag, if it is the next.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Tlv<'a>>, NotDer> {
        match self.rest.first() {
            Some(&next) if next == tag => self.any().map(Some),
            _ => Ok(None),
        }
    }

    /// Ends the reading; nothing may be left.
    pub(crate) fn finish(self) -> Result<(), NotDer> {
        match self.rest {
            [] => Ok(()),
            _ => Err(NotDer::Trailing),
        }
    }
}

/// Reads a length; DER has one form for each (X.690, section 10.1).
fn length(bytes: &[u8]) -> Result<(usize, &[u8]), NotDer> {
    const LONGEST: usize = 4;
    let (&first, rest) = bytes.split_first().ok_or(NotDer::Truncated)?;
    if first < 0x80 {
        return Ok((usize::from(first), rest));
    }
    let octets = usize::from(first & 0x7f);
    if octets == 0 || octets > LONGEST {
        return Err(NotDer::Length);
    }
    let (length, rest) = rest.split_at_checked(octets).ok_or(NotDer::Truncated)?;
    let zero_first = length.first() == Some(&0);
    let length = length
        .iter()
        .fold(0, |length, &octet| length << 8 | usize::from(octet));
    if zero_first || length < 0x80 {
        return Err(NotDer::Length);
    }
    Ok((length, rest))
}

/// Returns how many octets a frame around so many octets has.
pub(crate) fn framed(length: usize) -> usize {
    let header = if length < 0x80 {
        2
    } else {
        2 + size_of::<usize>() - leading_zero_octets(length)
    };
    header + length
}

/// Writes the tag and length of a frame whose value is written next.
pub(crate) fn push_header(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    let octets = length.to_be_bytes();
    let (_, significant) = octets.split_at(leading_zero_octets(length));
    match significant {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            // At most 8 octets: the count fits beside the marker bit.
            out.push(0x80 | long.len() as u8);
            out.extend_from_slice(long);
        }
    }
}

/// Writes the concatenation of `parts` in a frame.
pub(crate) fn push(out: &mut Vec<u8>, tag: u8, parts: &[&[u8]]) {
    push_header(out, tag, parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// Returns the concatenation of `parts` in a frame.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(framed(length));
    push(&mut out, tag, parts);
    out
}

fn leading_zero_octets(length: usize) -> usize {
    length.leading_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use der::{AnyRef, Decode, Encode, Tag, Tagged};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_is_written_in_der_at_every_size_of_length() {
        for (length, header) in [
            (0, &[0x30, 0x00][..]),
            (0x7f, &[0x30, 0x7f]),
            (0x80, &[0x30, 0x81, 0x80]),
            (0xff, &[0x30, 0x81, 0xff]),
            (0x100, &[0x30, 0x82, 0x01, 0x00]),
            (0x1_0000, &[0x30, 0x83, 0x01, 0x00, 0x00]),
        ] {
            let body = vec![0xab; length];
            let (one, two) = body.split_at(length / 3);
            let encoded = tlv(SEQUENCE, &[one, two]);
            assert_eq!(encoded, [header, &body].concat());
            assert_eq!(encoded.len(), framed(length));
            assert_eq!(Tlv::only(&encoded, SEQUENCE).unwrap().value, body);
            let library = AnyRef::new(Tag::Sequence, &body).unwrap();
            assert_eq!(encoded, library.to_der().unwrap());
        }
    }

    #[test]
    fn what_is_not_der_is_refused() {
        for (bytes, error) in [
            (&[][..], NotDer::Truncated),
            (&[0x30], NotDer::Truncated),
            (&[0x30, 0x01], NotDer::Truncated),
            (&[0x30, 0x82, 0x01], NotDer::Truncated),
            (&[0x30, 0x80, 0x00, 0x00], NotDer::Length),
            (&[0x30, 0x81, 0x01, 0x00], NotDer::Length),
            (&[0x30, 0x82, 0x00, 0x80], NotDer::Length),
            (&[0x30, 0x85, 1, 0, 0, 0, 0], NotDer::Length),
            (&[0x3f, 0x21, 0x00], NotDer::LongTag),
            (&[0x30, 0x00, 0x00], NotDer::Trailing),
            (
                &[0x31, 0x00],
                NotDer::Tag {
                    expected: 0x30,
                    found: 0x31,
                },
            ),
        ] {
            assert_eq!(Tlv::only(bytes, SEQUENCE).unwrap_err(), error, "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn frames_are_read_as_the_library_reads_them(
            header in prop::collection::vec(prop_oneof![0_u8..8, 0x7e_u8..0x85], 0..5),
            body in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let bytes = [&[SEQUENCE][..], &header, &body].concat();
            let ours = Tlv::only(&bytes, SEQUENCE).ok();
            let library = AnyRef::from_der(&bytes).ok();
            prop_assert_eq!(ours.map(|tlv| tlv.value), library.map(|any| any.value()));
            prop_assert!(library.is_none_or(|any| any.tag() == Tag::Sequence));
        }
    }
}
