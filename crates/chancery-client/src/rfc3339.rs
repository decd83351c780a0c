//! Times as messages write them.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Writes a time in UTC, such as `2026-11-01T12:00:05Z`.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let written = OffsetDateTime::from(time).format(&Rfc3339);
    written.unwrap_or_else(|_| "a time without a name".to_owned())
}
