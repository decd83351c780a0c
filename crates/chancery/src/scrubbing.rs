//! Verifying the stored log in the background while an instance serves.

use std::num::NonZeroU32;
use std::sync::Arc;

use chancery_ca::LoggedPrecertificates;
use chancery_log::clock::SystemClock;
use chancery_log::verify::{Round, Scrubber};
use chancery_server::Metrics;
use tokio_util::sync::CancellationToken;

use crate::failure::Causes;
use crate::opening::Opened;

/// Begins to verify the log of an instance round by round, until `stop`. `limit` is the most
/// entries a second; 0 means not to.
pub(crate) fn start(
    opened: &Opened,
    metrics: &Arc<Metrics>,
    limit: Option<u32>,
    stop: &CancellationToken,
) {
    let entries_per_second = match limit {
        None => None,
        Some(limit) => match NonZeroU32::new(limit) {
            Some(limit) => Some(limit),
            None => return,
        },
    };
    let log_key = opened.authority.log().public_key().clone();
    let scrubber = Scrubber {
        log: Arc::clone(&opened.log_store),
        contents: Arc::new(LoggedPrecertificates::new(log_key)),
        clock: Arc::new(SystemClock),
        entries_per_second,
    };
    let metrics = Arc::clone(metrics);
    let stop = stop.clone();
    tokio::spawn(async move {
        let rounds = scrubber.run(|round| tell(&round, &metrics));
        // A round reads only: it can end anywhere.
        let _ = stop.run_until_cancelled(rounds).await;
    });
}

/// Says how a round ended, and each object that is damaged.
fn tell(round: &Round, metrics: &Metrics) {
    let report = match &round.report {
        Ok(report) => report,
        Err(e) => {
            let error = Causes(e).to_string();
            tracing::warn!(error, "the stored log could not be verified; again later");
            return;
        }
    };
    let size = report.head.tree.tree_size;
    let total = report.findings.total();
    metrics.scrubbed(total, round.whole.then_some(size));
    for finding in report.findings.first() {
        tracing::error!(
            object = %finding.object,
            wrong = finding.wrong,
            "the stored log is damaged; run `chancery log verify`"
        );
    }
    tracing::info!(
        log.tree_size = size,
        entries = report.entries,
        findings = total,
        took_s = round.took.as_secs(),
        whole = round.whole,
        "the stored log was verified"
    );
}
