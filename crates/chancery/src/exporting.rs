//! Publishing the log as files while an instance serves, and reading what was pruned from there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chancery_log::export::{ExportError, Exported, Exporter};
use chancery_log::prune::{PruneError, prune};
use chancery_log::published_files::{FilePlace, Folder};
use chancery_log::{LogStore, PublishedLog, ReadError, Tiered};
use chancery_objects::{Bucket, ObjectFiles};
use chancery_server::{Metrics, ServedLog};
use chancery_store::{Readers, RecordedLog};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ExportConfig, ExportPlace};
use crate::failure::{Causes, Failure};
use crate::guarding;
use crate::meaning;
use crate::opening::configuration;
use crate::shards::Shards;

/// The longest pause after an attempt that failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Returns what publishes a log, if the configuration says where.
pub(crate) fn exporter(config: &Config, log: &RecordedLog) -> Result<Option<Exporter>, Failure> {
    let Some(export) = &config.export else {
        return Ok(None);
    };
    let entries = publishes_entries(export, log.readers)?;
    let exporter = exporter_at(place(export, &log.name)?, log)?;
    Ok(Some(match entries {
        true => exporter,
        false => exporter.without_entries(),
    }))
}

/// Returns what publishes a log at a place.
pub(crate) fn exporter_at(
    place: Arc<dyn FilePlace>,
    log: &RecordedLog,
) -> Result<Exporter, Failure> {
    Ok(Exporter::new(place, meaning::log_key(log)?))
}

/// Tells whether entries are published. Those of a restricted log only if that is said aloud.
fn publishes_entries(export: &ExportConfig, readers: Readers) -> Result<bool, Failure> {
    match (export.entries, readers) {
        (Some(entries), _) => Ok(entries),
        (None, Readers::Open) => Ok(true),
        (None, Readers::Restricted) if export.keep_entries.is_some() => {
            Err(Failure::configuration(
                "export.keep-entries deletes what is published, but with log.read: restricted \
                 entries are not; say export.entries: true if whoever reads the place may read them",
            ))
        }
        (None, Readers::Restricted) => Ok(false),
    }
}

/// Returns a log's own part of the place.
fn place(export: &ExportConfig, name: &str) -> Result<Arc<dyn FilePlace>, Failure> {
    Ok(match &export.place {
        ExportPlace::Directory(path) => Arc::new(Folder::new(&path.join(name))),
        ExportPlace::ObjectStore(place) => {
            let bucket = Bucket::s3_for_files(&guarding::object_store(place)?);
            Arc::new(ObjectFiles::new(bucket.map_err(configuration)?.below(name)))
        }
    })
}

/// Lets entries that were pruned be read from where they are published. Where the configuration does
/// not say that, they are unavailable.
pub(crate) fn tiered(
    config: &Config,
    log: &RecordedLog,
    store: Arc<dyn LogStore>,
) -> Result<Arc<dyn LogStore>, Failure> {
    Ok(Arc::new(match exporter(config, log)? {
        Some(exporter) => Tiered::new(store, exporter),
        None => Tiered::without_files(store),
    }))
}

/// Requires that entries which were pruned can be read. A replica that cannot would answer for a part
/// of the log only.
pub(crate) async fn require_readable(
    config: &Config,
    log: &RecordedLog,
    store: &dyn LogStore,
) -> Result<(), Failure> {
    if config.export.is_some() {
        return Ok(());
    }
    match store.pruned_below().await.map_err(Failure::from_error)? {
        0 => Ok(()),
        pruned => Err(Failure::configuration(format!(
            "the first {pruned} entries of the log {:?} were pruned from the database, and the \
             configuration does not say where they are published: give it the export that the \
             instance's other processes have",
            log.name
        ))),
    }
}

/// Remembers the first failure with one of several logs, and says the others.
pub(crate) fn note(told: &mut Result<(), Failure>, name: &str, this: Result<(), Failure>) {
    let Err(failure) = this else { return };
    match told {
        Ok(()) => *told = Err(failure.after(format!("log {name}: "))),
        Err(_) => crate::report::tell(format_args!("chancery: log {name}: {failure}")),
    }
}

