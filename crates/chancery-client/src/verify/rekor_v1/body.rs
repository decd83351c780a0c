//! What Rekor v1 has entered, held against what was signed: digest, signature and certificate.
//!
//! ```text
//! hashedrekord 0.0.1   digest of the artifact, signature, base64 of the certificate in PEM
//! dsse 0.0.1           digest of the payload, signatures in base64, base64 of the certificate in PEM
//! intoto 0.0.2         the same in an envelope, where signatures are in base64 twice
//! ```
//! Both kinds of envelopes also have a hash over the JSON that was sent to the log. No bundle has
//! that JSON, so no verifier can compare it; payload and signature, which covers the payload's type,
//! say the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::bundle::limits;
use crate::bundle::protojson::{AtMost, Object, object};

/// What was signed, from parts of the bundle that the signature is verified with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed<'a> {
    /// What it is a signature of.
    pub(crate) content: Content<'a>,
    /// The signature.
    pub(crate) signature: &'a [u8],
    /// The certificate of the key that signed, in DER.
    pub(crate) certificate: &'a [u8],
}

/// What a signature is of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'a> {
    /// An artifact, by the digests that are known of it, each with its algorithm's name: `sha256`,
    /// `sha384` or `sha512`.
    Artifact(&'a [(&'a str, &'a [u8])]),
    /// The payload of a DSSE envelope with just this one signature.
    Payload(&'a [u8]),
}

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

/// Refuses a body that is not of what was signed.
///
/// # Errors
/// [`BodyError`] says what in it is another.
pub(super) fn require(
    body: &[u8],
    kind: (&str, &str),
    signed: &Signed<'_>,
) -> Result<(), BodyError> {
    match (kind, signed.content) {
        (("hashedrekord", "0.0.1"), Content::Artifact(digests)) => {
            let spec: HashedRekord = parse(body, kind)?;
            let hash = &spec.data.hash;
            let mut same = digests.iter().filter(|(name, _)| *name == hash.algorithm);
            let (algorithm, digest) = same.next().ok_or(BodyError::Digest)?;
            hash.require(algorithm, digest)?;
            let signature = decode(&spec.signature.content);
            signed.require(signature, &spec.signature.public_key.content)
        }
        (("dsse", "0.0.1"), Content::Payload(payload)) => {
            let spec: Dsse = parse(body, kind)?;
            spec.payload_hash
                .require("sha256", &Sha256::digest(payload))?;
            let [only] = &spec.signatures.0[..] else {
                return Err(BodyError::Signature);
            };
            signed.require(decode(&only.signature), &only.verifier)
        }
        (("intoto", "0.0.2"), Content::Payload(payload)) => {
            let spec: Intoto = parse(body, kind)?;
            let content = &spec.content;
            content
                .payload_hash
                .require("sha256", &Sha256::digest(payload))?;
            let [only] = &content.envelope.signatures.0[..] else {
                return Err(BodyError::Signature);
            };
            let once = decode(&only.sig).and_then(|text| String::from_utf8(text).ok());
            signed.require(once.and_then(|text| decode(&text)), &only.public_key)
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
    fn require(&self, algorithm: &str, digest: &[u8]) -> Result<(), BodyError> {
        match self.algorithm == algorithm && self.value == hex::encode(digest) {
            true => Ok(()),
            false => Err(BodyError::Digest),
        }
    }
}

impl Signed<'_> {
    /// Refuses another signature, and another certificate: base64 of PEM.
    fn require(&self, signature: Option<Vec<u8>>, verifier: &str) -> Result<(), BodyError> {
        if signature.as_deref() != Some(self.signature) {
            return Err(BodyError::Signature);
        }
        let pem = decode(verifier).ok_or(BodyError::Certificate)?;
        let block = pem::parse(pem).map_err(|_| BodyError::Certificate)?;
        match block.tag() == "CERTIFICATE" && block.contents() == self.certificate {
            true => Ok(()),
            false => Err(BodyError::Certificate),
        }
    }
}
