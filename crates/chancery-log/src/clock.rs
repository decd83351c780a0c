//! Where the time comes from, so that tests can say what time it is.

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far the last head of a log may be ahead of this process's clock, its beginning too, and the
/// database's clock from it, in milliseconds. A batch that finds more is put off.
pub const CLOCK_TOLERANCE_MS: u64 = 2_000;

/// A source of the current time.
pub trait Clock: Debug + Send + Sync {
    /// Returns the current wall-clock time.
    fn now(&self) -> SystemTime;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that stands where it was put.
#[cfg(any(test, feature = "test-util"))]
#[derive(Debug)]
pub struct FixedClock(std::sync::Mutex<SystemTime>);

#[cfg(any(test, feature = "test-util"))]
impl FixedClock {
    /// Makes a clock that shows `now`.
    pub fn at(now: SystemTime) -> Self {
        Self(std::sync::Mutex::new(now))
    }

    /// Puts the clock to `now`, in either direction.
    pub fn set(&self, now: SystemTime) {
        *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = now;
    }
}

#[cfg(any(test, feature = "test-util"))]
impl Clock for FixedClock {
    fn now(&self) -> SystemTime {
        *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Returns milliseconds since the Unix epoch, the unit of RFC 6962; 0 for times before it.
pub fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the time that is `ms` milliseconds after the Unix epoch.
pub fn from_unix_ms(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms)
}
