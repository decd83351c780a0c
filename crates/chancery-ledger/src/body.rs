//! The canonical body of an entry: JSON in the form of RFC 8785.
//!
//! For these values that form is: the names of each object in order, nothing between, and no
//! character that needs an escape. Fields are declared in that order here, and nothing else is in
//! them than base64 and names of enumerations.

use serde::{Deserialize, Serialize};

use crate::algorithm::hash_name;
use crate::base64_bytes::Base64Bytes;
use crate::request::{Verifier, VerifierMaterial};
use crate::verify::{EntryKind, EntryRefused};
use chancery_keys::HashAlgorithm;

/// The most bytes of a body: a tile has its length in two bytes (c2sp.org/tlog-tiles).
pub const MAX_BODY_BYTES: usize = 65_535;

/// The version of both kinds of entries.
pub(crate) const API_VERSION: &str = "0.0.2";

/// A body, as it is written and read.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    pub(crate) spec: Spec,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) enum Spec {
    #[serde(rename = "hashedRekordV002")]
    HashedRekord {
        data: HashOutput,
        signature: SignatureFields,
    },
    #[serde(rename = "dsseV002")]
    Dsse {
        #[serde(rename = "payloadHash")]
        payload_hash: HashOutput,
        signatures: [SignatureFields; 1],
    },
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HashOutput {
    pub(crate) algorithm: String,
    pub(crate) digest: Base64Bytes,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignatureFields {
    pub(crate) content: Base64Bytes,
    pub(crate) verifier: VerifierFields,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifierFields {
    #[serde(rename = "keyDetails")]
    key_details: String,
    #[serde(rename = "publicKey", skip_serializing_if = "Option::is_none")]
    public_key: Option<RawBytes>,
    #[serde(rename = "x509Certificate", skip_serializing_if = "Option::is_none")]
    certificate: Option<RawBytes>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RawBytes {
    #[serde(rename = "rawBytes")]
    raw_bytes: Base64Bytes,
}

impl Body {
    /// Lays out the body of a signature over a digest.
    pub(crate) fn hashed_rekord(
        hash: HashAlgorithm,
        digest: Vec<u8>,
        signature: Vec<u8>,
        verifier: Verifier,
    ) -> Self {
        Self::new(Spec::HashedRekord {
            data: HashOutput::new(hash, digest),
            signature: SignatureFields::new(signature, verifier),
        })
    }

    /// Lays out the body of an envelope, of whose payload only the SHA-256 is logged.
    pub(crate) fn dsse(payload_sha256: Vec<u8>, signature: Vec<u8>, verifier: Verifier) -> Self {
        Self::new(Spec::Dsse {
            payload_hash: HashOutput::new(HashAlgorithm::Sha256, payload_sha256),
            signatures: [SignatureFields::new(signature, verifier)],
        })
    }

    fn new(spec: Spec) -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: spec.kind().name().to_owned(),
            spec,
        }
    }

    /// Reads a body; `None` for bytes that are not the canonical form of one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let body: Self = serde_json::from_slice(bytes).ok()?;
        let fits = body.api_version == API_VERSION && body.kind == body.spec.kind().name();
        (fits && body.encode().is_ok_and(|again| again == bytes)).then_some(body)
    }

    /// Writes the canonical form.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, EntryRefused> {
        let bytes = serde_json::to_vec(self).map_err(|e| EntryRefused::Json(e.to_string()))?;
        match bytes.len() {
            0..=MAX_BODY_BYTES => Ok(bytes),
            bytes => Err(EntryRefused::BodyTooLarge { bytes }),
        }
    }
}

impl Spec {
    fn kind(&self) -> EntryKind {
        match self {
            Self::HashedRekord { .. } => EntryKind::HashedRekord,
            Self::Dsse { .. } => EntryKind::Dsse,
        }
    }
}

impl HashOutput {
    fn new(hash: HashAlgorithm, digest: Vec<u8>) -> Self {
        Self {
            algorithm: hash_name(hash).to_owned(),
            digest: Base64Bytes(digest),
        }
    }
}

impl SignatureFields {
    fn new(content: Vec<u8>, verifier: Verifier) -> Self {
        let bytes = |bytes| {
            Some(RawBytes {
                raw_bytes: Base64Bytes(bytes),
            })
        };
        let (public_key, certificate) = match verifier.material {
            VerifierMaterial::PublicKey(key) => (bytes(key), None),
            VerifierMaterial::Certificate(der) => (None, bytes(der)),
        };
        Self {
            content: Base64Bytes(content),
            verifier: VerifierFields {
                key_details: verifier.key_details.name().to_owned(),
                public_key,
                certificate,
            },
        }
    }

    /// Takes them apart again; `None` if they are not what a request could have said.
    pub(crate) fn into_parts(self) -> Option<(Vec<u8>, Verifier)> {
        let VerifierFields {
            key_details,
            public_key,
            certificate,
        } = self.verifier;
        let material = match (public_key, certificate) {
            (Some(key), None) => VerifierMaterial::PublicKey(key.raw_bytes.0),
            (None, Some(der)) => VerifierMaterial::Certificate(der.raw_bytes.0),
            _ => return None,
        };
        let key_details = crate::KeyDetails::from_name(&key_details)?;
        let verifier = Verifier {
            material,
            key_details,
        };
        Some((self.content.0, verifier))
    }
}
