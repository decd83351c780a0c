//! Answers in RFC 6962's JSON, section 4.

use axum::Json;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chancery_log::SignedHead;
use chancery_tlog::Hash;
use http::{HeaderName, header};
use serde::Serialize;

use super::query::base64;

/// How long an answer may be kept.
#[derive(Clone, Copy)]
pub(super) enum Lifetime {
    /// It may be another at once.
    None,
    /// There will be more soon.
    Minute,
    /// It never changes.
    Day,
}

impl Lifetime {
    /// Makes the answer, which any page may read.
    pub(super) fn with(self, body: impl Serialize) -> Response {
        let cache = match self {
            Self::None => "no-store",
            Self::Minute => "public, max-age=60",
            Self::Day => "public, max-age=86400",
        };
        let headers: [(HeaderName, &str); 2] = [
            (header::CACHE_CONTROL, cache),
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        ];
        (headers, Json(body)).into_response()
    }
}

#[derive(Serialize)]
pub(super) struct SignedTreeHead {
    tree_size: u64,
    timestamp: u64,
    sha256_root_hash: String,
    tree_head_signature: String,
}

impl SignedTreeHead {
    pub(super) fn of(signed: &SignedHead) -> Self {
        Self {
            tree_size: signed.head.tree.tree_size,
            timestamp: signed.head.timestamp_ms,
            sha256_root_hash: base64(signed.head.tree.root_hash.as_bytes()),
            tree_head_signature: base64(&signed.signature.encode()),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Consistency {
    consistency: Vec<String>,
}

impl Consistency {
    pub(super) fn of(proof: &[Hash]) -> Self {
        Self {
            consistency: path(proof),
        }
    }
}

#[derive(Serialize)]
pub(super) struct ProofByHash {
    leaf_index: u64,
    audit_path: Vec<String>,
}

impl ProofByHash {
    pub(super) fn of(leaf_index: u64, proof: &[Hash]) -> Self {
        Self {
            leaf_index,
            audit_path: path(proof),
        }
    }
}

#[derive(Default, Serialize)]
pub(super) struct Entries {
    entries: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    leaf_input: String,
    extra_data: String,
}

impl Entries {
    pub(super) fn push(&mut self, leaf_input: &[u8], extra_data: &[u8]) {
        self.entries.push(Entry {
            leaf_input: base64(leaf_input),
            extra_data: base64(extra_data),
        });
    }
}

#[derive(Serialize)]
pub(super) struct EntryAndProof {
    leaf_input: String,
    extra_data: String,
    audit_path: Vec<String>,
}

impl EntryAndProof {
    pub(super) fn of(leaf_input: &[u8], extra_data: &[u8], proof: &[Hash]) -> Self {
        Self {
            leaf_input: base64(leaf_input),
            extra_data: base64(extra_data),
            audit_path: path(proof),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Roots {
    certificates: Vec<String>,
}

impl Roots {
    pub(super) fn of(ders: &[Bytes]) -> Self {
        Self {
            certificates: ders.iter().map(|der| base64(der)).collect(),
        }
    }
}

fn path(proof: &[Hash]) -> Vec<String> {
    proof.iter().map(|hash| base64(hash.as_bytes())).collect()
}
