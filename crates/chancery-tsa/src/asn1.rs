//! The ASN.1 of RFC 3161, and of RFC 5035 what a timestamp needs of it, as it goes over the wire.
//!
//! Names and order are those of the ASN.1 modules. Nothing here is checked beyond its form.

use cms::content_info::ContentInfo;
use der::asn1::{Any, BitString, GeneralizedTime, Int, ObjectIdentifier, OctetString};
use der::{DecodeValue, EncodeValue, FixedTag, Header, Length, Reader, Sequence, Tag, Writer};
use spki::AlgorithmIdentifierOwned;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::serial_number::SerialNumber;

/// id-ct-TSTInfo: RFC 3161, section 2.4.2.
pub(crate) const ID_CT_TST_INFO: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// id-signedData: RFC 5652, section 5.1.
pub(crate) const ID_SIGNED_DATA: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// id-contentType: RFC 5652, section 11.1.
pub(crate) const ID_CONTENT_TYPE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
/// id-messageDigest: RFC 5652, section 11.2.
pub(crate) const ID_MESSAGE_DIGEST: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
/// id-signingTime: RFC 5652, section 11.3.
pub(crate) const ID_SIGNING_TIME: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
/// id-aa-signingCertificateV2: RFC 5035, section 3.
pub(crate) const ID_SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

/// What a client sends: RFC 3161, section 2.4.1.
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
pub(crate) struct TimeStampReq {
    pub(crate) version: u8,
    pub(crate) message_imprint: MessageImprint,
    pub(crate) req_policy: Option<ObjectIdentifier>,
    pub(crate) nonce: Option<Int>,
    #[asn1(default = "bool::default")]
    pub(crate) cert_req: bool,
    #[asn1(
        context_specific = "0",
        tag_mode = "IMPLICIT",
        constructed = "true",
        optional = "true"
    )]
    pub(crate) extensions: Option<Extensions>,
}

/// The hash that is stamped.
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
pub(crate) struct MessageImprint {
    pub(crate) hash_algorithm: AlgorithmIdentifierOwned,
    pub(crate) hashed_message: OctetString,
}

/// What is answered: RFC 3161, section 2.4.2.
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
pub(crate) struct TimeStampResp {
    pub(crate) status: PkiStatusInfo,
    pub(crate) time_stamp_token: Option<ContentInfo>,
}

/// Whether there is a timestamp, and if not, why.
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
pub(crate) struct PkiStatusInfo {
    pub(crate) status: u8,
    pub(crate) status_string: Option<Vec<String>>,
    pub(crate) fail_info: Option<BitString>,
}

/// What is signed: RFC 3161, section 2.4.2.
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
pub(crate) struct TstInfo {
    pub(crate) version: u8,
    pub(crate) policy: ObjectIdentifier,
    pub(crate) message_imprint: MessageImprint,
    pub(crate) serial_number: Int,
    pub(crate) gen_time: GenTime,
    pub(crate) accuracy: Option<Accuracy>,
    #[asn1(default = "bool::default")]
    pub(crate) ordering: bool,
    pub(crate) nonce: Option<Int>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(crate) tsa: Option<GeneralName>,
    #[asn1(
        context_specific = "1",
        tag_mode = "IMPLICIT",
        constructed = "true",
        optional = "true"
    )]
    pub(crate) extensions: Option<Extensions>,
}

/// How far the time may be off, in either direction.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Sequence)]
pub(crate) struct Accuracy {
    pub(crate) seconds: Option<u64>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) millis: Option<u16>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) micros: Option<u16>,
}

/// The certificate that signs, named under the signature: RFC 5035, section 3.
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
pub(crate) struct SigningCertificateV2 {
    pub(crate) certs: Vec<EssCertIdV2>,
    pub(crate) policies: Option<Vec<Any>>,
}

/// A certificate by its hash: RFC 5035, section 4. No algorithm means SHA-256.
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
pub(crate) struct EssCertIdV2 {
    pub(crate) hash_algorithm: Option<AlgorithmIdentifierOwned>,
    pub(crate) cert_hash: OctetString,
    pub(crate) issuer_serial: Option<IssuerSerial>,
}

