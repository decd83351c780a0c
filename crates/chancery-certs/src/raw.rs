//! A certificate as the byte ranges of its DER, borrowed: what byte-for-byte comparisons and
//! signature inputs are made of. Decoding and encoding again could hide a difference.
//!
//! ```text
//! Certificate    ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature BIT STRING }
//! TBSCertificate ::= SEQUENCE { [0] version, serialNumber, signature, issuer, validity, subject,
//!                               subjectPublicKeyInfo, [1]?, [2]?, [3] { SEQUENCE OF Extension }? }
//! ```

use const_oid::ObjectIdentifier;
use der::asn1::{BitStringRef, ContextSpecific, OctetStringRef};
use der::{AnyRef, Decode, Header, Reader, Sequence, SliceReader, Tag, TagNumber};

/// Why bytes are not a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not a DER certificate")]
pub struct RawError(#[from] der::Error);

/// A certificate in DER, cut into its parts. Every part is a whole tag-length-value.
#[derive(Debug)]
pub(crate) struct RawCertificate<'a> {
    pub(crate) tbs: RawTbs<'a>,
    pub(crate) signature_algorithm: &'a [u8],
}

/// A to-be-signed certificate, cut into its parts. Every part is a whole tag-length-value.
#[derive(Debug)]
pub(crate) struct RawTbs<'a> {
    /// All fields before the extensions, as they stand.
    pub(crate) head: &'a [u8],
    pub(crate) serial_number: &'a [u8],
    pub(crate) signature: &'a [u8],
    pub(crate) issuer: &'a [u8],
    pub(crate) validity: &'a [u8],
    pub(crate) subject: &'a [u8],
    pub(crate) subject_public_key_info: &'a [u8],
    pub(crate) extensions: Vec<RawExtension<'a>>,
}

/// One extension of a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RawExtension<'a> {
    /// The whole extension.
    pub(crate) der: &'a [u8],
    pub(crate) id: ObjectIdentifier,
    pub(crate) critical: bool,
    /// What the extnValue OCTET STRING holds.
    pub(crate) value: &'a [u8],
}

/// An extension whose value is borrowed (RFC 5280, section 4.1).
#[derive(Sequence)]
pub(crate) struct ExtensionRef<'a> {
    pub(crate) extn_id: ObjectIdentifier,
    #[asn1(default = "Default::default")]
    pub(crate) critical: bool,
    pub(crate) extn_value: &'a OctetStringRef,
}

impl<'a> RawCertificate<'a> {
    /// Cuts a certificate; nothing may follow it.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, RawError> {
        let mut body = SliceReader::new(sequence(der)?)?;
        let tbs = RawTbs::parse(body.tlv_bytes()?)?;
        let signature_algorithm = body.tlv_bytes()?;
        let signature = BitStringRef::decode(&mut body)?;
        if signature.has_unused_bits() {
            return Err(der::Error::from(Tag::BitString.value_error()).into());
        }
        body.finish()?;
        Ok(Self {
            tbs,
            signature_algorithm,
        })
    }
}

impl<'a> RawTbs<'a> {
    /// Cuts a to-be-signed certificate; nothing may follow it.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, RawError> {
        let body = sequence(der)?;
        let mut fields = SliceReader::new(body)?;
        if next_is_context_specific(&fields, 0) {
            fields.tlv_bytes()?;
        }
        let serial_number = fields.tlv_bytes()?;
        let signature = fields.tlv_bytes()?;
        let issuer = fields.tlv_bytes()?;
        let validity = fields.tlv_bytes()?;
        let subject = fields.tlv_bytes()?;
        let subject_public_key_info = fields.tlv_bytes()?;
        while next_is_context_specific(&fields, 1) || next_is_context_specific(&fields, 2) {
            fields.tlv_bytes()?;
        }
        let (head, _) = body.split_at(usize::try_from(fields.position())?);
        Ok(Self {
            head,
            serial_number,
            signature,
            issuer,
            validity,
            subject,
            subject_public_key_info,
            extensions: extensions(fields)?,
        })
    }

    /// Returns the extensions with one identifier.
    pub(crate) fn extensions_with(
        &self,
        id: ObjectIdentifier,
    ) -> impl Iterator<Item = &RawExtension<'a>> {
        self.extensions
            .iter()
            .filter(move |extension| extension.id == id)
    }
}

/// Returns the content of a SEQUENCE that nothing follows.
fn sequence(der: &[u8]) -> Result<&[u8], der::Error> {
    let any = AnyRef::from_der(der)?;
    der::Tagged::tag(&any).assert_eq(Tag::Sequence)?;
    Ok(any.value())
}

fn next_is_context_specific(reader: &SliceReader<'_>, number: u32) -> bool {
    Header::peek(reader).is_ok_and(|header| match header.tag() {
        Tag::ContextSpecific { number: found, .. } => found == TagNumber(number),
        _ => false,
    })
}

/// Reads the rest of a to-be-signed certificate: the extensions, or nothing.
fn extensions<'a>(mut fields: SliceReader<'a>) -> Result<Vec<RawExtension<'a>>, der::Error> {
    let list = ContextSpecific::<AnyRef<'a>>::decode_explicit(&mut fields, TagNumber(3))?;
    fields.finish()?;
    let Some(list) = list else {
        return Ok(Vec::new());
    };
    der::Tagged::tag(&list.value).assert_eq(Tag::Sequence)?;
    let mut list = SliceReader::new(list.value.value())?;
    let mut extensions = Vec::with_capacity(32);
    while !list.is_finished() {
        let der = list.tlv_bytes()?;
        let extension = ExtensionRef::from_der(der)?;
        extensions.push(RawExtension {
            der,
            id: extension.extn_id,
            critical: extension.critical,
            value: extension.extn_value.as_bytes(),
        });
    }
    Ok(extensions)
}
