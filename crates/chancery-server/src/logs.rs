//! The logs that are served under `/ct/<name>/`.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use bytes::Bytes;
use chancery_log::PublishedLog;

/// Who may read the log's entries; chosen when the log is made, because entries cannot be erased.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LogRead {
    /// Everybody reads everything.
    #[default]
    Open,
    /// Data tiles and entries are refused; checkpoint, hash tiles and issuers stay open, so that anybody can
    /// still verify proofs.
    Restricted,
}

/// A log, and who may read it.
#[derive(Clone, Debug)]
pub struct ServedLog {
    /// The log.
    pub log: Arc<dyn PublishedLog>,
    /// Who may read its entries.
    pub read: LogRead,
    /// The times of its receipts are not before this.
    pub begins: SystemTime,
    /// They are not after this, if there is a date for its end.
    pub ends: Option<SystemTime>,
    /// Whether its last head was signed: nothing is ever added.
    pub frozen: bool,
    /// The DER of the roots that the chains of its entries end with.
    pub roots: Arc<[Bytes]>,
}

/// All logs that are served. Clones are one: what one replaces, all have replaced.
#[derive(Clone, Debug)]
pub struct Logs(Arc<ArcSwap<Vec<ServedLog>>>, Option<Arc<str>>);

impl Logs {
    /// Takes the logs, each with a name of its own.
    pub fn new(logs: Vec<ServedLog>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(logs)), None)
    }

    /// Sends readers of pruned entries to another web server: each log's files are below `url`, in a
    /// folder of the log's name.
    #[must_use]
    pub fn published_at(self, url: &str) -> Self {
        Self(self.0, Some(url.trim_end_matches('/').into()))
    }

    /// Returns the URL below which a log's files are published, if they are.
    pub(crate) fn published(&self, name: &str) -> Option<String> {
        self.1.as_ref().map(|url| format!("{url}/{name}"))
    }

    /// Serves these instead. Requests that have begun end with what they found.
    pub fn replace(&self, logs: Vec<ServedLog>) {
        self.0.store(Arc::new(logs));
    }

    /// Returns all logs.
    pub fn all(&self) -> Arc<Vec<ServedLog>> {
        self.0.load_full()
    }

    /// Returns the log of that name.
    pub(crate) fn find(&self, name: &str) -> Option<ServedLog> {
        let logs = self.0.load();
        logs.iter()
            .find(|served| served.log.name() == name)
            .cloned()
    }
}
