//! Counters, gauges and histograms, exposed as `OpenMetrics` text.

mod fulcio;
mod ledger;
mod logs;
mod timestamps;
mod trust;
mod witnesses;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chancery_ledger::{AddError, LoggedEntry};
use chancery_log::LogStatus;
use chancery_tsa::{FailureInfo, TimestampAuthority};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::trust_documents::TrustDocuments;

pub(crate) use fulcio::FulcioMetrics;
use ledger::LedgerMetrics;
use logs::{ExportGauges, LogGauges, LogLabels, ScrubGauges};
use timestamps::TimestampMetrics;
use trust::TrustMetrics;
use witnesses::WitnessGauges;

/// What this process counts; one for both routers.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    issued: Counter,
    issuance: Histogram,
    log: LogGauges,
    scrub: ScrubGauges,
    export: ExportGauges,
    witnesses: WitnessGauges,
    timestamps: TimestampMetrics,
    trust: TrustMetrics,
    ledger: LedgerMetrics,
    fulcio: Option<FulcioMetrics>,
    reload: ReloadGauges,
    /// Held while what the logs say is taken over and told: another scrape would clear it meanwhile.
    scraping: Mutex<()>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    route: String,
    method: &'static str,
    code: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RefusalLabels {
    code: &'static str,
}

#[derive(Debug, Default)]
struct ReloadGauges {
    successful: Gauge,
    succeeded_at: Gauge<f64, AtomicU64>,
}

impl Metrics {
    /// Makes the metrics of a process of this version.
    pub fn new(version: &str) -> Self {
        let mut registries = Registry::default();
        let registry = registries.sub_registry_with_prefix("chancery");
        let metrics = Self {
            requests: Family::default(),
            refusals: Family::default(),
            issued: Counter::default(),
            // 0.5 ms to 16 s.
            issuance: Histogram::new(exponential_buckets(0.000_5, 2.0, 16)),
            log: LogGauges::default(),
            scrub: ScrubGauges::default(),
            export: ExportGauges::default(),
            witnesses: WitnessGauges::default(),
            timestamps: TimestampMetrics::default(),
            trust: TrustMetrics::default(),
            ledger: LedgerMetrics::default(),
            scraping: Mutex::default(),
            reload: ReloadGauges::default(),
            registry: Registry::default(),
            fulcio: None,
        };
        let build = Info::new(vec![("version", version.to_owned())]);
        registry.register("build", "What is running", build);
        registry.register(
            "http_requests",
            "Requests by route template, method and HTTP status",
            metrics.requests.clone(),
        );
        registry.register(
            "refusals",
            "Requests not granted, by the stable code of the reason",
            metrics.refusals.clone(),
        );
        registry.register(
            "certificates_issued",
            "Certificates issued",
            metrics.issued.clone(),
        );
        registry.register(
            "issuance_duration_seconds",
            "Time from a decoded request to its logged certificate",
            metrics.issuance.clone(),
        );
        metrics
            .log
            .register(registry.sub_registry_with_prefix("log"));
        metrics
            .scrub
            .register(registry.sub_registry_with_prefix("log_scrub"));
        metrics
            .export
            .register(registry.sub_registry_with_prefix("log_export"));
        metrics
            .witnesses
            .register(registry.sub_registry_with_prefix("log_witness"));
        metrics
            .timestamps
            .register(registry.sub_registry_with_prefix("timestamp"));
        metrics
            .trust
            .register(registry.sub_registry_with_prefix("trust"));
        metrics
            .ledger
            .register(registry.sub_registry_with_prefix("ledger"));
        metrics
            .reload
            .register(registry.sub_registry_with_prefix("config"));
        // What a process starts with was good.
        metrics.reloaded(true);
        Self {
            registry: registries,
            ..metrics
        }
    }

