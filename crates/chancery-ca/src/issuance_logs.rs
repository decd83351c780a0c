//! The logs that certificates are entered in: one at a time, each from its own date on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use chancery_log::clock::{CLOCK_TOLERANCE_MS, unix_ms};
use chancery_log::{AppendError, IndexTerm, Log, Sequenced};
use chancery_tlog::ct::PrecertEntry;

/// Logs that follow one another. Clones are one: what is added to one is in all.
#[derive(Clone, Debug)]
pub struct IssuanceLogs {
    /// In the order in which they begin.
    logs: Arc<ArcSwap<Vec<Arc<Log>>>>,
    changing: Arc<Mutex<()>>,
}

impl IssuanceLogs {
    /// Takes the logs that are open.
    pub fn new(mut logs: Vec<Arc<Log>>) -> Self {
        logs.sort_by_key(|log| log.begins_ms());
        Self {
            logs: Arc::new(ArcSwap::from_pointee(logs)),
            changing: Arc::default(),
        }
    }

    /// Adds a log, which takes entries as soon as it begins.
    pub fn add(&self, log: Arc<Log>) {
        self.change(|logs| {
            logs.push(log);
            logs.sort_by_key(|log| log.begins_ms());
        });
    }

    /// Leaves out the log of that name: it has ended.
    pub fn remove(&self, name: &str) {
        self.change(|logs| logs.retain(|log| log.name() != name));
    }

    /// Returns the logs, in the order in which they begin.
    pub fn all(&self) -> Arc<Vec<Arc<Log>>> {
        self.logs.load_full()
    }

    /// Returns the log that takes entries at a time: the last that has begun then. Whether it has
    /// ended in the eyes of the database, [`Log::append`] says.
    pub fn current(&self, now: SystemTime) -> Option<Arc<Log>> {
        let now_ms = unix_ms(now);
        let logs = self.logs.load();
        let begun = logs.iter().rev().find(|log| log.begins_ms() <= now_ms);
        begun.cloned()
    }

    /// Returns the log that takes entries at a time, or the one that follows if that has ended, if it
    /// would take one more now. One that does not begin by then would refuse what it is given.
    pub(crate) fn open_at(&self, now: SystemTime) -> Result<Arc<Log>, AppendError> {
        let latest_ms = unix_ms(now).saturating_add(CLOCK_TOLERANCE_MS);
        let mut log = self.current(now).ok_or(AppendError::Ended)?;
        loop {
            let ended = match log.check_open() {
                Ok(()) => return Ok(log),
                Err(e @ (AppendError::Ended | AppendError::Closing)) => e,
                Err(e) => return Err(e),
            };
            let next = self.after(&log);
            log = next
                .filter(|next| next.begins_ms() <= latest_ms)
                .ok_or(ended)?;
        }
    }

    /// Enters a precertificate in `log`, or in the one that follows if that has ended meanwhile, and
    /// returns which. Nothing was released for an entry that a log refused, so another may take it.
    pub(crate) async fn append(
        &self,
        mut log: Arc<Log>,
        entry: &PrecertEntry,
        terms: &[IndexTerm],
    ) -> Result<(Arc<Log>, Sequenced), AppendError> {
        loop {
            let appended = log.append(Box::new(entry.clone()), terms.to_vec()).await;
            let ended = match appended {
                Ok(sequenced) => return Ok((log, sequenced)),
                // An ended log is closed some seconds later.
                Err(e @ (AppendError::Ended | AppendError::Closing)) => e,
                Err(e) => return Err(e),
            };
            log = self.after(&log).ok_or(ended)?;
        }
    }

    fn after(&self, log: &Log) -> Option<Arc<Log>> {
        let logs = self.logs.load();
        let later = logs.iter().find(|next| next.begins_ms() > log.begins_ms());
        later.cloned()
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Log>>)) {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut logs = Vec::clone(&self.logs.load());
        change(&mut logs);
        self.logs.store(Arc::new(logs));
    }
}

#[cfg(test)]
mod tests;
