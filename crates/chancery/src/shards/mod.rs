//! The logs of an instance: the first one, which `chancery.yaml` describes, and those that follow it.
//!
//! ```text
//! recorded ──► open ──► takes entries from its date on ──► ended: takes none of a later time
//!                                    ──► retired: its head is final ──► frozen: served without key
//! ```
//! What the database records decides; files only have to fit. All steps can be repeated, and any
//! process of the instance may take the last two.

mod alone;
mod log_files;
mod rotation;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chancery_ca::{IssuanceLogs, LoggedPrecertificates};
use chancery_keys::{Passphrase, PublicKey};
use chancery_log::clock::{Clock, from_unix_ms, unix_ms};
use chancery_log::{FrozenLog, FrozenLogParts, Log, LogReader, LogStore, PublishedLog};
use chancery_server::{LogRead, ServedLog, TrustedLog};
use chancery_store::{Instance, Readers, RecordedLog, Store};
use chancery_submissions::Submissions;
use chancery_tlog::Origin;
use url::Url;

pub(crate) use self::alone::{Alone, alone, choose, each_alone};
use self::log_files::LogFiles;
pub(crate) use self::log_files::{expected_origin, origin, other};
pub(crate) use self::rotation::{Rotation, WriteDocuments};
use crate::config::{Config, ShardConfig};
use crate::exporting;
use crate::failure::Failure;
use crate::submitting;

/// How long after its end a log is retired. By then no process has a clock that says an earlier time
/// (each is within 2 s of the database's), and no request that has an entry there is still on its way:
/// a request has 30 s, of which an external log may take 20 s, and what was handed out is recorded a
/// second later.
const RETIRE_AFTER: Duration = Duration::from_secs(60);

