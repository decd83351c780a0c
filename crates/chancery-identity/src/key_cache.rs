//! The keys of one issuer, fetched when they are needed and seldom.
//!
//! ```text
//! none at hand, or older than `stale`    fetched, by one request for all that wait
//! younger than `refresh`                 used
//! younger than twice that, or the last   used at once, and fetched anew in the background
//!   fetch failed
//! older                                  fetched anew, and used if that takes over half a second
//! last fetch failed within `back_off`    not fetched
//! a token names an unknown key           the key set is fetched once a `back_off`
//! ```
//! So an issuer that stops answering delays nobody whose keys are at hand, and a key that was taken
//! back is refused after twice `refresh` at the latest while the issuer answers.
//!
//! A fetch runs in a task of its own, which holds the lock and writes the outcome down, so a caller
//! that hangs up can neither interrupt it nor start a second one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, timeout};

use crate::provider::{DiscoveryError, Provider, ProviderKeys};

/// How long a caller waits for newer keys when old ones are at hand.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long an issuer is waited for, and how long what it said is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// How long a failed fetch is remembered, and how often an unknown key may cause one.
    /// Default: 10 s.
    pub back_off: Duration,
    /// How long an issuer may take to answer with its configuration and keys. Default: 4.5 s, so
    /// that whoever waits for it is answered within 5 s.
    pub fetch: Duration,
    /// The age at which configuration and keys are fetched anew. Default: 10 minutes.
    pub refresh: Duration,
    /// The age up to which they are used while the issuer cannot be reached. Default: 24 hours.
    pub stale: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            back_off: Duration::from_secs(10),
            fetch: Duration::from_millis(4500),
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
    issuer: String,
    /// Nothing where the operator has given the keys.
    provider: Option<Provider>,
    timings: Timings,
    current: ArcSwapOption<ProviderKeys>,
    /// Held while a fetch is under way.
    flight: Arc<Mutex<Flight>>,
    /// Whether the last fetch failed; what [`Flight`] knows, for those who do not wait for it.
    failing: AtomicBool,
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
            issuer: provider.issuer.clone(),
            provider: Some(provider),
            timings,
            current: ArcSwapOption::empty(),
            flight: Arc::default(),
            failing: AtomicBool::new(false),
        }
    }

    /// Keys that the operator has given: they are used for ever, and nobody is asked.
    pub(crate) fn given(issuer: &str, keys: Arc<ProviderKeys>) -> Self {
        Self {
            issuer: issuer.to_owned(),
            provider: None,
            timings: Timings::default(),
            current: ArcSwapOption::new(Some(keys)),
            flight: Arc::default(),
            failing: AtomicBool::new(false),
        }
    }

    /// Returns the issuer's keys, from the issuer if need be.
    pub(crate) async fn keys(self: &Arc<Self>) -> Result<Arc<ProviderKeys>, Unavailable> {
        if self.provider.is_none()
            && let Some(keys) = self.current.load_full()
        {
            return Ok(keys);
        }
        let Some(keys) = self.younger_than(self.timings.stale) else {
            return self.renewed().await;
        };
        if keys.is_younger_than(self.timings.refresh) {
            return Ok(keys);
        }
        if keys.is_younger_than(self.timings.refresh * 2) || self.failing.load(Ordering::Relaxed) {
            self.renew_in_the_background();
            return Ok(keys);
        }
        match timeout(PATIENCE, self.renewed()).await {
            Ok(Ok(newer)) => Ok(newer),
            Ok(Err(_)) | Err(_) => Ok(keys),
        }
    }

    /// Waits for the fetch that is under way, or for one of its own.
    async fn renewed(self: &Arc<Self>) -> Result<Arc<ProviderKeys>, Unavailable> {
        let flight = Arc::clone(&self.flight).lock_owned().await;
        if let Some(keys) = self.younger_than(self.timings.refresh) {
            return Ok(keys);
        }
        match self.recent_failure(&flight) {
            Some(failed) => Err(failed),
            None => landed(self.start(flight, None).await, self.timings),
        }
    }

    /// Starts a fetch unless one is under way or has failed just now.
    fn renew_in_the_background(self: &Arc<Self>) {
        if let Ok(flight) = Arc::clone(&self.flight).try_lock_owned()
            && self.younger_than(self.timings.refresh).is_none()
            && self.recent_failure(&flight).is_none()
        {
            // Nobody waits: the task writes its outcome down.
            drop(self.start(flight, None));
        }
    }

    /// Returns keys that are newer than those that were `tried` in vain, or nothing if the issuer
    /// has been asked for them just now.
    pub(crate) async fn newer_than(
        self: &Arc<Self>,
        tried: &Arc<ProviderKeys>,
    ) -> Result<Option<Arc<ProviderKeys>>, Unavailable> {
        if self.provider.is_none() {
            return Ok(None);
        }
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
        let known = Some(tried).filter(|tried| tried.is_younger_than(self.timings.refresh));
        let fetched = self.start(flight, known.map(Arc::clone)).await;
        landed(fetched, self.timings).map(Some)
    }

    /// Tells whether the issuer has ever answered.
    pub(crate) fn is_filled(&self) -> bool {
        self.current.load().is_some()
    }

    /// Returns the issuer's identifier.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    fn younger_than(&self, age: Duration) -> Option<Arc<ProviderKeys>> {
        self.current
            .load_full()
            .filter(|keys| keys.is_younger_than(age))
    }

    fn recent_failure(&self, flight: &Flight) -> Option<Unavailable> {
        let (at, cause) = flight.failure.as_ref()?;
        let retry_after = self.timings.back_off.checked_sub(at.elapsed())?;
        Some(Unavailable {
            retry_after,
            cause: Arc::clone(cause),
        })
    }

    /// Starts a fetch of everything, or of the keys alone where the rest is `known`.
    fn start(
        self: &Arc<Self>,
        mut flight: OwnedMutexGuard<Flight>,
        known: Option<Arc<ProviderKeys>>,
    ) -> JoinHandle<Result<Arc<ProviderKeys>, Arc<DiscoveryError>>> {
        let cache = Arc::clone(self);
        tokio::spawn(async move {
            let outcome = match &cache.provider {
                Some(provider) => provider.fetch(known.as_deref()).await,
                None => Err(DiscoveryError::Interrupted),
            };
            cache.failing.store(outcome.is_err(), Ordering::Relaxed);
            match outcome {
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

fn landed(
    fetched: Result<Result<Arc<ProviderKeys>, Arc<DiscoveryError>>, JoinError>,
    timings: Timings,
) -> Result<Arc<ProviderKeys>, Unavailable> {
    fetched
        .unwrap_or_else(|_| Err(Arc::new(DiscoveryError::Interrupted)))
        .map_err(|cause| Unavailable {
            retry_after: timings.back_off,
            cause,
        })
}
