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

use crate::oid;
use crate::raw::{EXTENSIONS, RawTbs};
use crate::tlv::{
    BIT_STRING, BOOLEAN, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, framed, push, push_header, tlv,
};

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
        let kept = tbs.extensions.iter().filter(|extension| !extension.is(id));
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
    pub(crate) fn with_sct_list(&self, sct_list: &[u8]) -> Vec<u8> {
        let mut last = Vec::with_capacity(sct_list.len() + 32);
        let value = tlv(OCTET_STRING, &[sct_list]);
        push_extension(&mut last, oid::SCT_LIST, false, &value);
        self.encode(&last)
    }

    fn encode(&self, last: &[u8]) -> Vec<u8> {
        let list = self.extensions.len() + last.len();
        if list == 0 {
            return tlv(SEQUENCE, &[&self.head]);
        }
        let body = self.head.len() + framed(framed(list));
        let mut out = Vec::with_capacity(framed(body));
        push_header(&mut out, SEQUENCE, body);
        out.extend_from_slice(&self.head);
        push_header(&mut out, EXTENSIONS, framed(list));
        push(&mut out, SEQUENCE, &[&self.extensions, last]);
        out
    }
}

/// Encodes an extension after those that stand in `extensions` already.
pub(crate) fn push_extension(
    extensions: &mut Vec<u8>,
    id: ObjectIdentifier,
    critical: bool,
    value: &[u8],
) {
    push_extension_of(extensions, id.as_bytes(), critical, value);
}

/// The same for the identifier that an OBJECT IDENTIFIER holds.
pub(crate) fn push_extension_of(extensions: &mut Vec<u8>, id: &[u8], critical: bool, value: &[u8]) {
    const TRUE: &[u8] = &[BOOLEAN, 1, 0xff];
    // FALSE is the default, which DER leaves out (X.690, section 11.5).
    let critical = if critical { TRUE } else { &[] };
    let length = framed(id.len()) + critical.len() + framed(value.len());
    push_header(extensions, SEQUENCE, length);
    push(extensions, OBJECT_IDENTIFIER, &[id]);
    extensions.extend_from_slice(critical);
    push(extensions, OCTET_STRING, &[value]);
}

/// Encodes a certificate from its to-be-signed part, the signature algorithm's identifier and the
/// signature, which becomes a BIT STRING without unused bits.
pub(crate) fn certificate(tbs: &[u8], algorithm: &[u8], signature: &[u8]) -> Vec<u8> {
    let signature = tlv(BIT_STRING, &[&[0], signature]);
    tlv(SEQUENCE, &[tbs, algorithm, &signature])
}

#[cfg(test)]
mod tests {
    use der::Encode;
    use der::asn1::OctetString;
    use x509_cert::ext::Extension;

    use super::*;

    #[test]
    fn an_extension_is_encoded_as_the_library_encodes_it() {
        for length in [0, 1, 100, 127, 128, 240, 241, 255, 256, 5000] {
            for critical in [false, true] {
                let value = vec![0xab; length];
                let mut ours = Vec::new();
                push_extension(&mut ours, oid::SUBJECT_ALT_NAME, critical, &value);
                let library = Extension {
                    extn_id: oid::SUBJECT_ALT_NAME,
                    critical,
                    extn_value: OctetString::new(value).unwrap(),
                };
                assert_eq!(ours, library.to_der().unwrap());
            }
        }
    }

    #[test]
    fn the_poison_is_a_critical_extension_that_holds_null() {
        let mut poison = Vec::new();
        push_extension(&mut poison, oid::POISON, true, &[0x05, 0x00]);
        assert_eq!(poison, POISON);
    }
}
