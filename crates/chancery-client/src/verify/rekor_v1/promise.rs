//! The promise of Rekor v1 to include an entry, signed over the time as well.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::super::error::{Check, VerifyError};
use crate::bundle::TransparencyLogEntry;
use crate::trust::TrustedLedger;

/// A promise that a trusted ledger has made, at a time when it counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct VerifiedPromise {
    /// When the ledger took the entry.
    pub(super) time: SystemTime,
    /// The entry's place among all that the ledger and its predecessors have.
    pub(super) log_index: u64,
}

impl VerifiedPromise {
    /// Verifies the promise of an entry; `None` if it has none.
    pub(super) fn verify(
        ledger: &TrustedLedger,
        entry: &TransparencyLogEntry,
    ) -> Result<Option<Self>, VerifyError> {
        let failed = |why: &str| Check::InclusionPromise.failed(why);
        let Some(promise) = &entry.inclusion_promise else {
            return Ok(None);
        };
        let seconds = entry.integrated_time.map_or(0, |time| time.0);
        let time = time_of(seconds).ok_or_else(|| failed("the entry's time is none"))?;
        let log_index = u64::try_from(entry.log_index.0);
        let log_index = log_index.map_err(|_| failed("the entry's place is negative"))?;
        let promised = Promised {
            body: STANDARD.encode(&entry.canonicalized_body.0),
            integrated_time: seconds,
            log_id: hex::encode(&entry.log_id.key_id.0),
            log_index,
        };
        let unsigned = |_| failed("the inclusion promise is not signed by the log");
        let promised = serde_json::to_string(&promised).map_err(|_| unsigned(()))?;
        let signature = &promise.signed_entry_timestamp.0;
        let verified = ledger.key.verify(promised.as_bytes(), signature);
        verified.map_err(|_| unsigned(()))?;
        match ledger.window.holds(time) {
            true => Ok(Some(Self { time, log_index })),
            false => Err(Check::Ledger
                .failed("the entry's time is outside the window in which the log is trusted")),
        }
    }
}

/// Members in the order of their names, as canonical JSON (RFC 8785) wants it. Its texts are base64
/// and hexadecimal, in which nothing is escaped, and its numbers are whole; so it is what
/// `serde_json` writes.
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

/// Returns the time of a number of seconds since 1970; `None` for none, and for times before.
fn time_of(seconds: i64) -> Option<SystemTime> {
    let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}
