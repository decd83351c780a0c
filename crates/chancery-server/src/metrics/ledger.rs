//! What the ledgers take and refuse.

use std::time::Duration;

use chancery_ledger::{AddError, LoggedEntry};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::LogLabels;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RefusedLabels {
    log: String,
    reason: &'static str,
}

#[derive(Debug)]
pub(super) struct LedgerMetrics {
    entries: Family<LogLabels, Counter>,
    refused: Family<RefusedLabels, Counter>,
    duration: Histogram,
}

impl Default for LedgerMetrics {
    fn default() -> Self {
        Self {
            entries: Family::default(),
            refused: Family::default(),
            // 0.5 ms to 16 s.
            duration: Histogram::new(exponential_buckets(0.000_5, 2.0, 16)),
        }
    }
}

impl LedgerMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("entries", "Entries logged", self.entries.clone());
        registry.register(
            "refused",
            "Requests for an entry that were not granted, by the reason",
            self.refused.clone(),
        );
        registry.register(
            "entry_duration_seconds",
            "Time from a request to its logged entry with its proof",
            self.duration.clone(),
        );
    }

    /// Counts what became of a request.
    pub(super) fn answered(
        &self,
        log: &str,
        answer: &Result<LoggedEntry, AddError>,
        took: Duration,
    ) {
        match answer {
            Ok(_) => {
                self.entries.get_or_create(&LogLabels::of(log)).inc();
                self.duration.observe(took.as_secs_f64());
            }
            Err(error) => {
                let labels = RefusedLabels {
                    log: log.to_owned(),
                    reason: reason(error),
                };
                self.refused.get_or_create(&labels).inc();
            }
        }
    }
}

fn reason(error: &AddError) -> &'static str {
    match error {
        AddError::Refused(_) => "invalid",
        AddError::NotAccepted(_) => "not-accepted",
        AddError::Duplicate { .. } => "duplicate",
        AddError::Frozen => "frozen",
        AddError::Limited { .. } => "limited",
        AddError::Busy => "busy",
        AddError::Append(_) | AddError::Read(_) => "unavailable",
        AddError::Aborted => "aborted",
    }
}
