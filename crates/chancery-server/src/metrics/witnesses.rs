//! How the witnesses of each log stand.

use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use chancery_log::WitnessStanding;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct WitnessLabels {
    log: String,
    witness: String,
}

/// One line for each witness that a log asks.
#[derive(Debug, Default)]
pub(super) struct WitnessGauges {
    size: Family<WitnessLabels, Gauge>,
    failures: Family<WitnessLabels, Counter>,
    cosigned_at: Family<WitnessLabels, Gauge<f64, AtomicU64>>,
}

impl WitnessGauges {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "size",
            "Entries of the largest tree that the witness has cosigned for this process",
            self.size.clone(),
        );
        registry.register(
            "failures",
            "Times that the witness was asked and did not cosign",
            self.failures.clone(),
        );
        registry.register(
            "cosigned_seconds",
            "When the witness cosigned last, in seconds since the Unix epoch; 0 if never",
            self.cosigned_at.clone(),
        );
    }

    pub(super) fn clear(&self) {
        self.size.clear();
        self.failures.clear();
        self.cosigned_at.clear();
    }

    /// Takes over how the witnesses of a log stand.
    pub(super) fn stand(&self, log: &str, standings: &[WitnessStanding]) {
        for standing in standings {
            let labels = &WitnessLabels {
                log: log.to_owned(),
                witness: standing.name.clone(),
            };
            let size = i64::try_from(standing.size).unwrap_or(i64::MAX);
            self.size.get_or_create(labels).set(size);
            self.failures
                .get_or_create(labels)
                .inc_by(standing.failures);
            let at = standing.cosigned_at.unwrap_or(SystemTime::UNIX_EPOCH);
            let at = at.duration_since(SystemTime::UNIX_EPOCH);
            let at = at.map_or(0.0, |since| since.as_secs_f64());
            self.cosigned_at.get_or_create(labels).set(at);
        }
    }
}
