//! The body of an entry of Rekor v2, which must be of this artifact, signature and certificate.
//!
//! ```text
//! {"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{…},"signature":{…}}}}
//! {"apiVersion":"0.0.2","kind":"dsse","spec":{"dsseV002":{"payloadHash":{…},"signatures":[{…}]}}}
//! ```

use serde::Deserialize;

use super::super::error::VerifyError;
use super::super::signature::{Content, What};
use crate::bundle::TransparencyLogEntry;
use crate::bundle::protojson::{AtMost, Bytes, Object, object};
use crate::bundle::{Certificate, MessageDigest, limits};

/// The most bytes of a body: the ledger's tiles have two octets for its length.
const LONGEST: usize = 0xffff;

/// Why a body does not bind.
pub(super) enum Fault {
    Other(&'static str),
    Content(VerifyError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    api_version: String,
    kind: String,
    spec: Object<Spec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    #[serde(rename = "hashedRekordV002")]
    hashed_rekord: Option<Object<HashedRekord>>,
    #[serde(rename = "dsseV002")]
    dsse: Option<Object<Dsse>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashedRekord {
    data: Object<MessageDigest>,
    signature: Object<Signature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Dsse {
    payload_hash: Object<MessageDigest>,
    signatures: AtMost<Object<Signature>, { limits::SIGNATURES }>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    content: Bytes<{ limits::SIGNATURE_BYTES }>,
    verifier: Object<Verifier>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Verifier {
    /// What the ledger took the key for. The key's own algorithm verifies.
    #[serde(rename = "keyDetails")]
    _key_details: String,
    x509_certificate: Option<Object<Certificate>>,
}

/// Verifies that an entry is of this content.
pub(super) fn verify(entry: &TransparencyLogEntry, content: &Content<'_>) -> Result<(), Fault> {
    let body = &entry.canonicalized_body.0;
    if body.len() > LONGEST {
        return Err(Fault::Other("it is longer than a ledger's entry can be"));
    }
    let body: Body = object(body).map_err(|_| Fault::Other("it is no entry of Rekor v2"))?;
    let named = &entry.kind_version;
    if body.kind != named.kind || body.api_version != named.version {
        return Err(Fault::Other("it is of another kind than the entry says"));
    }
    match (&*body.kind, body.spec.0) {
        (
            "hashedrekord",
            Spec {
                hashed_rekord: Some(body),
                dsse: None,
            },
        ) => {
            let digest = content.digest(body.data.algorithm.into());
            if digest.map_err(Fault::Content)? != body.data.digest.0 {
                return Err(Fault::Other("it is of another artifact"));
            }
            body.signature.check(content)
        }
        (
            "dsse",
            Spec {
                hashed_rekord: None,
                dsse: Some(body),
            },
        ) => {
            let What::Envelope { payload, .. } = &content.what else {
                return Err(Fault::Other(
                    "it is of an envelope, and the bundle has none",
                ));
            };
            if payload.digest(body.payload_hash.algorithm.into()) != body.payload_hash.digest.0 {
                return Err(Fault::Other("it is of another payload"));
            }
            match &body.signatures.0[..] {
                [signature] => signature.check(content),
                _ => Err(Fault::Other("it has no signature")),
            }
        }
        _ => Err(Fault::Other("it is of no kind that Rekor v2 has")),
    }
}

impl Signature {
    fn check(&self, content: &Content<'_>) -> Result<(), Fault> {
        if self.content.0 != content.signature {
            return Err(Fault::Other("it has another signature"));
        }
        match &self.verifier.x509_certificate {
            Some(certificate) if certificate.raw_bytes.0 == content.leaf.der => Ok(()),
            _ => Err(Fault::Other("it has another certificate")),
        }
    }
}
