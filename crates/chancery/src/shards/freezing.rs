//! The last two steps with a log: retiring it some time after its end, and keeping its last checkpoint.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chancery_log::Log;
use chancery_log::clock::{Clock, unix_ms};
use chancery_store::{RecordedLog, Store};

use super::Shards;
use crate::failure::Failure;

/// How long after its end a log is retired. By then no process has a clock that says an earlier time
/// (each is within 2 s of the database's), and no request that has an entry there is still on its way:
/// a request has 30 s, of which an external log may take 20 s, and what was handed out is recorded a
/// second later.
const RETIRE_AFTER: Duration = Duration::from_secs(60);

/// How long the final checkpoint of a log whose witnesses are not required waits for a quorum of them.
/// What is kept then is kept for ever, so it is worth waiting for a witness that is started anew. A
/// process that starts waits anew.
const QUORUM_WITHIN: Duration = Duration::from_mins(10);

/// When logs are retired, and their checkpoints kept.
pub(crate) struct Freezing {
    /// Since when this process has seen each log past its end, at every look.
    over_since: BTreeMap<String, Instant>,
    /// Since when each log's last checkpoint has been there without a quorum.
    last_since: BTreeMap<String, Instant>,
    pub(super) retire_after: Duration,
    pub(super) quorum_within: Duration,
}

impl Default for Freezing {
    fn default() -> Self {
        Self {
            over_since: BTreeMap::new(),
            last_since: BTreeMap::new(),
            retire_after: RETIRE_AFTER,
            quorum_within: QUORUM_WITHIN,
        }
    }
}

impl Freezing {
    /// Tells whether nobody can append to a log any more, or is to. A log is over when its end is so
    /// long ago by the clock that all processes share, and when this process has seen it past its end
    /// for as long by a clock that nobody sets: a clock that jumps ahead, and is put right in time,
    /// retires nothing, also where it is the only one.
    pub(crate) async fn is_over(
        &mut self,
        store: &Store,
        clock: &dyn Clock,
        log: &RecordedLog,
    ) -> Result<bool, Failure> {
        if log.retired_ms.is_some() {
            return Ok(true);
        }
        let Some(ends_ms) = log.ends_ms else {
            return Ok(false);
        };
        let time_ms = store.time_ms(unix_ms(clock.now())).await;
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
    pub(crate) async fn freeze(
        &mut self,
        store: &Store,
        clock: &dyn Clock,
        log: &RecordedLog,
        open: &Log,
    ) -> Result<(), Failure> {
        // What was handed out can be recorded until the log is retired.
        open.close().await;
        if log.retired_ms.is_none() {
            let grace_ms = u64::try_from(self.retire_after.as_millis()).unwrap_or(u64::MAX);
            let now_ms = unix_ms(clock.now());
            let retired = store.retire_ended_log(log.log, grace_ms, now_ms).await;
            if !retired.map_err(Failure::from_error)? {
                // Another process was quicker: the next look says so.
                return Ok(());
            }
        }
        let last = open.last().await.map_err(Failure::from_error)?;
        if !last.quorum {
            self.wait_for_quorum(log)?;
        }
        let (tree, checkpoint) = (&last.signed.head.tree, &last.signed.checkpoint);
        let kept = store.put_final_checkpoint(log.log, tree, checkpoint).await;
        if kept.map_err(Failure::from_error)? || is_kept(store, log).await? {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "the final checkpoint, of {} entries, is not kept: the database has another head by now",
            tree.tree_size
        )))
    }

    /// Refuses a last checkpoint without a quorum while one may still come.
    fn wait_for_quorum(&mut self, log: &RecordedLog) -> Result<(), Failure> {
        let since = self.last_since.entry(log.name.clone());
        let within = self.quorum_within;
        if since.or_insert_with(Instant::now).elapsed() < within {
            return Err(Failure::failed(format!(
                "too few witnesses have cosigned its last checkpoint: they are asked for up to {} s, \
                 and then it is kept with the lines that it has",
                within.as_secs()
            )));
        }
        tracing::warn!(
            log.name,
            "the final checkpoint is kept without a quorum of witnesses"
        );
        Ok(())
    }
}

impl Shards {
    pub(super) async fn is_over(&mut self, log: &RecordedLog) -> Result<bool, Failure> {
        self.freezing.is_over(&self.store, &*self.clock, log).await
    }

    pub(super) async fn freeze(&mut self, log: &RecordedLog, open: &Log) -> Result<(), Failure> {
        let clock = &*self.clock;
        self.freezing.freeze(&self.store, clock, log, open).await
    }
}

/// Tells whether a log has its final checkpoint by now.
async fn is_kept(store: &Store, log: &RecordedLog) -> Result<bool, Failure> {
    let found = store.instance().await.map_err(Failure::from_error)?;
    let mut logs = found
        .into_iter()
        .flat_map(|found| found.logs.into_iter().chain(found.ledgers));
    Ok(logs.any(|found| found.log == log.log && found.final_checkpoint.is_some()))
}
