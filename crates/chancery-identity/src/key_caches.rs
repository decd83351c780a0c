//! The key caches of all issuers, each for as long as somebody uses it, so that a new configuration
//! goes on with the keys that are at hand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::config::Entry;
use crate::key_cache::KeyCache;

/// The way to an issuer's keys: all that decides whose keys they are and how they are asked for.
/// Two entries with the same way share one cache, before and after a reload, so whatever an entry
/// says about it must stand here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    issuer: String,
    ca_cert: Option<String>,
    is_public_only: bool,
}

impl Way {
    /// Returns the way that `entry` describes to the keys of `issuer`.
    pub(crate) fn new(issuer: &str, entry: &Entry, is_public_only: bool) -> Self {
        Self {
            issuer: issuer.to_owned(),
            ca_cert: entry.ca_cert.clone().filter(|pem| !pem.is_empty()),
            is_public_only,
        }
    }

    /// Returns the same way to another issuer, one that the same pattern stands for.
    pub(crate) fn to(&self, issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            ..self.clone()
        }
    }
}

/// All caches that are in use.
#[derive(Default)]
pub(crate) struct KeyCaches(Mutex<HashMap<Way, Weak<KeyCache>>>);

impl KeyCaches {
    /// Returns the cache at the end of `way`, a new one if nobody uses one.
    pub(crate) fn get<E>(
        &self,
        way: Way,
        make: impl FnOnce() -> Result<KeyCache, E>,
    ) -> Result<Arc<KeyCache>, E> {
        let mut caches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cache) = caches.get(&way).and_then(Weak::upgrade) {
            return Ok(cache);
        }
        caches.retain(|_, cache| cache.strong_count() > 0);
        let cache = Arc::new(make()?);
        caches.insert(way, Arc::downgrade(&cache));
        Ok(cache)
    }
}
