//! The logs of an instance: the first one, which `chancery.yaml` describes, and those that follow it.
//!
//! ```text
//! recorded ──► open ──► takes entries from its date on ──► ended: takes none of a later time
//!                                    ──► retired: its head is final ──► frozen: served without key
//! ```
//! What the database records decides; files only have to fit. All steps can be repeated, and any
//! process of the instance may take the last two.

mod alone;
mod freezing;
mod log_files;
mod rotation;
mod trust;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chancery_ca::IssuanceLogs;
use chancery_keys::{Passphrase, PublicKey};
use chancery_ledger::IssuanceLog;
use chancery_log::clock::{Clock, from_unix_ms, unix_ms};
use chancery_log::{FrozenLog, FrozenLogParts, Log, LogReader, LogStore, PublishedLog};
use chancery_server::{LogRead, ServedLog};
use chancery_store::{Instance, Readers, RecordedLog, RecordedTimestampChain, Store};
use chancery_submissions::Submissions;
use chancery_tlog::Origin;

pub(crate) use self::alone::{Alone, alone, choose, each_alone};
pub(crate) use self::freezing::Freezing;
use self::log_files::LogFiles;
pub(crate) use self::log_files::{expected_origin, origin, other};
pub(crate) use self::rotation::{Rotation, WriteDocuments};
pub(crate) use self::trust::trusted;
use crate::config::{Config, ShardConfig};
use crate::exporting;
use crate::failure::Failure;
use crate::meaning::{self, Meaning};
use crate::submitting;

/// The logs of an instance that is open.
pub(crate) struct Shards {
    config: Config,
    passphrase: Passphrase,
    store: Store,
    clock: Arc<dyn Clock>,
    instance: Instance,
    issuance: IssuanceLogs,
    shown: BTreeMap<String, Shown>,
    submissions: Option<Arc<Submissions>>,
    /// What was said last of a log that is not as it should be.
    complaints: BTreeMap<String, String>,
    freezing: Freezing,
}

/// A log that is served.
#[derive(Clone)]
enum Shown {
    Open(Arc<Log>),
    Frozen(Arc<FrozenLog>),
}

impl Shards {
    /// Opens the logs that `instance` records. Refuses where the one that takes entries now is not
    /// to be opened, or where no log will take any.
    pub(crate) async fn open(
        config: &Config,
        passphrase: Passphrase,
        store: Store,
        instance: Instance,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let submissions = submitting::submissions(config, &instance.chain)?;
        let mut shards = Self {
            config: config.clone(),
            passphrase,
            store,
            clock,
            instance,
            issuance: IssuanceLogs::new(Vec::new()),
            shown: BTreeMap::new(),
            submissions,
            complaints: BTreeMap::new(),
            freezing: Freezing::default(),
        };
        shards.refuse_unrecorded()?;
        let issuing = shards.issuing()?.map(|log| log.name.clone());
        for log in shards.instance.logs.clone() {
            let stored = shards.store.log_store(log.log);
            // Of a log that takes no entries, too: nothing is wrong with it but the configuration.
            exporting::require_readable(config, &log, &*stored).await?;
            match shards.show(&log).await {
                Ok(()) => {}
                Err(failure) if Some(&log.name) == issuing.as_ref() => return Err(failure),
                Err(failure) => shards.complain(&log.name, &failure),
            }
        }
        Ok(shards)
    }

    /// Returns the logs that certificates are entered in.
    pub(crate) fn issuance(&self) -> &IssuanceLogs {
        &self.issuance
    }

    /// Returns what is recorded of each log.
    pub(crate) fn recorded(&self) -> &[RecordedLog] {
        &self.instance.logs
    }

    /// Returns what is recorded of each log and ledger.
    pub(crate) fn every_recorded(&self) -> impl Iterator<Item = &RecordedLog> {
        self.instance.every_log()
    }

    /// Returns what is recorded of each chain of the timestamp authority.
    pub(crate) fn timestamp_chains(&self) -> &[RecordedTimestampChain] {
        &self.instance.timestamp_chains
    }

    /// Returns the store of a log, to read it with what was pruned from it.
    pub(crate) fn reader(&self, log: &RecordedLog) -> Arc<dyn LogStore> {
        let store = self.store.log_store(log.log);
        // What the configuration says of exporting was looked at when the log was shown.
        exporting::tiered(&self.config, log, Arc::clone(&store)).unwrap_or(store)
    }

    /// Returns the store of a log, to prune it.
    pub(crate) fn writer(&self, log: &RecordedLog) -> Arc<dyn LogStore> {
        self.store.log_store(log.log)
    }

