//! What the timestamp authority stamps and refuses, and how far its clock is off.

use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use chancery_tsa::{FailureInfo, TimestampAuthority};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The reason as RFC 3161 names it.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ReasonLabels {
    reason: &'static str,
}

/// Of a line that there is at most once.
type NoLabels = [(&'static str, &'static str); 0];

#[derive(Debug, Default)]
pub(super) struct TimestampMetrics {
    stamped: Counter,
    refused: Family<ReasonLabels, Counter>,
    /// With no line as long as it is not known, or there is no authority.
    ahead: Family<NoLabels, Gauge<f64, AtomicU64>>,
    expires: Family<NoLabels, Gauge<f64, AtomicU64>>,
}

impl TimestampMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("stamped", "Timestamps given out", self.stamped.clone());
        registry.register(
            "refused",
            "Requests for timestamps that were not granted, by the reason of RFC 3161",
            self.refused.clone(),
        );
        registry.register(
            "clock_ahead_seconds",
            "By how much the clock is ahead of the NTP servers, negative if it is behind",
            self.ahead.clone(),
        );
        registry.register(
            "certificate_expires_seconds",
            "When the authority's certificates end, in seconds since the Unix epoch",
            self.expires.clone(),
        );
    }

    pub(super) fn stamped(&self) {
        self.stamped.inc();
    }

    pub(super) fn refused(&self, failure: FailureInfo) {
        let reason = failure.name();
        self.refused.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Takes over how the authority stands.
    pub(super) fn stand(&self, authority: &TimestampAuthority) {
        self.ahead.clear();
        if let Some(ahead) = authority.clock_ahead() {
            self.ahead.get_or_create(&[]).set(ahead);
        }
        let ends = authority.chain().not_after();
        let ends = ends.duration_since(SystemTime::UNIX_EPOCH);
        let ends = ends.map_or(0.0, |since| since.as_secs_f64());
        self.expires.get_or_create(&[]).set(ends);
    }
}
