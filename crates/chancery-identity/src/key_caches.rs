//! The key caches of all issuers, each for as long as somebody uses it, so that a new configuration
//! goes on with the keys that are at hand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::key_cache::KeyCache;
use crate::key_source::Way;

/// All caches that are in use, by the issuer and all that decides how its keys are asked for: two
/// entries with the same way share one cache, before and after a reload.
#[derive(Default)]
pub(crate) struct KeyCaches(Mutex<HashMap<(String, Way), Weak<KeyCache>>>);

impl KeyCaches {
    /// Returns the cache at the end of `way` to `issuer`, a new one if nobody uses one.
    pub(crate) fn get<E>(
        &self,
        issuer: &str,
        way: &Way,
        make: impl FnOnce() -> Result<KeyCache, E>,
    ) -> Result<Arc<KeyCache>, E> {
        let key = (issuer.to_owned(), way.clone());
        let mut caches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cache) = caches.get(&key).and_then(Weak::upgrade) {
            return Ok(cache);
        }
        caches.retain(|_, cache| cache.strong_count() > 0);
        let cache = Arc::new(make()?);
        caches.insert(key, Arc::downgrade(&cache));
        Ok(cache)
    }
}
