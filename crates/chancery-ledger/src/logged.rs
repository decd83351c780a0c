//! What is answered for an entry (`dev.sigstore.rekor.v1.TransparencyLogEntry`).

use chancery_tlog::{Hash, TreeHead};
use serde::Serialize;

use crate::base64_bytes::Base64Bytes;
use crate::body::API_VERSION;
use crate::verify::EntryKind;

/// An entry that the published checkpoint covers, with the proof. Only a ledger makes one.
#[derive(Clone, Debug)]
pub struct LoggedEntry {
    pub(crate) kind: EntryKind,
    pub(crate) body: Vec<u8>,
    pub(crate) leaf_index: u64,
    pub(crate) log_id: [u8; 32],
    pub(crate) tree: TreeHead,
    pub(crate) hashes: Vec<Hash>,
    pub(crate) checkpoint: String,
}

impl LoggedEntry {
    /// Returns what kind of entry it is.
    pub fn kind(&self) -> EntryKind {
        self.kind
    }

    /// Returns the version of its kind.
    pub fn version(&self) -> &'static str {
        API_VERSION
    }

    /// Returns the canonical body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the entry's place.
    pub fn leaf_index(&self) -> u64 {
        self.leaf_index
    }

    /// Returns the log's id: all 32 bytes of the hash that the key id of its notes begins.
    pub fn log_id(&self) -> &[u8; 32] {
        &self.log_id
    }

    /// Returns the tree that the proof leads to.
    pub fn tree(&self) -> &TreeHead {
        &self.tree
    }

    /// Returns the inclusion proof.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Returns the checkpoint of that tree, a signed note.
    pub fn checkpoint(&self) -> &str {
        &self.checkpoint
    }

    /// Writes the answer in protobuf's JSON. Fields without a value are there, too, and 64-bit
    /// integers are strings: clients insist on both.
    ///
    /// # Errors
    ///
    /// None that can be thought of: everything is text.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let bytes = |bytes: &[u8]| Base64Bytes(bytes.to_vec());
        serde_json::to_vec(&Fields {
            log_index: self.leaf_index.to_string(),
            log_id: LogId {
                key_id: bytes(&self.log_id),
            },
            kind_version: KindVersion {
                kind: self.kind.name(),
                version: self.version(),
            },
            integrated_time: "0",
            inclusion_promise: None,
            inclusion_proof: InclusionProof {
                log_index: self.leaf_index.to_string(),
                root_hash: bytes(self.tree.root_hash.as_bytes()),
                tree_size: self.tree.tree_size.to_string(),
                hashes: self.hashes.iter().map(|h| bytes(h.as_bytes())).collect(),
                checkpoint: Checkpoint {
                    envelope: &self.checkpoint,
                },
            },
            canonicalized_body: bytes(&self.body),
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    log_index: String,
    log_id: LogId,
    kind_version: KindVersion,
    integrated_time: &'a str,
    inclusion_promise: Option<()>,
    inclusion_proof: InclusionProof<'a>,
    canonicalized_body: Base64Bytes,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: Base64Bytes,
}

#[derive(Serialize)]
struct KindVersion {
    kind: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InclusionProof<'a> {
    log_index: String,
    root_hash: Base64Bytes,
    tree_size: String,
    hashes: Vec<Base64Bytes>,
    checkpoint: Checkpoint<'a>,
}

#[derive(Serialize)]
struct Checkpoint<'a> {
    envelope: &'a str,
}