    /// Makes the metrics of a process of this version, which counts under Fulcio's names, too, for
    /// dashboards and alerts that are there already.
    pub fn with_fulcio_names(version: &str) -> Self {
        let mut metrics = Self::new(version);
        metrics.fulcio = Some(FulcioMetrics::new(version, &mut metrics.registry));
        metrics
    }

    /// Returns what is counted under Fulcio's names, if anything.
    pub(crate) fn fulcio(&self) -> Option<&FulcioMetrics> {
        self.fulcio.as_ref()
    }

    /// Counts an answered request.
    pub(crate) fn answered(&self, route: &str, method: &'static str, code: u16) {
        let labels = RequestLabels {
            route: route.to_owned(),
            method,
            code,
        };
        self.requests.get_or_create(&labels).inc();
    }

    /// Counts a request that was not granted.
    pub(crate) fn refused(&self, code: &'static str) {
        self.refusals.get_or_create(&RefusalLabels { code }).inc();
    }

    /// Counts an issued certificate.
    pub(crate) fn issued(&self, took: Duration) {
        self.issued.inc();
        if let Some(fulcio) = &self.fulcio {
            fulcio.issued();
        }
        self.issuance.observe(took.as_secs_f64());
    }

    /// Counts a timestamp that was given out.
    pub(crate) fn stamped(&self) {
        self.timestamps.stamped();
    }

    /// Counts a request for a timestamp that was not granted.
    pub(crate) fn not_stamped(&self, failure: FailureInfo) {
        self.timestamps.refused(failure);
    }

    /// Counts what became of a request for an entry in the ledger of that name.
    pub(crate) fn entered(
        &self,
        log: &str,
        answer: &Result<LoggedEntry, AddError>,
        took: Duration,
    ) {
        self.ledger.answered(log, answer, took);
    }

    /// Takes over how the timestamp authority stands.
    pub(crate) fn timestamps_are(&self, authority: &TimestampAuthority) {
        self.timestamps.stand(authority);
    }

    /// Takes over until when the trust documents count.
    pub(crate) fn trust_is(&self, documents: &TrustDocuments) {
        self.trust.stand(documents);
    }

    /// Takes over whether all configuration was good when it was last read.
    pub fn reloaded(&self, good: bool) {
        self.reload.successful.set(i64::from(good));
        if good {
            self.reload.succeeded_at.set(now());
        }
    }

    /// Takes over what the last verification of a log in the background found; `whole` is the
    /// log's size if all of it was verified.
    pub fn scrubbed(&self, log: &str, findings: u64, whole: Option<u64>) {
        self.scrub.found(log, findings, whole);
    }

    /// Takes over that the published files of a log have this many entries.
    pub fn exported(&self, log: &str, size: u64) {
        self.export.exported(log, size);
    }

    /// Counts an attempt to export or prune a log that failed.
    pub fn export_failed(&self, log: &str) {
        self.export.failed(log);
    }

    /// Takes over how many of a log's first entries are in published files only.
    pub fn pruned(&self, log: &str, below: u64) {
        self.export.pruned(log, below);
    }

    /// Returns everything as `OpenMetrics` text, with what the open logs say about themselves now.
    ///
    /// # Errors
    ///
    /// Those of [`Metrics::encode`].
    pub(crate) fn scrape<'a>(
        &self,
        logs: impl Iterator<Item = (&'a str, LogStatus)>,
        now_ms: u64,
    ) -> Result<String, fmt::Error> {
        let _turn = self.scraping.lock().unwrap_or_else(PoisonError::into_inner);
        self.logs_are(logs, now_ms);
        self.encode()
    }

    /// Takes over what the open logs say about themselves, and forgets those that are gone.
    fn logs_are<'a>(&self, logs: impl Iterator<Item = (&'a str, LogStatus)>, now_ms: u64) {
        self.log.clear();
        self.witnesses.clear();
        for (name, status) in logs {
            self.witnesses.stand(name, &status.witnesses);
            self.log.stand(name, &status, now_ms);
        }
    }

    /// Returns everything as `OpenMetrics` text.
    ///
    /// # Errors
    ///
    /// Fails if a metric cannot be written to memory, which none of ours does.
    pub(crate) fn encode(&self) -> Result<String, fmt::Error> {
        let mut encoded = String::new();
        text::encode(&mut encoded, &self.registry)?;
        Ok(encoded)
    }
}