/// What publishes the logs of an instance, each newest checkpoint.
pub(crate) struct Exporting {
    config: Config,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    /// Each log as it is read now: open, or frozen later.
    begun: BTreeMap<String, Arc<Mutex<Arc<dyn PublishedLog>>>>,
}

impl Exporting {
    /// Publishes until `stop`.
    pub(crate) fn new(config: &Config, metrics: &Arc<Metrics>, stop: &CancellationToken) -> Self {
        Self {
            config: config.clone(),
            metrics: Arc::clone(metrics),
            stop: stop.clone(),
            begun: BTreeMap::new(),
        }
    }

    /// Begins with the logs that are served now and were not before.
    pub(crate) fn follow(&mut self, shards: &Shards) {
        for ServedLog { log, .. } in shards.served() {
            let recorded = shards.recorded().iter().find(|r| r.name == log.name());
            if let Some(recorded) = recorded {
                self.publish(recorded, log, shards.writer(recorded));
            }
        }
    }

    /// Begins with a log, if that was not done before, and reads it from here on as it is now.
    pub(crate) fn publish(
        &mut self,
        recorded: &RecordedLog,
        log: Arc<dyn PublishedLog>,
        store: Arc<dyn LogStore>,
    ) {
        let Some(export) = &self.config.export else {
            return;
        };
        let name = recorded.name.clone();
        if let Some(begun) = self.begun.get(&name) {
            *begun.lock().unwrap_or_else(PoisonError::into_inner) = log;
            return;
        }
        let exporter = match exporter(&self.config, recorded) {
            Ok(Some(exporter)) => exporter,
            Ok(None) => return,
            Err(failure) => {
                tracing::error!(log.name = name, "the log is not exported: {failure}");
                return;
            }
        };
        let log = Arc::new(Mutex::new(log));
        let publishing = Publishing {
            name: name.clone(),
            exporter,
            log: Arc::clone(&log),
            store,
            keep_entries: export.keep_entries,
            metrics: Arc::clone(&self.metrics),
        };
        let interval = Duration::from_millis(export.interval_ms);
        self.begun.insert(name, log);
        let stop = self.stop.clone();
        tokio::spawn(async move {
            // It can end anywhere, and goes on at the next start.
            let _ = stop.run_until_cancelled(publishing.run(interval)).await;
        });
    }
}

/// A log that is being published.
struct Publishing {
    name: String,
    exporter: Exporter,
    log: Arc<Mutex<Arc<dyn PublishedLog>>>,
    store: Arc<dyn LogStore>,
    keep_entries: Option<u64>,
    metrics: Arc<Metrics>,
}

/// Why a round did not come to its end.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("the newest checkpoint cannot be had")]
    Log(#[from] ReadError),
    #[error("the log was not exported")]
    Export(#[from] ExportError),
    #[error("the log was not pruned")]
    Prune(#[from] PruneError),
}

impl Publishing {
    async fn run(self, interval: Duration) {
        let mut pause = interval;
        loop {
            match self.round().await {
                Ok(()) => pause = interval,
                Err(e) => {
                    self.metrics.export_failed(&self.name);
                    let place = self.exporter.place().name();
                    let error = Causes(&e).to_string();
                    let log = &*self.name;
                    tracing::error!(
                        log.name = log,
                        error,
                        place,
                        "exporting failed; again later"
                    );
                    pause = (pause * 2).min(LONGEST_PAUSE).max(interval);
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn round(&self) -> Result<(), RoundError> {
        let log = Arc::clone(&*self.log.lock().unwrap_or_else(PoisonError::into_inner));
        let newest = log.newest().await?;
        let source = Arc::clone(newest.reader());
        let exported = self
            .exporter
            .run(source, newest.checkpoint(), &|_| ())
            .await?;
        let size = newest.head().tree.tree_size;
        self.metrics.exported(&self.name, size);
        if let Exported::Moved(entries) = exported {
            tracing::debug!(log.tree_size = size, entries, "exported");
        }
        if let Some(keep) = self.keep_entries {
            let below = size.saturating_sub(keep);
            let pruned = prune(&*self.store, &self.exporter, below, &|_| ()).await?;
            self.metrics.pruned(&self.name, pruned);
        }
        Ok(())
    }
}
