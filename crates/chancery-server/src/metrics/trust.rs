//! When what clients trust expires.

use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::trust_documents::TrustDocuments;

/// The role as TUF names it.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RoleLabels {
    role: &'static str,
}

#[derive(Debug, Default)]
pub(super) struct TrustMetrics {
    /// With no line where the documents are not signed.
    expires: Family<RoleLabels, Gauge<f64, AtomicU64>>,
}

impl TrustMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "metadata_expires_seconds",
            "When the TUF metadata that are served expire, in seconds since the Unix epoch",
            self.expires.clone(),
        );
    }

    /// Takes over until when the documents that are served count.
    pub(super) fn stand(&self, documents: &TrustDocuments) {
        for (role, expires) in documents.expiries() {
            let since = expires.duration_since(SystemTime::UNIX_EPOCH);
            let since = since.map_or(0.0, |since| since.as_secs_f64());
            let role = role.name();
            self.expires.get_or_create(&RoleLabels { role }).set(since);
        }
    }
}