impl ReloadGauges {
    fn register(&self, registry: &mut Registry) {
        registry.register(
            "last_reload_successful",
            "1 if the configuration was good when it was last read, 0 if the one before is in force",
            self.successful.clone(),
        );
        registry.register(
            "last_reload_success_timestamp_seconds",
            "When the configuration was last read and good",
            self.succeeded_at.clone(),
        );
    }
}

/// Returns the time in seconds since the Unix epoch.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// Returns a count as gauges have it.
fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use chancery_log::WitnessStanding;
    use chancery_tlog::TreeHead;

    use super::*;

    #[test]
    fn what_was_counted_is_exposed_as_openmetrics() {
        let metrics = Metrics::new("1.2.3");
        metrics.answered("/ct/{log}/tile/{*tile}", "GET", 200);
        metrics.refused("token-expired");
        metrics.issued(Duration::from_millis(3));
        let status = |tree_size| LogStatus {
            tree: TreeHead {
                tree_size,
                ..TreeHead::EMPTY
            },
            timestamp_ms: 1_000,
            waiting: 7,
            halted: None,
            witnesses: vec![WitnessStanding {
                name: "one.example".to_owned(),
                size: 60_000,
                failures: 3,
                cosigned_at: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_500)),
            }],
        };
        metrics
            .scrape([("gone", status(1))].into_iter(), 0)
            .unwrap();
        let logs = [("2026", status(70_000)), ("2027", status(0))];
        let text = metrics.scrape(logs.into_iter(), 2_500).unwrap();
        let lines = [
            r#"chancery_build_info{version="1.2.3"} 1"#,
            r#"chancery_http_requests_total{route="/ct/{log}/tile/{*tile}",method="GET",code="200"} 1"#,
            r#"chancery_refusals_total{code="token-expired"} 1"#,
            "chancery_certificates_issued_total 1",
            r#"chancery_issuance_duration_seconds_bucket{le="0.004"} 1"#,
            r#"chancery_log_tree_size{log="2026"} 70000"#,
            r#"chancery_log_tree_size{log="2027"} 0"#,
            r#"chancery_log_pool_waiting{log="2026"} 7"#,
            r#"chancery_log_halted{log="2026"} 0"#,
            r#"chancery_log_checkpoint_age_seconds{log="2026"} 1.5"#,
            r#"chancery_log_witness_size{log="2026",witness="one.example"} 60000"#,
            r#"chancery_log_witness_failures_total{log="2026",witness="one.example"} 3"#,
            r#"chancery_log_witness_cosigned_seconds{log="2026",witness="one.example"} 1.5"#,
            "chancery_config_last_reload_successful 1",
            "# EOF",
        ];
        for line in lines {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("gone"), "{text}");
    }

    #[test]
    fn scrapes_at_once_count_no_failure_of_a_witness_twice_and_lose_none() {
        let metrics = Metrics::new("1.2.3");
        let status = || LogStatus {
            tree: TreeHead::EMPTY,
            timestamp_ms: 0,
            waiting: 0,
            halted: None,
            witnesses: vec![WitnessStanding {
                name: "one.example".to_owned(),
                size: 0,
                failures: 3,
                cosigned_at: None,
            }],
        };
        let line = r#"chancery_log_witness_failures_total{log="2027",witness="one.example"} 3"#;
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    for _ in 0..500 {
                        let logs = [("2027", status())].into_iter();
                        let text = metrics.scrape(logs, 0).unwrap();
                        assert!(text.lines().any(|l| l == line), "{text}");
                    }
                });
            }
        });
    }
}
