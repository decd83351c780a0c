//! The members of a bundle as they stand in the file, in the specification's order.
//!
//! Members that are not known are refused, as protobuf's JSON mapping has it: whoever wrote one
//! meant something by it that would not be verified.

use chancery_keys::HashAlgorithm;
use serde::{Deserialize, Serialize};

use super::limits;
use super::media_type::Version;
use super::protojson::{AtMost, Bytes, Int64, Object, Text};

/// The whole file.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Bundle {
    pub(crate) media_type: String,
    pub(crate) verification_material: Object<VerificationMaterial>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_signature: Option<Object<MessageSignature>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dsse_envelope: Option<Object<DsseEnvelope>>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct VerificationMaterial {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<Object<Certificate>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) x509_certificate_chain: Option<Object<CertificateChain>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_key: Option<Object<PublicKeyHint>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tlog_entries: Option<AtMost<Object<TransparencyLogEntry>, { limits::ENTRIES }>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timestamp_verification_data: Option<Object<Timestamps>>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Certificate {
    pub(crate) raw_bytes: Bytes<{ limits::CERTIFICATE_BYTES }>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateChain {
    pub(crate) certificates: AtMost<Object<Certificate>, { limits::CHAIN }>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublicKeyHint {
    #[serde(default)]
    hint: String,
}

/// An entry of a ledger.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TransparencyLogEntry {
    #[serde(default)]
    pub(crate) log_index: Int64,
    pub(crate) log_id: Object<LogId>,
    pub(crate) kind_version: Object<KindVersion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) integrated_time: Option<Int64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) inclusion_promise: Option<Object<InclusionPromise>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) inclusion_proof: Option<Object<InclusionProof>>,
    pub(crate) canonicalized_body: Bytes<{ limits::BODY_BYTES }>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LogId {
    pub(crate) key_id: Bytes<{ limits::HASH_BYTES }>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KindVersion {
    pub(crate) kind: String,
    pub(crate) version: String,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct InclusionPromise {
    pub(crate) signed_entry_timestamp: Bytes<{ limits::SIGNATURE_BYTES }>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct InclusionProof {
    #[serde(default)]
    pub(crate) log_index: Int64,
    pub(crate) root_hash: Bytes<{ limits::HASH_BYTES }>,
    pub(crate) tree_size: Int64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hashes: Option<AtMost<Bytes<{ limits::HASH_BYTES }>, { limits::PROOF_HASHES }>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checkpoint: Option<Object<Checkpoint>>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Checkpoint {
    pub(crate) envelope: Text<{ limits::CHECKPOINT_BYTES }>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Timestamps {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rfc3161_timestamps: Option<AtMost<Object<SignedTimestamp>, { limits::TIMESTAMPS }>>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SignedTimestamp {
    pub(crate) signed_timestamp: Bytes<{ limits::TIMESTAMP_BYTES }>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct MessageSignature {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_digest: Option<Object<MessageDigest>>,
    pub(crate) signature: Bytes<{ limits::SIGNATURE_BYTES }>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageDigest {
    pub(crate) algorithm: Sha2,
    pub(crate) digest: Bytes<{ limits::HASH_BYTES }>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DsseEnvelope {
    pub(crate) payload: Bytes<{ limits::BUNDLE_BYTES }>,
    pub(crate) payload_type: Text<{ limits::TYPE_BYTES }>,
    pub(crate) signatures: AtMost<Object<DsseSignature>, { limits::SIGNATURES }>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DsseSignature {
    pub(crate) sig: Bytes<{ limits::SIGNATURE_BYTES }>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keyid: Option<String>,
}

/// The hash functions of the specification's `HashAlgorithm` that are taken.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Sha2 {
    #[serde(rename = "SHA2_256")]
    Sha256,
    #[serde(rename = "SHA2_384")]
    Sha384,
    #[serde(rename = "SHA2_512")]
    Sha512,
}

impl From<HashAlgorithm> for Sha2 {
    fn from(algorithm: HashAlgorithm) -> Self {
        match algorithm {
            HashAlgorithm::Sha256 => Self::Sha256,
            HashAlgorithm::Sha384 => Self::Sha384,
            HashAlgorithm::Sha512 => Self::Sha512,
        }
    }
}

impl From<Sha2> for HashAlgorithm {
    fn from(algorithm: Sha2) -> Self {
        match algorithm {
            Sha2::Sha256 => Self::Sha256,
            Sha2::Sha384 => Self::Sha384,
            Sha2::Sha512 => Self::Sha512,
        }
    }
}

impl Bundle {
    /// Checks that there is what the version wants, and one of those that exclude each other.
    pub(super) fn check_members(&self, version: Version) -> Result<(), &'static str> {
        let material = &self.verification_material;
        match (&self.message_signature, &self.dsse_envelope) {
            (Some(_), None) => {}
            (None, Some(envelope)) if envelope.signatures.0.len() == 1 => {}
            (None, Some(_)) => return Err("its envelope has no signature"),
            _ => return Err("it has neither, or both, of messageSignature and dsseEnvelope"),
        }
        if material.public_key.is_some() {
            return Err("it is signed with a key and not with a certificate of an identity");
        }
        if self.entries().iter().any(|entry| entry.log_index.0 < 0) {
            return Err("the logIndex of an entry is negative");
        }
        match (&material.certificate, &material.x509_certificate_chain) {
            (Some(_), None) => Ok(()),
            (None, Some(_)) if version == Version::V0_3 => {
                Err("it has a chain, but bundles of version 0.3 have one certificate")
            }
            (None, Some(chain)) if !chain.certificates.0.is_empty() => Ok(()),
            _ => Err("it has no certificate, or it has one and a chain"),
        }
    }

    /// Returns the certificate that signed, in DER. Others of a chain say nothing: whose they are
    /// is for the trust root to say.
    pub(crate) fn certificate(&self) -> &[u8] {
        let material = &self.verification_material;
        let first = || {
            material
                .x509_certificate_chain
                .as_ref()?
                .certificates
                .0
                .first()
        };
        let certificate = material.certificate.as_ref().or_else(first);
        certificate.map_or(&[], |certificate| &certificate.raw_bytes.0)
    }

    /// Returns the signature, over the artifact or over the envelope's content.
    pub(crate) fn signature(&self) -> &[u8] {
        let of_message = self.message_signature.as_ref().map(|one| &one.signature.0);
        let of_envelope = || Some(&self.dsse_envelope.as_ref()?.signatures.0.first()?.sig.0);
        of_message.or_else(of_envelope).map_or(&[], Vec::as_slice)
    }

    /// Returns the entries of ledgers.
    pub(crate) fn entries(&self) -> &[Object<TransparencyLogEntry>] {
        let entries = self.verification_material.tlog_entries.as_ref();
        entries.map_or(&[], |entries| &entries.0)
    }

    /// Returns the timestamps in DER.
    pub(crate) fn timestamps(&self) -> impl Iterator<Item = &[u8]> {
        let data = self
            .verification_material
            .timestamp_verification_data
            .as_ref();
        let timestamps = data.and_then(|data| data.rfc3161_timestamps.as_ref());
        let timestamps = timestamps.map_or(&[][..], |timestamps| &timestamps.0);
        timestamps.iter().map(|one| &one.signed_timestamp.0[..])
    }
}
