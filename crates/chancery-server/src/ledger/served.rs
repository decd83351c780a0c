//! The ledgers that are served, each on a host name of its own.

use std::sync::Arc;

use arc_swap::ArcSwap;
use chancery_ledger::Ledger;
use chancery_log::PublishedLog;

use crate::logs::LogRead;

/// A ledger, and who may read it.
#[derive(Clone, Debug)]
pub struct ServedLedger {
    /// The log, of which the origin is the host that clients reach it at.
    pub log: Arc<dyn PublishedLog>,
    /// What takes entries; `None` if the log is frozen.
    pub entries: Option<Arc<Ledger>>,
    /// Who may read its entries.
    pub read: LogRead,
}

/// All ledgers that are served. Clones are one: what one replaces, all have replaced.
#[derive(Clone, Debug, Default)]
pub struct Ledgers(Arc<ArcSwap<Vec<ServedLedger>>>);

impl Ledgers {
    /// Takes the ledgers.
    pub fn new(ledgers: Vec<ServedLedger>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(ledgers)))
    }

    /// Serves these instead. Requests that have begun end with what they found.
    pub fn replace(&self, ledgers: Vec<ServedLedger>) {
        self.0.store(Arc::new(ledgers));
    }

    /// Returns the ledger of a host name. The only one there is has every name: proxies and local
    /// clients may reach it under others.
    pub(crate) fn find(&self, host: Option<&str>) -> Option<ServedLedger> {
        let ledgers = self.0.load();
        if let [only] = ledgers.as_slice() {
            return Some(only.clone());
        }
        let named = |ledger: &&ServedLedger| {
            host.is_some_and(|host| ledger.log.origin().as_str().eq_ignore_ascii_case(host))
        };
        ledgers.iter().find(named).cloned()
    }
}
