//! The keys of one issuer, fetched when they are needed and seldom.
//!
//! ```text
//! younger than `refresh`                 used
//! older                                  fetched anew, by one request for all that wait
//!   and the fetch fails                  used for up to `stale` in all, else: unavailable
//! last fetch failed within `back_off`    not fetched: used if young enough, else: unavailable
//! a token names an unknown key           the key set is fetched once a `back_off`
//! ```
//! A fetch runs in a task of its own, which holds the lock and writes the outcome down, so a caller
//! that hangs up can neither interrupt it nor start a second one.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use crate::provider::{DiscoveryError, Provider, ProviderKeys};

/// How long an issuer is waited for, and how long what it said is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// How long a failed fetch is remembered, and how often an unknown key may cause one.
    /// Default: 10 s.
    pub back_off: Duration,
    /// How long an issuer may take to answer with its configuration and keys. Default: 5 s.
    pub fetch: Duration,
    /// The age at which keys are fetched anew. Default: 10 minutes.
    pub refresh: Duration,
    /// The age up to which keys are used while the issuer cannot be reached. Default: 24 hours.
    pub stale: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            back_off: Duration::from_secs(10),
            fetch: Duration::from_secs(5),
            refresh: Duration::from_secs(10 * 60),
            stale: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// An issuer cannot be used now.
#[derive(Debug, Clone)]
pub(crate) struct Unavailable {
    pub(crate) retry_after: Duration,
    pub(crate) cause: Arc<DiscoveryError>,
}

pub(crate) struct KeyCache {
    provider: Provider,
    timings: Timings,
    current: ArcSwapOption<ProviderKeys>,
    /// Held while a fetch is under way.
    flight: Arc<Mutex<Flight>>,
}

/// What became of the last fetches.
#[derive(Default)]
struct Flight {
    failure: Option<(Instant, Arc<DiscoveryError>)>,
    /// When an unknown key last caused a fetch.
    refetched: Option<Instant>,
}

impl KeyCache {
    pub(crate) fn new(provider: Provider, timings: Timings) -> Self {
        Self {
            provider,
            timings,
            current: ArcSwapOption::empty(),
            flight: Arc::default(),
        }
    }

    /// Returns the issuer's keys, from the issuer if need be.
    pub(crate) async fn keys(self: &Arc<Self>) -> Result<Arc<ProviderKeys>, Unavailable> {
        if let Some(keys) = self.younger_than(self.timings.refresh) {
            return Ok(keys);
        }
        let flight = Arc::clone(&self.flight).lock_owned().await;
        if let Some(keys) = self.younger_than(self.timings.refresh) {
            return Ok(keys);
        }
        let failed = match self.recent_failure(&flight) {
            Some(failed) => failed,
            None => match self.fetch(flight, None).await {
                Ok(keys) => return Ok(keys),
                Err(failed) => failed,
            },
        };
        self.younger_than(self.timings.stale).ok_or(failed)
    }

    /// Returns keys that are newer than those that were `tried` in vain, or nothing if the issuer
    /// has been asked for them just now.
    pub(crate) async fn newer_than(
        self: &Arc<Self>,
        tried: &Arc<ProviderKeys>,
    ) -> Result<Option<Arc<ProviderKeys>>, Unavailable> {
        let mut flight = Arc::clone(&self.flight).lock_owned().await;
        if let Some(keys) = self
            .current
            .load_full()
            .filter(|keys| !Arc::ptr_eq(keys, tried))
        {
            return Ok(Some(keys));
        }
        if let Some(failed) = self.recent_failure(&flight) {
            return Err(failed);
        }
        if flight
            .refetched
            .is_some_and(|at| at.elapsed() < self.timings.back_off)
        {
            return Ok(None);
        }
        flight.refetched = Some(Instant::now());
        self.fetch(flight, Some(Arc::clone(tried))).await.map(Some)
    }

    /// Tells whether the issuer has ever answered.
    pub(crate) fn is_filled(&self) -> bool {
        self.current.load().is_some()
    }

    /// Returns the issuer's identifier.
    pub(crate) fn issuer(&self) -> &str {
        &self.provider.issuer
    }

    fn younger_than(&self, age: Duration) -> Option<Arc<ProviderKeys>> {
        self.current
            .load_full()
            .filter(|keys| keys.fetched.elapsed() < age)
    }

    fn recent_failure(&self, flight: &Flight) -> Option<Unavailable> {
        let (at, cause) = flight.failure.as_ref()?;
        let retry_after = self.timings.back_off.checked_sub(at.elapsed())?;
        Some(Unavailable {
            retry_after,
            cause: Arc::clone(cause),
        })
    }

    async fn fetch(
        self: &Arc<Self>,
        mut flight: OwnedMutexGuard<Flight>,
        known: Option<Arc<ProviderKeys>>,
    ) -> Result<Arc<ProviderKeys>, Unavailable> {
        let cache = Arc::clone(self);
        let fetching = tokio::spawn(async move {
            match cache.provider.fetch(known.as_deref()).await {
                Ok(keys) => {
                    let keys = Arc::new(keys);
                    cache.current.store(Some(Arc::clone(&keys)));
                    flight.failure = None;
                    Ok(keys)
                }
                Err(error) => {
                    let cause = Arc::new(error);
                    flight.failure = Some((Instant::now(), Arc::clone(&cause)));
                    cache.report(&cause);
                    Err(cause)
                }
            }
        });
        fetching
            .await
            .unwrap_or_else(|_| Err(Arc::new(DiscoveryError::Interrupted)))
            .map_err(|cause| Unavailable {
                retry_after: self.timings.back_off,
                cause,
            })
    }

    /// The one place where a failed fetch is logged: with keys at hand, nobody is answered with it.
    fn report(&self, error: &DiscoveryError) {
        tracing::warn!(
            issuer = self.issuer(),
            error = error as &dyn std::error::Error,
            keys_at_hand = self.is_filled(),
            "issuer cannot be used",
        );
    }
}
