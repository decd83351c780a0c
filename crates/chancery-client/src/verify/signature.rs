//! The signature, over the artifact or over what an envelope holds.

use chancery_keys::HashAlgorithm;

use super::artifact::Artifact;
use super::chain::Leaf;
use super::error::{Check, VerifyError};
use super::hashed::Hashed;
use crate::bundle::{Bundle, UnverifiedBundle, Version};

/// What is signed, by what, and with which certificate: all that the other checks compare with.
pub(crate) struct Content<'a> {
    pub(crate) bundle: &'a Bundle,
    pub(crate) version: Version,
    pub(crate) leaf: &'a Leaf<'a>,
    pub(crate) signature: &'a [u8],
    pub(crate) what: What<'a>,
}

/// What is signed.
pub(crate) enum What<'a> {
    Message(&'a Artifact),
    Envelope {
        artifact: &'a Artifact,
        payload_type: &'a str,
        payload: Hashed<&'a [u8]>,
        /// What DSSE signs of both: its pre-authentication encoding.
        encoded: Hashed<Vec<u8>>,
    },
}

/// A signature that the certificate's key has made over the artifact or the envelope's content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifiedSignature(Vec<u8>);

impl VerifiedSignature {
    /// Returns the signature's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<'a> Content<'a> {
    pub(super) fn of(
        bundle: &'a UnverifiedBundle,
        artifact: &'a Artifact,
        leaf: &'a Leaf<'a>,
    ) -> Result<Self, VerifyError> {
        let version = bundle.version;
        let bundle = &bundle.wire;
        let what = match &bundle.dsse_envelope {
            Some(envelope) => What::Envelope {
                artifact,
                payload_type: &envelope.payload_type.0,
                payload: Hashed::new(&envelope.payload.0),
                encoded: Hashed::new(pre_authentication(
                    &envelope.payload_type.0,
                    &envelope.payload.0,
                )),
            },
            None => What::Message(artifact),
        };
        let signed = bundle.message_signature.as_ref();
        if let Some(hint) = signed.and_then(|signed| signed.message_digest.as_ref()) {
            match artifact.digest(hint.algorithm.into()) {
                Some(digest) if digest == hint.digest.0 => {}
                Some(digest) => {
                    return Err(Check::Artifact.failed(format_args!(
                        "the signature is of {}, and the artifact is {}",
                        hex::encode(&hint.digest.0),
                        hex::encode(digest)
                    )));
                }
                None => return Err(unknown(hint.algorithm.into())),
            }
        }
        Ok(Self {
            bundle,
            version,
            leaf,
            signature: bundle.signature(),
            what,
        })
    }

    /// Returns the digest of what is signed.
    pub(crate) fn digest(&self, algorithm: HashAlgorithm) -> Result<Vec<u8>, VerifyError> {
        match &self.what {
            What::Message(artifact) => match artifact.digest(algorithm) {
                Some(digest) => Ok(digest.to_vec()),
                None => Err(unknown(algorithm)),
            },
            What::Envelope { encoded, .. } => Ok(encoded.digest(algorithm).to_vec()),
        }
    }
}

fn unknown(algorithm: HashAlgorithm) -> VerifyError {
    Check::Artifact.failed(format_args!(
        "the artifact's {algorithm} is needed, and only another digest of it is known"
    ))
}

/// Verifies the signature with the certificate's key.
pub(super) fn verify(content: &Content<'_>) -> Result<VerifiedSignature, VerifyError> {
    let key = &content.leaf.key;
    let over_digest =
        key.verify_digest(&content.digest(key.digest_algorithm())?, content.signature);
    let verified = match &content.what {
        What::Message(_) => over_digest,
        // Pure Ed25519 has no digest; the content of an envelope is at hand.
        What::Envelope { encoded, .. } => {
            over_digest.or_else(|_| key.verify(encoded.bytes(), content.signature))
        }
    };
    match verified {
        Ok(()) => Ok(VerifiedSignature(content.signature.to_vec())),
        Err(_) => Err(Check::Signature.failed("the certificate's key has not made the signature")),
    }
}

/// DSSE's pre-authentication encoding: <https://github.com/secure-systems-lab/dsse>.
pub(crate) fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}
