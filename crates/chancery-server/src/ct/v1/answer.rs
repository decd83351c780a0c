//! Answers in RFC 6962's JSON, section 4.

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
        self.with_body(Json(body))
    }

    /// Makes the answer of what is JSON already.
    pub(super) fn with_json(self, json: String) -> Response {
        let content_type = [(header::CONTENT_TYPE, "application/json")];
        self.with_body((content_type, json))
    }

    fn with_body(self, body: impl IntoResponse) -> Response {
        let cache = match self {
            Self::None => "no-store",
            Self::Minute => "public, max-age=60",
            Self::Day => "public, max-age=86400",
        };
        let headers: [(HeaderName, &str); 2] = [
            (header::CACHE_CONTROL, cache),
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        ];
        (headers, body).into_response()
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
            // Only logs of issued certificates are served here, and those have one.
            tree_head_signature: match &signed.signature {
                Some(signature) => base64(&signature.encode()),
                None => String::new(),
            },
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

/// Entries, written as they are read: an answer may have megabytes, which nothing else would wait
/// for if they were written at once. Base64 has nothing that JSON escapes.
#[derive(Default)]
pub(super) struct Entries(String);

impl Entries {
    pub(super) fn push(&mut self, leaf_input: &[u8], extra_data: &[u8]) {
        let begin = match self.0.is_empty() {
            true => r#"{"entries":[{"leaf_input":""#,
            false => r#",{"leaf_input":""#,
        };
        self.0.push_str(begin);
        STANDARD.encode_string(leaf_input, &mut self.0);
        self.0.push_str(r#"","extra_data":""#);
        STANDARD.encode_string(extra_data, &mut self.0);
        self.0.push_str(r#""}"#);
    }

    /// Returns the whole document.
    pub(super) fn into_json(mut self) -> String {
        self.0.push_str(match self.0.is_empty() {
            true => r#"{"entries":[]}"#,
            false => "]}",
        });
        self.0
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn entries_are_written_as_json_one_by_one() {
        let written = |entries: Entries| serde_json::from_str::<Value>(&entries.into_json());
        let mut entries = Entries::default();
        assert_eq!(
            written(Entries::default()).unwrap(),
            json!({ "entries": [] })
        );
        entries.push(&[1, 2], b"");
        entries.push(&[0xfb; 4], &[0xff; 3]);
        let expected = json!({ "entries": [
            { "leaf_input": "AQI=", "extra_data": "" },
            { "leaf_input": "+/v7+w==", "extra_data": "////" },
        ] });
        assert_eq!(written(entries).unwrap(), expected);
    }
}
