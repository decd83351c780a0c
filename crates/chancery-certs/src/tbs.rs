//! A to-be-signed certificate as the bytes that never change, and the one extension that does.
//!
//! The precertificate's, the log's and the final to-be-signed certificate differ in their last
//! extension alone, so the rest is encoded once and all three are made by the same splice:
//!
//! ```text
//! SEQUENCE { head ‖ [3] { SEQUENCE { extensions ‖ last } } }
//! last = poison (precertificate) | nothing (what the log hashes) | SCT list (final)
//! ```

use const_oid::ObjectIdentifier;
use der::asn1::OctetStringRef;
use der::{Encode, Header, Length, Tag, TagNumber};

use crate::oid;
use crate::raw::{ExtensionRef, RawTbs};

/// The poison extension, whole: critical, its value a NULL (RFC 6962, section 3.1).
pub(crate) const POISON: &[u8] = &[
    0x30, 0x13, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x03, 0x01, 0x01,
    0xff, 0x04, 0x02, 0x05, 0x00,
];

/// What the precertificate and the final certificate have in common.
#[derive(Debug, Clone)]
pub(crate) struct TbsParts {
    /// The fields before the extensions, encoded one after the other.
    pub(crate) head: Vec<u8>,
    /// All extensions but the last, encoded one after the other.
    pub(crate) extensions: Vec<u8>,
}

impl TbsParts {
    /// Takes a certificate apart, leaving out every extension with the identifier.
    pub(crate) fn without(tbs: &RawTbs<'_>, id: ObjectIdentifier) -> Self {
        let kept = tbs.extensions.iter().filter(|extension| extension.id != id);
        Self {
            head: tbs.head.to_vec(),
            extensions: kept.flat_map(|extension| extension.der).copied().collect(),
        }
    }

    /// Encodes the to-be-signed certificate of the precertificate.
    pub(crate) fn with_poison(&self) -> Vec<u8> {
        self.encode(POISON)
    }

    /// Encodes the to-be-signed certificate that a log hashes (RFC 6962, section 3.2).
    pub(crate) fn for_log(&self) -> Vec<u8> {
        self.encode(&[])
    }

    /// Encodes the to-be-signed certificate of the final certificate. `sct_list` is the TLS
    /// `SignedCertificateTimestampList`; the extension wraps it in an OCTET STRING of its own
    /// (RFC 6962, section 3.3).
    pub(crate) fn with_sct_list(&self, sct_list: &[u8]) -> Result<Vec<u8>, der::Error> {
        let value = tlv(Tag::OctetString, &[sct_list]);
        let mut last = Vec::with_capacity(value.len() + 32);
        push_extension(&mut last, oid::SCT_LIST, false, &value)?;
        Ok(self.encode(&last))
    }

    fn encode(&self, last: &[u8]) -> Vec<u8> {
        if self.extensions.is_empty() && last.is_empty() {
            return tlv(Tag::Sequence, &[&self.head]);
        }
        let list = tlv(Tag::Sequence, &[&self.extensions, last]);
        let explicit = Tag::ContextSpecific {
            constructed: true,
            number: TagNumber(3),
        };
        tlv(Tag::Sequence, &[&self.head, &tlv(explicit, &[&list])])
    }
}

/// Encodes an extension after those that stand in `extensions` already.
pub(crate) fn push_extension(
    extensions: &mut Vec<u8>,
    id: ObjectIdentifier,
    critical: bool,
    value: &[u8],
) -> Result<(), der::Error> {
    let extension = ExtensionRef {
        extn_id: id,
        critical,
        extn_value: OctetStringRef::new(value)?,
    };
    extension.encode_to_vec(extensions)?;
    Ok(())
}

/// Encodes a certificate from its to-be-signed part, the signature algorithm's identifier and the
/// signature, which becomes a BIT STRING without unused bits.
pub(crate) fn certificate(tbs: &[u8], algorithm: &[u8], signature: &[u8]) -> Vec<u8> {
    let signature = tlv(Tag::BitString, &[&[0], signature]);
    tlv(Tag::Sequence, &[tbs, algorithm, &signature])
}

/// Encodes the concatenation of `parts` under a tag.
#[expect(
    clippy::expect_used,
    reason = "a certificate's parts are bounded by kilobytes, DER's lengths by 4 GiB"
)]
pub(crate) fn tlv(tag: Tag, parts: &[&[u8]]) -> Vec<u8> {
    const LONGEST_HEADER: usize = 6;
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let header = Header::new(tag, Length::try_from(length).expect("less than 4 GiB"));
    let mut out = Vec::with_capacity(LONGEST_HEADER + length);
    header.encode_to_vec(&mut out).expect("less than 4 GiB");
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_spliced_in_der_at_every_size_of_header() {
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
            let encoded = tlv(Tag::Sequence, &[one, two]);
            assert_eq!(encoded, [header, &body].concat());
        }
    }

    #[test]
    fn the_poison_is_a_critical_extension_that_holds_null() {
        let mut poison = Vec::new();
        push_extension(&mut poison, oid::POISON, true, &[0x05, 0x00]).unwrap();
        assert_eq!(poison, POISON);
    }
}