    /// Returns the logs that can be read.
    pub(crate) fn served(&self) -> Vec<ServedLog> {
        let roots: Arc<[Bytes]> = match &self.submissions {
            Some(submissions) => {
                let roots = submissions.roots().ders();
                roots.map(Bytes::copy_from_slice).collect()
            }
            None => {
                let root = self.instance.chain.last().cloned();
                root.map(Bytes::from).into_iter().collect()
            }
        };
        let served = self.instance.logs.iter().filter_map(|recorded| {
            let log: Arc<dyn PublishedLog> = match self.shown.get(&recorded.name)? {
                Shown::Open(log) => Arc::clone(log) as Arc<dyn PublishedLog>,
                Shown::Frozen(log) => Arc::clone(log) as Arc<dyn PublishedLog>,
            };
            let read = read_by(recorded.readers);
            let roots = Arc::clone(&roots);
            Some(ServedLog {
                log,
                read,
                begins: from_unix_ms(recorded.begins_ms),
                ends: recorded.ends_ms.map(from_unix_ms),
                frozen: matches!(self.shown.get(&recorded.name)?, Shown::Frozen(_)),
                roots,
            })
        });
        served.collect()
    }

    /// Returns what takes submissions from outside, if they are taken.
    pub(crate) fn submissions(&self) -> Option<Arc<Submissions>> {
        self.submissions.clone()
    }

    /// Returns what the entries of a log mean, also of a ledger.
    pub(crate) fn meaning(&self, log: &RecordedLog) -> Result<Meaning, Failure> {
        let issuance = self.issuance_logs()?;
        Meaning::of(log, &self.instance, Some(&self.config), &[], issuance)
    }

    /// Returns the logs of certificates that a ledger's entries are tied to.
    pub(crate) fn issuance_logs(&self) -> Result<Vec<IssuanceLog>, Failure> {
        let read = |log: &RecordedLog| Ok(self.reader(log) as Arc<dyn LogReader>);
        meaning::issuance_logs(&self.instance, read)
    }

    /// Takes the next step with each log, as far as its time has come, and returns whether anything
    /// is another than before.
    async fn step(&mut self) -> Result<bool, Failure> {
        let found = self.store.instance().await.map_err(Failure::from_error)?;
        let found = found.ok_or_else(|| Failure::failed("the database holds no instance"))?;
        let mut changed = found.logs != self.instance.logs
            || found.timestamp_chains != self.instance.timestamp_chains;
        self.instance = found;
        for log in self.instance.logs.clone() {
            match self.step_with(&log).await {
                Ok(stepped) => {
                    changed |= stepped;
                    self.complaints.remove(&log.name);
                }
                Err(failure) => self.complain(&log.name, &failure),
            }
        }
        Ok(changed)
    }

    async fn step_with(&mut self, log: &RecordedLog) -> Result<bool, Failure> {
        match (self.shown.get(&log.name).cloned(), &log.final_checkpoint) {
            (Some(Shown::Frozen(_)), _) => Ok(false),
            (None, _) => {
                self.show(log).await?;
                tracing::info!(log.name, log.begins_ms, "the log is open");
                Ok(true)
            }
            (Some(Shown::Open(open)), Some(_)) => {
                self.show_frozen(log).await?;
                self.issuance.remove(&log.name);
                open.close().await;
                tracing::info!(
                    log.name,
                    "the log is frozen: it is served as of its last head"
                );
                Ok(true)
            }
            (Some(Shown::Open(open)), None) => {
                if let Some(ends_ms) = log.ends_ms {
                    open.note_end(ends_ms);
                }
                if self.is_over(log).await? {
                    self.freeze(log, &open).await?;
                }
                Ok(false)
            }
        }
    }

    /// Shows a log for the first time.
    async fn show(&mut self, log: &RecordedLog) -> Result<(), Failure> {
        if log.final_checkpoint.is_some() {
            return self.show_frozen(log).await;
        }
        let files = files(&self.config, &self.passphrase, &log.name)?;
        let bound = files.bind(log, &self.instance, &self.store).await?;
        if let Some(warning) = bound.warning {
            tracing::warn!(guard.id = bound.guard.id(), "{warning}");
        }
        let store = self.store.bound_log_store(log);
        exporting::require_readable(&self.config, log, &*store).await?;
        let store = exporting::tiered(&self.config, log, store)?;
        let clock = Arc::clone(&self.clock);
        let open = files.open(log, store, bound.guard, clock).await?;
        if let Some(ends_ms) = log.ends_ms {
            open.note_end(ends_ms);
        }
        if log.retired_ms.is_none() {
            self.issuance.add(Arc::clone(&open));
        }
        self.shown.insert(log.name.clone(), Shown::Open(open));
        Ok(())
    }