/// A receipt's time may be ahead of the clock that said when the log was retired by so much.
const TOLERANCE_MS: u64 = 2_000;

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
    /// Since when this process has seen each log past its end, at every look.
    over_since: BTreeMap<String, Instant>,
    retire_after: Duration,
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
            over_since: BTreeMap::new(),
            retire_after: RETIRE_AFTER,
        };
        shards.refuse_unrecorded()?;
        let issuing = shards.issuing()?.map(|log| log.name.clone());
        for log in shards.instance.logs.clone() {
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
            let read = match recorded.readers {
                Readers::Open => LogRead::Open,
                Readers::Restricted => LogRead::Restricted,
            };
            let roots = Arc::clone(&roots);
            Some(ServedLog { log, read, roots })
        });
        served.collect()
    }

    /// Returns the logs that verifiers trust: all that are recorded, those of later dates included.
    pub(crate) fn trusted(&self) -> Result<Vec<TrustedLog>, Failure> {
        let trusted = |log: &RecordedLog| {
            let url = format!("{}/ct/{}", self.config.url, log.name);
            Ok(TrustedLog {
                key: public_key(log)?,
                url: Url::parse(&url).map_err(Failure::from_error)?,
                begins: from_unix_ms(log.begins_ms),
                ends: trusted_until_ms(log).map(from_unix_ms),
            })
        };
        let external = submitting::trusted(&self.config, self.instance.created_ms)?;
        let logs = self.instance.logs.iter();
        let logs = logs.filter(|log| has_begun_if_retired(log)).map(trusted);
        logs.chain(external.map(Ok)).collect()
    }

    /// Returns what takes submissions from outside, if they are taken.
    pub(crate) fn submissions(&self) -> Option<Arc<Submissions>> {
        self.submissions.clone()
    }

    /// Returns what the entries of a log mean.
    pub(crate) fn contents(&self, log_key: PublicKey) -> Result<LoggedPrecertificates, Failure> {
        submitting::contents(log_key, &self.instance.chain, Some(&self.config))
    }

    /// Takes the next step with each log, as far as its time has come, and returns whether anything
    /// is another than before.
    async fn step(&mut self) -> Result<bool, Failure> {
        let found = self.store.instance().await.map_err(Failure::from_error)?;
        let found = found.ok_or_else(|| Failure::failed("the database holds no instance"))?;
        let mut changed = found.logs != self.instance.logs;
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
        let frozen = FrozenLog::open(FrozenLogParts {
            name: log.name.clone(),
            origin: Origin::parse(&log.origin).map_err(Failure::from_error)?,
            public_key: public_key(log)?,
            reader: self.reader(log) as Arc<dyn LogReader>,
            final_checkpoint: log.final_checkpoint.clone().unwrap_or_default().into(),
        });
        let frozen = Arc::new(frozen.await.map_err(Failure::from_error)?);
        self.shown.insert(log.name.clone(), Shown::Frozen(frozen));
        Ok(())
    }

    /// Tells whether nobody can append to a log any more, or is to. A log is over when its end is so
    /// long ago by the clock that all processes share, and when this process has seen it past its end
    /// for as long by a clock that nobody sets: a clock that jumps ahead, and is put right in time,
    /// retires nothing, also where it is the only one.
    async fn is_over(&mut self, log: &RecordedLog) -> Result<bool, Failure> {
        if log.retired_ms.is_some() {
            return Ok(true);
        }
        let Some(ends_ms) = log.ends_ms else {
            return Ok(false);
        };
        let time_ms = self.store.time_ms(unix_ms(self.clock.now())).await;
        let past_ms = time_ms.map_err(Failure::from_error)?.checked_sub(ends_ms);
        let Some(past_ms) = past_ms else {
            self.over_since.remove(&log.name);
            return Ok(false);
        };
        let name = log.name.clone();
        let seen = self.over_since.entry(name).or_insert_with(Instant::now);
        Ok(Duration::from_millis(past_ms).min(seen.elapsed()) >= self.retire_after)
    }

    /// Makes a log's head final and keeps its checkpoint. First the database refuses every batch; what
    /// is its head then is the last, and is guarded and signed like any other. Nothing else is kept:
    /// where the head cannot be read or released now, the next look tries again.
    async fn freeze(&self, log: &RecordedLog, open: &Log) -> Result<(), Failure> {
        // What was handed out can be recorded until the log is retired.
        open.close().await;
        if log.retired_ms.is_none() {
            let grace_ms = u64::try_from(self.retire_after.as_millis()).unwrap_or(u64::MAX);
            let now_ms = unix_ms(self.clock.now());
            let retired = self.store.retire_ended_log(log.log, grace_ms, now_ms).await;
            if !retired.map_err(Failure::from_error)? {
                // Another process was quicker: the next look says so.
                return Ok(());
            }
        }
        let last = open.last().await.map_err(Failure::from_error)?;
        let (tree, checkpoint) = (&last.head.tree, &last.checkpoint);
        let kept = self
            .store
            .put_final_checkpoint(log.log, tree, checkpoint)
            .await;
        if kept.map_err(Failure::from_error)? || self.is_kept(log).await? {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "the final checkpoint, of {} entries, is not kept: the database has another head by now",
            tree.tree_size
        )))
    }

    /// Tells whether a log has its final checkpoint by now.
    async fn is_kept(&self, log: &RecordedLog) -> Result<bool, Failure> {
        let found = self.store.instance().await.map_err(Failure::from_error)?;
        let logs = found.map(|found| found.logs).unwrap_or_default();
        let kept = |found: &RecordedLog| found.log == log.log && found.final_checkpoint.is_some();
        Ok(logs.iter().any(kept))
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

/// Returns until when receipts of a log are trusted, if there is such a time: its end, or when it was
/// retired if that was earlier. An end that is recorded later changes nothing then.
fn trusted_until_ms(log: &RecordedLog) -> Option<u64> {
    let retired_ms = log.retired_ms.map(|time| time.saturating_add(TOLERANCE_MS));
    let ends = [log.ends_ms, retired_ms];
    ends.into_iter().flatten().min()
}

/// Tells whether a log may have entries: one that was retired before it began has none, and no time at
/// which it was to be trusted.
fn has_begun_if_retired(log: &RecordedLog) -> bool {
    trusted_until_ms(log).is_none_or(|until_ms| until_ms > log.begins_ms)
}

/// Refuses an instance whose last log is retired: nobody issues from it.
fn refuse_all_retired(instance: &Instance) -> Result<(), Failure> {
    match instance.logs.last() {
        Some(last) if last.retired_ms.is_some() => Err(Failure::configuration(format!(
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

fn public_key(log: &RecordedLog) -> Result<PublicKey, Failure> {
    PublicKey::from_spki_der(&log.public_key).map_err(Failure::from_error)
}
