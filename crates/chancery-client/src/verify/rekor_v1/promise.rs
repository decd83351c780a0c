//! What an inclusion promise of Rekor v1 is signed over.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::entry::Entry;

/// Members in the order of their names, as canonical JSON (RFC 8785) wants it.
#[derive(Serialize)]
struct Promised {
    body: String,
    #[serde(rename = "integratedTime")]
    integrated_time: i64,
    #[serde(rename = "logID")]
    log_id: String,
    #[serde(rename = "logIndex")]
    log_index: u64,
}

/// Returns the canonical JSON. Its texts are base64 and hexadecimal, in which nothing is escaped, and
/// its numbers are whole; so it is what `serde_json` writes.
pub(super) fn text(entry: &Entry<'_>) -> Option<String> {
    let promised = Promised {
        body: STANDARD.encode(entry.body),
        integrated_time: entry.integrated_time,
        log_id: hex::encode(entry.log_id),
        log_index: entry.log_index,
    };
    serde_json::to_string(&promised).ok()
}
