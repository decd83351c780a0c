//! What Rekor v1 has entered, held against what was signed: digest, signature and certificate.
//!
//! ```text
//! hashedrekord 0.0.1   digest of what is signed (the artifact, or an envelope's pre-authentication
//!                      encoding), signature, base64 of the certificate in PEM
//! dsse 0.0.1           digest of the payload, signatures in base64, base64 of the certificate in PEM
//! intoto 0.0.2         the same in an envelope, where signatures are in base64 twice
//! ```
//! Both kinds of envelopes also have a hash over the JSON that was sent to the log. No bundle has
//! that JSON, so no verifier can compare it; payload and signature, which covers the payload's type,
//! say the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::HashAlgorithm;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::hashed::Hashed;
use super::super::signature::{Content, What};
use crate::bundle::protojson::{AtMost, Object, object};
use crate::bundle::{TransparencyLogEntry, limits};

/// Why an entry is not of what was signed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is none that is known here.
    #[error("{kind} {version} is no kind of entry that is known here for this kind of bundle")]
    Kind {
        /// What the bundle calls it.
        kind: String,
        /// And its version.
        version: String,
    },
    /// It is not of the shape of its kind.
    #[error("its body is not of its kind: {0}")]
    Shape(String),
    /// It has another digest.
    #[error("it has another digest")]
    Digest,
    /// It has another signature, or more than one.
    #[error("it has another signature")]
    Signature,
    /// It has another certificate, or a bare key.
    #[error("it has another certificate")]
    Certificate,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<S> {
    api_version: String,
    kind: String,
    spec: Object<S>,
}

#[derive(Deserialize)]
struct HashOf {
    algorithm: String,
    value: String,
}

#[derive(Deserialize)]
struct HashedRekord {
    data: Object<Data>,
    signature: Object<RekordSignature>,
}

#[derive(Deserialize)]
struct Data {
    hash: Object<HashOf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RekordSignature {
    content: String,
    public_key: Object<Verifier>,
}

#[derive(Deserialize)]
struct Verifier {
    content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dsse {
    payload_hash: Object<HashOf>,
    signatures: AtMost<Object<DsseSignature>, { limits::SIGNATURES }>,
}

#[derive(Deserialize)]
struct DsseSignature {
    signature: String,
    verifier: String,
}

#[derive(Deserialize)]
struct Intoto {
    content: Object<IntotoContent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoContent {
    envelope: Object<IntotoEnvelope>,
    payload_hash: Object<HashOf>,
}

#[derive(Deserialize)]
struct IntotoEnvelope {
    signatures: AtMost<Object<IntotoSignature>, { limits::SIGNATURES }>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoSignature {
    sig: String,
    public_key: String,
}

/// Refuses an entry whose body is not of what was signed.
///
/// # Errors
/// [`BodyError`] says what in it is another.
pub(super) fn require(
    entry: &TransparencyLogEntry,
    content: &Content<'_>,
) -> Result<(), BodyError> {
    let body = &entry.canonicalized_body.0;
    let kind = (&*entry.kind_version.kind, &*entry.kind_version.version);
    match (kind, &content.what) {
        (("hashedrekord", "0.0.1"), _) => {
            let spec: HashedRekord = parse(body, kind)?;
            spec.data.hash.require_of(content)?;
            let signature = decode(&spec.signature.content);
            require_signature(content, signature, &spec.signature.public_key.content)
        }
        (("dsse", "0.0.1"), What::Envelope { payload, .. }) => {
            let spec: Dsse = parse(body, kind)?;
            spec.payload_hash.require_payload(payload)?;
            let [only] = &spec.signatures.0[..] else {
                return Err(BodyError::Signature);
            };
            require_signature(content, decode(&only.signature), &only.verifier)
        }
        (("intoto", "0.0.2"), What::Envelope { payload, .. }) => {
            let spec: Intoto = parse(body, kind)?;
            let of = &spec.content;
            of.payload_hash.require_payload(payload)?;
            let [only] = &of.envelope.signatures.0[..] else {
                return Err(BodyError::Signature);
            };
            let once = decode(&only.sig).and_then(|text| String::from_utf8(text).ok());
            let twice = once.and_then(|text| decode(&text));
            require_signature(content, twice, &only.public_key)
        }
        ((kind, version), _) => Err(BodyError::Kind {
            kind: kind.to_owned(),
            version: version.to_owned(),
        }),
    }
}

fn parse<S: DeserializeOwned>(body: &[u8], kind: (&str, &str)) -> Result<S, BodyError> {
    let body: Body<S> = object(body).map_err(|error| BodyError::Shape(error.to_string()))?;
    match (&*body.kind, &*body.api_version) == kind {
        true => Ok(body.spec.0),
        false => Err(BodyError::Shape(format!(
            "it calls itself {} {}",
            body.kind, body.api_version
        ))),
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

impl HashOf {
    /// Refuses another digest than that of what is signed, and one that is not known of it.
    fn require_of(&self, content: &Content<'_>) -> Result<(), BodyError> {
        let algorithm = match &*self.algorithm {
            "sha256" => HashAlgorithm::Sha256,
            "sha384" => HashAlgorithm::Sha384,
            "sha512" => HashAlgorithm::Sha512,
            _ => return Err(BodyError::Digest),
        };
        match content.digest(algorithm) {
            Ok(digest) if hex::encode(&digest) == self.value => Ok(()),
            _ => Err(BodyError::Digest),
        }
    }

    /// Refuses another digest than that of a payload.
    fn require_payload(&self, payload: &Hashed<&[u8]>) -> Result<(), BodyError> {
        let digest = payload.digest(HashAlgorithm::Sha256);
        match self.algorithm == "sha256" && self.value == hex::encode(digest) {
            true => Ok(()),
            false => Err(BodyError::Digest),
        }
    }
}

/// Refuses another signature, and another certificate: base64 of PEM.
fn require_signature(
    content: &Content<'_>,
    signature: Option<Vec<u8>>,
    verifier: &str,
) -> Result<(), BodyError> {
    if signature.as_deref() != Some(content.signature) {
        return Err(BodyError::Signature);
    }
    let pem = decode(verifier).ok_or(BodyError::Certificate)?;
    let block = pem::parse(pem).map_err(|_| BodyError::Certificate)?;
    match block.tag() == "CERTIFICATE" && block.contents() == content.leaf.der {
        true => Ok(()),
        false => Err(BodyError::Certificate),
    }
}
