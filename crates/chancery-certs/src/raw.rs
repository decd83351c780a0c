//! A certificate as the byte ranges of its DER, borrowed: what byte-for-byte comparisons and
//! signature inputs are made of. Decoding and encoding again could hide a difference.
//!
//! ```text
//! Certificate    ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature BIT STRING }
//! TBSCertificate ::= SEQUENCE { [0] version, serialNumber, signature, issuer, validity, subject,
//!                               subjectPublicKeyInfo, [1]?, [2]?, [3] { SEQUENCE OF Extension }? }
//! Extension      ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }
//! ```

use const_oid::ObjectIdentifier;

use crate::tbs::push_extension_of;
use crate::tlv::{
    BIT_STRING, BOOLEAN, NotDer, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, Tlv, TlvReader,
};

/// `version [0] EXPLICIT`.
pub(crate) const VERSION: u8 = 0xa0;
/// `issuerUniqueID [1] IMPLICIT BIT STRING`.
const ISSUER_UNIQUE_ID: u8 = 0x81;
/// `subjectUniqueID [2] IMPLICIT BIT STRING`.
const SUBJECT_UNIQUE_ID: u8 = 0x82;
/// `extensions [3] EXPLICIT`.
pub(crate) const EXTENSIONS: u8 = 0xa3;

/// Why bytes are not a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not a DER certificate: {0}")]
pub struct RawError(NotDer);

impl From<NotDer> for RawError {
    fn from(error: NotDer) -> Self {
        Self(error)
    }
}

/// A certificate in DER, cut into its parts. Every part is a whole tag-length-value.
#[derive(Debug)]
pub(crate) struct RawCertificate<'a> {
    pub(crate) tbs: RawTbs<'a>,
    pub(crate) signature_algorithm: &'a [u8],
    pub(crate) signed_part: &'a [u8],
    /// What the signature BIT STRING holds.
    pub(crate) signature: &'a [u8],
}

/// A to-be-signed certificate, cut into its parts. Every part is a whole tag-length-value.
#[derive(Debug)]
pub(crate) struct RawTbs<'a> {
    /// All fields before the extensions, as they stand.
    pub(crate) head: &'a [u8],
    /// Empty if it is left out, which means version 1.
    pub(crate) version: &'a [u8],
    pub(crate) serial_number: &'a [u8],
    pub(crate) signature: &'a [u8],
    pub(crate) issuer: &'a [u8],
    pub(crate) validity: &'a [u8],
    pub(crate) subject: &'a [u8],
    pub(crate) subject_public_key_info: &'a [u8],
    pub(crate) has_unique_identifier: bool,
    pub(crate) extensions: Vec<RawExtension<'a>>,
}

/// One extension of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawExtension<'a> {
    /// The whole extension.
    pub(crate) der: &'a [u8],
    /// What the extnID OBJECT IDENTIFIER holds.
    id: &'a [u8],
    pub(crate) critical: bool,
    /// What the extnValue OCTET STRING holds.
    pub(crate) value: &'a [u8],
}

impl<'a> RawCertificate<'a> {
    /// Cuts a certificate; nothing may follow it.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, RawError> {
        let mut body = TlvReader::new(Tlv::only(der, SEQUENCE)?.value);
        let signed_part = body.any()?.der;
        let tbs = RawTbs::parse(signed_part)?;
        let signature_algorithm = body.expect(SEQUENCE)?.der;
        let signature = body.expect(BIT_STRING)?;
        // A signature is whole octets: the first octet counts the unused bits of the last.
        let Some((0, signature)) = signature.value.split_first() else {
            return Err(NotDer::Value.into());
        };
        body.finish()?;
        Ok(Self {
            tbs,
            signature_algorithm,
            signed_part,
            signature,
        })
    }
}

impl<'a> RawTbs<'a> {
    /// Cuts a to-be-signed certificate; nothing may follow it.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, RawError> {
        let body = Tlv::only(der, SEQUENCE)?.value;
        let mut fields = TlvReader::new(body);
        let version = fields.optional(VERSION)?.map_or(&[][..], |field| field.der);
        let serial_number = fields.any()?.der;
        let signature = fields.expect(SEQUENCE)?.der;
        let issuer = fields.expect(SEQUENCE)?.der;
        let validity = fields.expect(SEQUENCE)?.der;
        let subject = fields.expect(SEQUENCE)?.der;
        let subject_public_key_info = fields.expect(SEQUENCE)?.der;
        let issuer_unique_id = fields.optional(ISSUER_UNIQUE_ID)?;
        let subject_unique_id = fields.optional(SUBJECT_UNIQUE_ID)?;
        let (head, _) = body.split_at(body.len() - fields.rest().len());
        Ok(Self {
            head,
            version,
            serial_number,
            signature,
            issuer,
            validity,
            subject,
            subject_public_key_info,
            has_unique_identifier: issuer_unique_id.or(subject_unique_id).is_some(),
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
            .filter(move |extension| extension.is(id))
    }
}

impl<'a> RawExtension<'a> {
    fn parse(extension: Tlv<'a>) -> Result<Self, NotDer> {
        let mut fields = TlvReader::new(extension.value);
        let id = fields.expect(OBJECT_IDENTIFIER)?.value;
        let critical = match fields.optional(BOOLEAN)?.map(|critical| critical.value) {
            // FALSE is the default: DER leaves it out, but old CA certificates do not.
            None | Some([0x00]) => false,
            Some([0xff]) => true,
            Some(_) => return Err(NotDer::Value),
        };
        let value = fields.expect(OCTET_STRING)?.value;
        fields.finish()?;
        Ok(Self {
            der: extension.der,
            id,
            critical,
            value,
        })
    }

    /// Tells whether this extension has an identifier.
    pub(crate) fn is(&self, id: ObjectIdentifier) -> bool {
        self.id == id.as_bytes()
    }

    /// Tells whether another extension has the same identifier.
    pub(crate) fn has_id_of(&self, other: &Self) -> bool {
        self.id == other.id
    }

    /// Returns the number of this extension, if it is directly below `arc`. Numbers of two octets
    /// and more are taken for none.
    pub(crate) fn number_below(&self, arc: ObjectIdentifier) -> Option<u8> {
        match self.id.strip_prefix(arc.as_bytes()) {
            Some(&[number]) if number < 0x80 => Some(number),
            _ => None,
        }
    }

    /// Encodes the extension again, as DER has it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.der.len());
        push_extension_of(&mut out, self.id, self.critical, self.value);
        out
    }

    /// Returns the identifier in dotted numbers.
    pub(crate) fn name(&self) -> String {
        let id = ObjectIdentifier::from_bytes(self.id);
        id.map_or_else(|_| "(malformed)".to_owned(), |id| id.to_string())
    }
}

/// Reads the rest of a to-be-signed certificate: the extensions, or nothing.
fn extensions(mut fields: TlvReader<'_>) -> Result<Vec<RawExtension<'_>>, NotDer> {
    let list = fields.optional(EXTENSIONS)?;
    fields.finish()?;
    let Some(list) = list else {
        return Ok(Vec::new());
    };
    let mut list = TlvReader::new(Tlv::only(list.value, SEQUENCE)?.value);
    let mut extensions = Vec::with_capacity(32);
    while !list.rest().is_empty() {
        extensions.push(RawExtension::parse(list.expect(SEQUENCE)?)?);
    }
    Ok(extensions)
}