/// A certificate by its issuer: RFC 5035, section 4.
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
pub(crate) struct IssuerSerial {
    pub(crate) issuer: Vec<GeneralName>,
    pub(crate) serial_number: SerialNumber,
}

/// The time in a timestamp: a `GeneralizedTime` that may have a fraction of a second (RFC 3161,
/// section 2.4.2), which RFC 5280 and with it [`GeneralizedTime`] do not allow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct GenTime {
    /// The whole seconds.
    pub(crate) seconds: GeneralizedTime,
    /// What comes after them; 0 in what we stamp.
    pub(crate) nanos: u32,
}

impl FixedTag for GenTime {
    const TAG: Tag = Tag::GeneralizedTime;
}

impl<'a> DecodeValue<'a> for GenTime {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        const WHOLE: usize = "YYYYMMDDHHMMSS".len();
        const LONGEST: usize = WHOLE + ".123456789Z".len();
        let malformed = || Self::TAG.value_error();
        let length = usize::try_from(header.length())?;
        if length > LONGEST {
            return Err(malformed().into());
        }
        let text = reader.read_vec(header.length())?;
        let (whole, rest) = text.split_at_checked(WHOLE).ok_or_else(malformed)?;
        let mut seconds = vec![0x18, 15];
        seconds.extend_from_slice(whole);
        seconds.push(b'Z');
        let seconds = <GeneralizedTime as der::Decode>::from_der(&seconds)?;
        let nanos = match rest {
            b"Z" => 0,
            [b'.', digits @ .., b'Z'] => nanos(digits).ok_or_else(malformed)?,
            _ => return Err(malformed().into()),
        };
        Ok(Self { seconds, nanos })
    }
}

/// Reads the decimals of a second; in DER there is at least one, and the last is not zero.
fn nanos(digits: &[u8]) -> Option<u32> {
    if digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) || *digits.last()? == b'0' {
        return None;
    }
    let digits = std::str::from_utf8(digits).ok()?;
    format!("{digits:0<9}").parse().ok()
}

impl EncodeValue for GenTime {
    fn value_len(&self) -> der::Result<Length> {
        match self.nanos {
            0 => self.seconds.value_len(),
            _ => Length::try_from(self.with_fraction()?.len()),
        }
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        match self.nanos {
            0 => self.seconds.encode_value(writer),
            _ => writer.write(&self.with_fraction()?),
        }
    }
}

impl GenTime {
    fn with_fraction(self) -> der::Result<Vec<u8>> {
        let mut text = Vec::new();
        self.seconds.encode_value(&mut text)?;
        text.pop();
        let fraction = format!(".{:09}", self.nanos);
        text.extend_from_slice(fraction.trim_end_matches('0').as_bytes());
        text.push(b'Z');
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use der::{Decode, Encode};

    use super::*;

    fn der(text: &str) -> Vec<u8> {
        let mut der = vec![0x18, u8::try_from(text.len()).unwrap()];
        der.extend_from_slice(text.as_bytes());
        der
    }

    #[test]
    fn a_time_with_a_fraction_is_read_and_written_again_as_it_was() {
        for (text, nanos) in [
            ("20261101120005Z", 0),
            ("20261101120005.5Z", 500_000_000),
            ("20261101120005.000000001Z", 1),
        ] {
            let time = GenTime::from_der(&der(text)).unwrap();
            assert_eq!(time.nanos, nanos, "{text}");
            assert_eq!(time.seconds.to_unix_duration().as_secs(), 1_793_534_405);
            assert_eq!(time.to_der().unwrap(), der(text));
        }
    }

    #[test]
    fn a_time_in_another_form_is_no_time() {
        for text in [
            "",
            "Z",
            "20261101120005",
            "202611011200Z",
            "20261101120005.Z",
            "20261101120005.50Z",
            "20261101120005.-1Z",
            "20261101120005.1234567891Z",
            "20261101120005+0100",
            "20261301120005Z",
        ] {
            assert!(GenTime::from_der(&der(text)).is_err(), "{text}");
        }
    }
}