    async fn show_frozen(&mut self, log: &RecordedLog) -> Result<(), Failure> {
        let store = self.store.log_store(log.log);
        exporting::require_readable(&self.config, log, &*store).await?;
        let frozen = FrozenLog::open(FrozenLogParts {
            name: log.name.clone(),
            origin: Origin::parse(&log.origin).map_err(Failure::from_error)?,
            public_key: public_key(log)?,
            store: self.reader(log),
            final_checkpoint: log.final_checkpoint.clone().unwrap_or_default().into(),
        });
        let frozen = Arc::new(frozen.await.map_err(Failure::from_error)?);
        self.shown.insert(log.name.clone(), Shown::Frozen(frozen));
        Ok(())
    }

    /// Returns the log that takes entries now, if one does already.
    fn issuing(&self) -> Result<Option<&RecordedLog>, Failure> {
        let now_ms = unix_ms(self.clock.now());
        let logs = &self.instance.logs;
        refuse_all_retired(&self.instance)?;
        let begun = logs.iter().rev().find(|log| log.begins_ms <= now_ms);
        Ok(begun.filter(|log| log.retired_ms.is_none()))
    }

    /// Refuses a database that knows nothing of a log whose time has come: it is older than that log.
    fn refuse_unrecorded(&self) -> Result<(), Failure> {
        let logs = &self.instance.logs;
        let config = &self.config;
        if !logs.iter().any(|log| log.name == config.log.name) {
            let name = &config.log.name;
            return Err(Failure::configuration(format!(
                "this database has no log named {name:?}"
            )));
        }
        for name in config.shard_names()? {
            let path = config.shard_file(&name);
            if logs.iter().any(|log| log.name == name) {
                continue;
            }
            let shard = ShardConfig::load(config, &name)?;
            let is_due = match &shard {
                Some(shard) => shard.begins_ms()? <= unix_ms(self.clock.now()),
                None => false,
            };
            if is_due {
                return Err(Failure::configuration(format!(
                    "{} is there, but the database records no log {name:?}: where `chancery log new` \
                     broke off, run it again; where the database is an older one, restore the newest \
                     backup",
                    path.display()
                )));
            }
            tracing::warn!(
                "{} is there, but the database records no such log",
                path.display()
            );
        }
        Ok(())
    }

    /// Says what is wrong with a log, once.
    fn complain(&mut self, name: &str, failure: &Failure) {
        let said = failure.to_string();
        if self.complaints.get(name) != Some(&said) {
            tracing::error!(
                log.name = name,
                "the log {name:?} is not as it should be: {said}"
            );
            self.complaints.insert(name.to_owned(), said);
        }
    }
}

/// Refuses an instance whose logs are all retired: nobody issues from it. One that was scheduled and
/// given up leaves the one before it as it was.
fn refuse_all_retired(instance: &Instance) -> Result<(), Failure> {
    let all = instance.logs.iter().all(|log| log.retired_ms.is_some());
    match instance.logs.last() {
        Some(last) if all => Err(Failure::configuration(format!(
            "the log {} is retired and takes no entries any more: begin a new one with \
             `chancery log new`, or found a new instance with `chancery init`",
            last.origin
        ))),
        _ => Ok(()),
    }
}

/// Holds the files and the guard of each log that is not frozen against what `store` recorded, and
/// opens nothing. Returns what a guard will not notice.
pub(crate) async fn verify(
    config: &Config,
    passphrase: &Passphrase,
    store: &Store,
    instance: &Instance,
) -> Result<Option<&'static str>, Failure> {
    refuse_all_retired(instance)?;
    let mut warning = None;
    for log in &instance.logs {
        if log.final_checkpoint.is_none() {
            let files = files(config, passphrase, &log.name)?;
            warning = warning.or(files.bind(log, instance, store).await?.warning);
        }
    }
    Ok(warning)
}

/// Reads the files of a log.
fn files(config: &Config, passphrase: &Passphrase, name: &str) -> Result<LogFiles, Failure> {
    if config.log.name == name {
        return LogFiles::read(config.clone(), passphrase);
    }
    let shard = ShardConfig::load(config, name)?.ok_or_else(|| {
        Failure::configuration(format!(
            "this process has no files of the log {name:?}, which the database records: copy {} and \
             what it names from where `chancery log new` ran",
            config.shard_file(name).display()
        ))
    })?;
    LogFiles::read(config.with_log(&shard), passphrase)
}

/// Returns who may read a log's entries, as the server has it.
pub(crate) fn read_by(readers: Readers) -> LogRead {
    match readers {
        Readers::Open => LogRead::Open,
        Readers::Restricted => LogRead::Restricted,
    }
}

fn public_key(log: &RecordedLog) -> Result<PublicKey, Failure> {
    PublicKey::from_spki_der(&log.public_key).map_err(Failure::from_error)
}
