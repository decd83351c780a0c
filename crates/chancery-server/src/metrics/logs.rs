//! How large each log is, how it stands, how far it was verified, and how far it was exported.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use chancery_log::LogStatus;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{gauge, now};

/// The log's name in its URL.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct LogLabels {
    pub(super) log: String,
}

#[derive(Debug, Default)]
pub(super) struct LogGauges {
    tree_size: Family<LogLabels, Gauge>,
    waiting: Family<LogLabels, Gauge>,
    halted: Family<LogLabels, Gauge>,
    checkpoint_age: Family<LogLabels, Gauge<f64, AtomicU64>>,
}

#[derive(Debug, Default)]
pub(super) struct ScrubGauges {
    findings: Family<LogLabels, Gauge>,
    completed_at: Family<LogLabels, Gauge<f64, AtomicU64>>,
    size: Family<LogLabels, Gauge>,
}

#[derive(Debug, Default)]
pub(super) struct ExportGauges {
    size: Family<LogLabels, Gauge>,
    failures: Family<LogLabels, Counter>,
    pruned_below: Family<LogLabels, Gauge>,
}

impl LogLabels {
    pub(super) fn of(name: &str) -> Self {
        Self {
            log: name.to_owned(),
        }
    }
}

impl LogGauges {
    /// Forgets every log, as some may be gone.
    pub(super) fn clear(&self) {
        self.tree_size.clear();
        self.waiting.clear();
        self.halted.clear();
        self.checkpoint_age.clear();
    }

    /// Takes over what an open log says about itself.
    pub(super) fn stand(&self, name: &str, status: &LogStatus, now_ms: u64) {
        let log = &LogLabels::of(name);
        let size = gauge(status.tree.tree_size);
        self.tree_size.get_or_create(log).set(size);
        let waiting = i64::try_from(status.waiting).unwrap_or(i64::MAX);
        self.waiting.get_or_create(log).set(waiting);
        let halted = i64::from(status.halted.is_some());
        self.halted.get_or_create(log).set(halted);
        let age = Duration::from_millis(now_ms.saturating_sub(status.timestamp_ms));
        let gauge = self.checkpoint_age.get_or_create(log);
        gauge.set(age.as_secs_f64());
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "tree_size",
            "Entries under the newest head",
            self.tree_size.clone(),
        );
        registry.register(
            "pool_waiting",
            "Entries that wait to be logged",
            self.waiting.clone(),
        );
        registry.register(
            "halted",
            "1 if nothing is signed any more",
            self.halted.clone(),
        );
        registry.register(
            "checkpoint_age_seconds",
            "Time since the newest head; grows while nothing is issued",
            self.checkpoint_age.clone(),
        );
    }
}

impl ScrubGauges {
    /// Takes over what a verification found; `whole` is the log's size if all of it was verified.
    pub(super) fn found(&self, log: &str, findings: u64, whole: Option<u64>) {
        let log = &LogLabels::of(log);
        self.findings.get_or_create(log).set(gauge(findings));
        if let Some(size) = whole {
            self.completed_at.get_or_create(log).set(now());
            self.size.get_or_create(log).set(gauge(size));
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "findings",
            "What the last verification of the stored log in the background found wrong",
            self.findings.clone(),
        );
        registry.register(
            "completed_seconds",
            "When the whole log was last verified, in seconds since the Unix epoch",
            self.completed_at.clone(),
        );
        registry.register(
            "size",
            "How many entries the log had when it was last verified whole",
            self.size.clone(),
        );
    }
}

impl ExportGauges {
    pub(super) fn exported(&self, log: &str, size: u64) {
        let of_log = self.size.get_or_create(&LogLabels::of(log));
        of_log.set(gauge(size));
    }

    pub(super) fn failed(&self, log: &str) {
        let counter = self.failures.get_or_create(&LogLabels::of(log));
        counter.inc();
    }

    pub(super) fn pruned(&self, log: &str, below: u64) {
        let of_log = self.pruned_below.get_or_create(&LogLabels::of(log));
        of_log.set(gauge(below));
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "size",
            "How many entries the published files had when they were last looked at",
            self.size.clone(),
        );
        registry.register(
            "failures",
            "Attempts to export or prune that failed",
            self.failures.clone(),
        );
        registry.register(
            "pruned_below",
            "How many of the first entries are in published files only",
            self.pruned_below.clone(),
        );
    }
}
