//! What a client sends (`dev.sigstore.rekor.v2.CreateEntryRequest`), read strictly and not judged yet.
//!
//! Protobuf's JSON mapping: fields by either of their names, none twice, none unknown; a `null` is a
//! field that is not there.

use serde::Deserialize;

use crate::algorithm::{self, KeyDetails};
use crate::base64_bytes::Base64Bytes;
use crate::json_object::Object;
use crate::verify::EntryRefused;

/// The most bytes of a request. A body has at most 65,535; a DSSE envelope comes with its payload.
pub const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// A request for an entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EntryRequest {
    /// A signature over a digest.
    HashedRekord(HashedRekordRequest),
    /// A signed envelope, as older clients send it.
    Dsse(DsseRequest),
}

/// A signature over a digest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HashedRekordRequest {
    /// The digest of what was signed.
    pub digest: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// What verifies it.
    pub verifier: Verifier,
}

/// A DSSE envelope with one signature. The signature's `keyid`, which is a hint, is left out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DsseRequest {
    /// What was signed.
    pub payload: Vec<u8>,
    /// What the payload is.
    pub payload_type: String,
    /// The signature over payload and type.
    pub signature: Vec<u8>,
    /// What verifies it.
    pub verifier: Verifier,
}

/// A key, or a certificate for it, and what the request says of the key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verifier {
    /// The key or certificate.
    pub material: VerifierMaterial,
    /// What kind of key it is said to be.
    pub key_details: KeyDetails,
}

/// What a signature is verified with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum VerifierMaterial {
    /// A certificate in DER.
    Certificate(Vec<u8>),
    /// A `SubjectPublicKeyInfo` in DER.
    PublicKey(Vec<u8>),
}

impl EntryRequest {
    /// Reads the JSON of a request.
    ///
    /// # Errors
    ///
    /// JSON that is no request for exactly one entry with all of its fields.
    pub fn parse(json: &[u8]) -> Result<Self, EntryRefused> {
        if json.len() > MAX_REQUEST_BYTES {
            return Err(EntryRefused::TooLarge);
        }
        let request: Object<CreateEntry> =
            serde_json::from_slice(json).map_err(|e| EntryRefused::Json(e.to_string()))?;
        let Object(request) = request;
        match (request.hashed_rekord, request.dsse) {
            (Some(Object(hashed_rekord)), None) => hashed_rekord.complete().map(Self::HashedRekord),
            (None, Some(Object(dsse))) => dsse.complete().map(Self::Dsse),
            _ => Err(EntryRefused::NotOneEntry),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateEntry {
    #[serde(
        rename = "hashedRekordRequestV002",
        alias = "hashed_rekord_request_v002"
    )]
    hashed_rekord: Option<Object<HashedRekord>>,
    #[serde(rename = "dsseRequestV002", alias = "dsse_request_v002")]
    dsse: Option<Object<Dsse>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashedRekord {
    digest: Option<Base64Bytes>,
    signature: Option<Object<Signature>>,
}

impl HashedRekord {
    fn complete(self) -> Result<HashedRekordRequest, EntryRefused> {
        let Object(signature) = self.signature.ok_or(EntryRefused::Missing("signature"))?;
        Ok(HashedRekordRequest {
            digest: present(self.digest, "digest")?,
            signature: present(signature.content, "signature.content")?,
            verifier: VerifierFields::complete(signature.verifier)?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    content: Option<Base64Bytes>,
    verifier: Option<Object<VerifierFields>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VerifierFields {
    #[serde(rename = "publicKey", alias = "public_key")]
    public_key: Option<Object<RawBytes>>,
    #[serde(rename = "x509Certificate", alias = "x509_certificate")]
    certificate: Option<Object<RawBytes>>,
    #[serde(
        rename = "keyDetails",
        alias = "key_details",
        default,
        deserialize_with = "algorithm::deserialize"
    )]
    key_details: Option<KeyDetails>,
}

impl VerifierFields {
    fn complete(verifier: Option<Object<Self>>) -> Result<Verifier, EntryRefused> {
        let Object(verifier) = verifier.ok_or(EntryRefused::Missing("verifier"))?;
        let bytes = |Object(raw): Object<RawBytes>| present(raw.raw_bytes, "verifier's rawBytes");
        let material = match (verifier.certificate, verifier.public_key) {
            (Some(certificate), None) => VerifierMaterial::Certificate(bytes(certificate)?),
            (None, Some(key)) => VerifierMaterial::PublicKey(bytes(key)?),
            (None, None) => {
                return Err(EntryRefused::Missing(
                    "verifier's x509Certificate or publicKey",
                ));
            }
            (Some(_), Some(_)) => return Err(EntryRefused::TwoVerifiers),
        };
        let missing = EntryRefused::Missing("verifier's keyDetails");
        Ok(Verifier {
            material,
            key_details: verifier.key_details.ok_or(missing)?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBytes {
    #[serde(rename = "rawBytes", alias = "raw_bytes")]
    raw_bytes: Option<Base64Bytes>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dsse {
    envelope: Option<Object<Envelope>>,
    verifiers: Option<Vec<Object<VerifierFields>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    payload: Option<Base64Bytes>,
    #[serde(rename = "payloadType")]
    payload_type: Option<String>,
    signatures: Option<Vec<Object<EnvelopeSignature>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeSignature {
    sig: Option<Base64Bytes>,
    #[serde(rename = "keyid")]
    _keyid: Option<String>,
}

impl Dsse {
    fn complete(self) -> Result<DsseRequest, EntryRefused> {
        let Object(envelope) = self.envelope.ok_or(EntryRefused::Missing("envelope"))?;
        let Object(signature) = only(envelope.signatures)?;
        let verifier = only(self.verifiers)?;
        Ok(DsseRequest {
            payload: present(envelope.payload, "envelope.payload")?,
            payload_type: envelope
                .payload_type
                .filter(|kind| !kind.is_empty())
                .ok_or(EntryRefused::Missing("envelope.payloadType"))?,
            signature: present(signature.sig, "envelope.signatures.sig")?,
            verifier: VerifierFields::complete(Some(verifier))?,
        })
    }
}

/// Takes the one there is: bundles have one signature.
fn only<T>(many: Option<Vec<T>>) -> Result<T, EntryRefused> {
    let mut many = many.unwrap_or_default();
    match (many.pop(), many.is_empty()) {
        (Some(one), true) => Ok(one),
        _ => Err(EntryRefused::NotOneSignature),
    }
}

fn present(bytes: Option<Base64Bytes>, field: &'static str) -> Result<Vec<u8>, EntryRefused> {
    match bytes {
        Some(Base64Bytes(bytes)) if !bytes.is_empty() => Ok(bytes),
        _ => Err(EntryRefused::Missing(field)),
    }
}
