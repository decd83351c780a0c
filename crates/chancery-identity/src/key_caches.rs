//! The key caches of all issuers, each for as long as somebody uses it, so that a new configuration
//! goes on with the keys that are at hand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::key_cache::KeyCache;
use crate::key_source::Way;

/// All caches that are in use, by issuer. Two entries of an issuer with the same way to it share one,
/// before and after a reload.
#[derive(Default)]
pub(crate) struct KeyCaches(Mutex<HashMap<String, Vec<InUse>>>);

struct InUse {
    way: Way,
    cache: Weak<KeyCache>,
}

impl KeyCaches {
    /// Returns the cache of an issuer's keys at the end of `way`, a new one if nobody uses one.
    pub(crate) fn get<E>(
        &self,
        issuer: &str,
        way: &Way,
        make: impl FnOnce() -> Result<KeyCache, E>,
    ) -> Result<Arc<KeyCache>, E> {
        let mut caches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = caches.get(issuer).into_iter().flatten();
        let mut same = known.filter(|known| known.way == *way);
        if let Some(cache) = same.find_map(|known| known.cache.upgrade()) {
            return Ok(cache);
        }
        caches.retain(|_, caches| {
            caches.retain(|known| known.cache.strong_count() > 0);
            !caches.is_empty()
        });
        let cache = Arc::new(make()?);
        caches.entry(issuer.to_owned()).or_default().push(InUse {
            way: way.clone(),
            cache: Arc::downgrade(&cache),
        });
        Ok(cache)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use super::*;
    use crate::address::Bounds;
    use crate::key_cache::Timings;
    use crate::network::Network;
    use crate::provider::Provider;

    fn way(is_public_only: bool) -> Way {
        Way {
            allow_http: false,
            ca_cert: None,
            in_cluster: None,
            proxy: None,
            bounds: match is_public_only {
                true => Bounds::public(None),
                false => Bounds::none(),
            },
        }
    }

    fn cache() -> Result<KeyCache, Infallible> {
        let network = Arc::new(Network::new(way(false)).unwrap());
        let provider = Provider::new("https://a.test", network, None, Duration::ZERO).unwrap();
        Ok(KeyCache::new(provider, Timings::default()))
    }

    #[test]
    fn a_cache_is_shared_by_those_that_use_the_same_way_and_forgotten_after_them() {
        let caches = KeyCaches::default();
        let (way, other) = (way(false), way(true));
        let first = caches.get("a", &way, cache).unwrap();
        assert!(Arc::ptr_eq(&first, &caches.get("a", &way, cache).unwrap()));
        assert!(!Arc::ptr_eq(
            &first,
            &caches.get("a", &other, cache).unwrap()
        ));
        assert!(!Arc::ptr_eq(&first, &caches.get("b", &way, cache).unwrap()));
        drop(first);
        let kept = caches.get("c", &way, cache).unwrap();
        assert_eq!(caches.0.lock().unwrap().len(), 1);
        drop(kept);
    }
}
