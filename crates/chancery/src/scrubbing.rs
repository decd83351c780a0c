//! Verifying the stored log in the background while an instance serves.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use chancery_ledger::LedgerContents;
use chancery_log::clock::SystemClock;
use chancery_log::verify::{Round, Scrubber};
use chancery_server::Metrics;
use tokio_util::sync::CancellationToken;

use crate::failure::Causes;
use crate::meaning::{self, Meaning};
use crate::shards::Shards;

/// What verifies the logs of an instance, each round by round.
pub(crate) struct Scrubbing {
    metrics: Arc<Metrics>,
    /// `None`: not at all.
    pace: Option<Pace>,
    stop: CancellationToken,
    begun: BTreeSet<String>,
    /// What the entries of each ledger mean.
    ledgers: Vec<LedgerContents>,
}

/// The most entries a second, if that is bounded.
type Pace = Option<NonZeroU32>;

impl Scrubbing {
    /// Verifies until `stop`. `limit` is the most entries a second of one log; 0 means none at all.
    pub(crate) fn new(
        metrics: &Arc<Metrics>,
        limit: Option<u32>,
        stop: &CancellationToken,
    ) -> Self {
        Self {
            metrics: Arc::clone(metrics),
            pace: match limit {
                None => Some(None),
                Some(limit) => NonZeroU32::new(limit).map(Some),
            },
            stop: stop.clone(),
            begun: BTreeSet::new(),
            ledgers: Vec::new(),
        }
    }

    /// Begins with the logs that are recorded now and were not before.
    pub(crate) fn follow(&mut self, shards: &Shards) {
        let Some(entries_per_second) = self.pace else {
            return;
        };
        // What a ledger's entries are tied to may have become more.
        for ledger in &self.ledgers {
            match shards.issuance_logs() {
                Ok(logs) => ledger.set_issuance_logs(logs),
                Err(failure) => {
                    tracing::warn!("the logs of certificates cannot be read: {failure}")
                }
            }
        }
        for log in shards.every_recorded() {
            if !self.begun.insert(log.name.clone()) {
                continue;
            }
            let meaning = match shards.meaning(log) {
                Ok(meaning) => meaning,
                Err(failure) => {
                    let error = failure.to_string();
                    tracing::warn!(log.name, error, "the stored log cannot be verified");
                    continue;
                }
            };
            if let Meaning::Ledger(contents) = &meaning {
                self.ledgers.push(contents.clone());
            }
            let scrubber = Scrubber {
                log: shards.reader(log),
                form: meaning::form(log),
                contents: meaning.contents(),
                clock: Arc::new(SystemClock),
                entries_per_second,
            };
            let (name, metrics) = (log.name.clone(), Arc::clone(&self.metrics));
            let stop = self.stop.clone();
            tokio::spawn(async move {
                let rounds = scrubber.run(|round| tell(&name, &round, &metrics));
                // A round reads only: it can end anywhere.
                let _ = stop.run_until_cancelled(rounds).await;
            });
        }
    }
}

/// Says how a round ended, and each object that is damaged.
fn tell(log: &str, round: &Round, metrics: &Metrics) {
    let report = match &round.report {
        Ok(report) => report,
        Err(e) => {
            let error = Causes(e).to_string();
            tracing::warn!(
                log.name = log,
                error,
                "the stored log could not be verified; again later"
            );
            return;
        }
    };
    let size = report.head.tree.tree_size;
    let total = report.findings.total();
    metrics.scrubbed(log, total, round.whole.then_some(size));
    for finding in report.findings.first() {
        tracing::error!(
            log.name = log,
            object = %finding.object,
            wrong = finding.wrong,
            "the stored log is damaged; run `chancery log verify`"
        );
    }
    tracing::info!(
        log.name = log,
        log.tree_size = size,
        entries = report.entries,
        findings = total,
        took_s = round.took.as_secs(),
        whole = round.whole,
        "the stored log was verified"
    );
}
