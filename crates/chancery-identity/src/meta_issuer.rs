//! Issuers by pattern: those that have been seen are kept, a bounded number of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::issuer::{Issuer, TermsAndKeys};
use crate::key_cache::Timings;
use crate::key_caches::KeyCaches;
use crate::key_source::KeySource;
use crate::terms::Terms;
use crate::wildcard::Wildcard;

/// The most issuers that are kept for all patterns together.
const MAX_SEEN: usize = 100;

/// A pattern with its entries.
pub(crate) struct MetaIssuer {
    pub(crate) pattern: Wildcard,
    pub(crate) entries: Vec<MetaEntry>,
    pub(crate) caches: Arc<KeyCaches>,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) timings: Timings,
}

/// One entry of a pattern.
pub(crate) struct MetaEntry {
    pub(crate) terms: Arc<Terms>,
    pub(crate) keys: KeySource,
}

/// All patterns, and the issuers that they have been found to stand for.
pub(crate) struct MetaIssuers {
    patterns: Vec<MetaIssuer>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    issuers: HashMap<String, (u64, Arc<Issuer>)>,
    /// Grows with each look-up; the lowest is the one that was not asked for longest.
    tick: u64,
}

impl MetaIssuers {
    /// The pattern that fixes most comes first, so that which of two is meant does not depend on
    /// chance, as it does in Fulcio.
    pub(crate) fn new(mut patterns: Vec<MetaIssuer>) -> Self {
        patterns.sort_by_key(|meta| std::cmp::Reverse(meta.pattern.fixed()));
        Self {
            patterns,
            seen: Mutex::default(),
        }
    }

    /// Goes on with the issuers that another configuration has seen, in the order of their use.
    pub(crate) fn adopt(&self, before: &Self) {
        let mut seen: Vec<(u64, String)> = {
            let seen = before.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let names = seen.issuers.iter();
            names
                .map(|(name, (used, _))| (*used, name.clone()))
                .collect()
        };
        seen.sort_unstable();
        for (_, name) in seen {
            self.find(&name);
        }
    }

    pub(crate) fn patterns(&self) -> impl Iterator<Item = &Wildcard> {
        self.patterns.iter().map(|meta| &meta.pattern)
    }

    /// Returns the issuer of that name, if a pattern stands for it. Nobody is asked yet.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Issuer>> {
        let meta = self
            .patterns
            .iter()
            .find(|meta| meta.pattern.matches(name))?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.tick += 1;
        let tick = seen.tick;
        if let Some((used, issuer)) = seen.issuers.get_mut(name) {
            *used = tick;
            return Some(Arc::clone(issuer));
        }
        let issuer = Arc::new(meta.issuer(name)?);
        if seen.issuers.len() >= MAX_SEEN {
            seen.forget_one();
        }
        seen.issuers
            .insert(name.to_owned(), (tick, Arc::clone(&issuer)));
        Some(issuer)
    }
}

impl MetaIssuer {
    fn issuer(&self, name: &str) -> Option<Issuer> {
        let entries = self.entries.iter().map(|entry| {
            let permits = Some(Arc::clone(&self.permits));
            let keys = entry.keys.cache(name, &self.caches, permits, self.timings);
            Some(TermsAndKeys {
                terms: Arc::clone(&entry.terms),
                keys: keys.ok()?,
            })
        });
        Some(Issuer::new(entries.collect::<Option<_>>()?))
    }
}

impl Seen {
    /// Forgets one that never answered rather than one that has: names are free to invent, and
    /// must not push out those that are in use.
    fn forget_one(&mut self) {
        let oldest = self
            .issuers
            .iter()
            .min_by_key(|(_, (used, issuer))| (issuer.is_known(), *used))
            .map(|(name, _)| name.clone());
        if let Some(name) = oldest {
            self.issuers.remove(&name);
        }
    }
}
