//! The ledgers that are served, each on a host name of its own.

use std::sync::Arc;

use arc_swap::ArcSwap;
use chancery_ledger::Ledger;
use chancery_log::PublishedLog;
use chancery_tlog::Origin;

use crate::logs::LogRead;

/// A ledger, and who may read it.
#[derive(Clone, Debug)]
pub struct ServedLedger {
    /// The log, of which the origin is the host that clients reach it at.
    pub log: Arc<dyn PublishedLog>,
    /// What takes entries; `None` if the log is frozen, or is being.
    pub entries: Option<Arc<Ledger>>,
    /// Who may read its entries.
    pub read: LogRead,
}

/// All ledgers that are served. Clones are one: what one replaces, all have replaced.
#[derive(Clone, Debug, Default)]
pub struct Ledgers {
    served: Arc<ArcSwap<Vec<ServedLedger>>>,
    /// Whether the only one there is answers to its own name alone.
    by_host: bool,
}

impl Ledgers {
    /// Takes the ledgers of an instance that has no others.
    pub fn new(ledgers: Vec<ServedLedger>) -> Self {
        Self {
            served: Arc::new(ArcSwap::from_pointee(ledgers)),
            by_host: false,
        }
    }

    /// Takes some of the ledgers of an instance: none answers to the host name of one that is missing.
    pub fn by_host(ledgers: Vec<ServedLedger>) -> Self {
        Self {
            by_host: true,
            ..Self::new(ledgers)
        }
    }

    /// Serves one more. `origins` are those of all ledgers of the instance, oldest first.
    pub fn add(&self, ledger: &ServedLedger, origins: &[&str]) {
        self.served.rcu(|ledgers| {
            let mut ledgers = Vec::clone(ledgers);
            ledgers.push(ledger.clone());
            ledgers.sort_by_key(|ledger| {
                let own = ledger.log.origin().as_str();
                origins.iter().position(|origin| *origin == own)
            });
            ledgers
        });
    }

    /// Takes no more entries for the ledger of that origin. It is read as before.
    pub fn end(&self, origin: &Origin) {
        self.served.rcu(|ledgers| {
            let mut ledgers = Vec::clone(ledgers);
            let same = |ledger: &&mut ServedLedger| ledger.log.origin() == origin;
            if let Some(ledger) = ledgers.iter_mut().find(same) {
                ledger.entries = None;
            }
            ledgers
        });
    }

    /// Serves a ledger as it was frozen, where the one of that origin was served.
    pub fn freeze(&self, frozen: &Arc<dyn PublishedLog>) {
        self.served.rcu(|ledgers| {
            let mut ledgers = Vec::clone(ledgers);
            let same = |ledger: &&mut ServedLedger| ledger.log.origin() == frozen.origin();
            if let Some(ledger) = ledgers.iter_mut().find(same) {
                ledger.log = Arc::clone(frozen);
                ledger.entries = None;
            }
            ledgers
        });
    }

    /// Returns the host name of the ledger that takes the entries of one that takes none any more: the
    /// newest of the others that are open.
    pub(crate) fn successor(&self, of: &Origin) -> Option<String> {
        let ledgers = self.served.load();
        let mut others = ledgers.iter().filter(|other| other.log.origin() != of);
        let newest = others.rfind(|other| other.entries.is_some());
        newest.map(|newest| newest.log.origin().to_string())
    }

    /// Returns those that take entries.
    pub(crate) fn open(&self) -> Vec<Arc<Ledger>> {
        let ledgers = self.served.load();
        let open = ledgers.iter().filter_map(|ledger| ledger.entries.clone());
        open.collect()
    }

    /// Returns the ledger of a host name. The only one that an instance has has every name: proxies and
    /// local clients may reach it under others.
    pub(crate) fn find(&self, host: Option<&str>) -> Option<ServedLedger> {
        let ledgers = self.served.load();
        if let [only] = ledgers.as_slice()
            && !self.by_host
        {
            return Some(only.clone());
        }
        let named = |ledger: &&ServedLedger| {
            host.is_some_and(|host| ledger.log.origin().as_str().eq_ignore_ascii_case(host))
        };
        ledgers.iter().find(named).cloned()
    }
}
