//! The time that is stamped: it never goes back, and can be held against somebody else's.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use chancery_log::clock::{Clock, from_unix_ms, unix_ms};

/// How far the clock may go back before nothing is stamped. Within it, the time stands still: that
/// is what a clock does that is being set right.
pub const STEP_BACK: Duration = Duration::from_secs(2);

/// Somebody else's opinion of the time.
///
/// It is asked for each timestamp, so it answers from what it knows and waits for nothing.
pub trait TimeCheck: Debug + Send + Sync {
    /// Holds our time against theirs.
    ///
    /// # Errors
    /// The times are apart, or theirs is not known.
    fn check(&self, ours: SystemTime) -> Result<(), TimeDoubt>;

    /// Returns by how many seconds our time is ahead of theirs, negative if it is behind; `None`
    /// while theirs is not known.
    fn ahead(&self, ours: SystemTime) -> Option<f64>;
}

/// Why the clock is not believed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TimeDoubt {
    /// Nobody has told the time yet, or not for too long.
    #[error("the clock could not be compared with {with} {since}; see that they can be reached")]
    Unknown {
        /// Whom it is compared with.
        with: String,
        /// Since when.
        since: String,
    },
    /// The clock is wrong, or theirs are.
    #[error(
        "the clock is {apart:.3?} {direction} that of {with}, and {limit:.3?} are allowed; \
         set the clock right"
    )]
    Apart {
        /// How far.
        apart: Duration,
        /// Which way: "ahead of" or "behind".
        direction: &'static str,
        /// Whom it is compared with.
        with: String,
        /// How far it may be.
        limit: Duration,
    },
}

/// Why there is no time to stamp.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TimeError {
    /// The clock shows less than what was stamped already.
    #[error(
        "the clock went back by {by:.3?} since the last timestamp; set it right, or wait that long"
    )]
    WentBack {
        /// How far it is behind.
        by: Duration,
    },
    /// The clock is not believed.
    #[error(transparent)]
    Doubt(#[from] TimeDoubt),
}

/// A clock that never goes back.
#[derive(Debug)]
pub(crate) struct TimeSource {
    clock: Arc<dyn Clock>,
    check: Option<Arc<dyn TimeCheck>>,
    /// The latest time that was given out, in milliseconds.
    latest: AtomicU64,
}

impl TimeSource {
    /// Makes one that gives out nothing earlier than `floor`.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        check: Option<Arc<dyn TimeCheck>>,
        floor: SystemTime,
    ) -> Self {
        Self {
            clock,
            check,
            latest: AtomicU64::new(unix_ms(floor)),
        }
    }

    /// Returns by how many seconds the clock is ahead of those it is held against, if that is known.
    pub(crate) fn ahead(&self) -> Option<f64> {
        self.check.as_ref()?.ahead(self.clock.now())
    }

    /// Returns the time, not before any that was returned already.
    pub(crate) fn now(&self) -> Result<SystemTime, TimeError> {
        let now = self.clock.now();
        // First, since a time that is far ahead must not become the latest one.
        if let Some(check) = &self.check {
            check.check(now)?;
        }
        let now = unix_ms(now);
        let latest = self.latest.fetch_max(now, Ordering::Relaxed);
        let by = Duration::from_millis(latest.saturating_sub(now));
        if by > STEP_BACK {
            return Err(TimeError::WentBack { by });
        }
        Ok(from_unix_ms(now.max(latest)))
    }
}

#[cfg(test)]
mod tests {
    use chancery_log::clock::FixedClock;

    use super::*;

    fn seconds(seconds: u64) -> SystemTime {
        from_unix_ms(seconds * 1000)
    }

    #[test]
    fn a_clock_that_goes_back_a_little_stands_still() {
        let clock = Arc::new(FixedClock::at(seconds(100)));
        let time = TimeSource::new(Arc::clone(&clock) as _, None, seconds(0));
        assert_eq!(time.now(), Ok(seconds(100)));
        clock.set(seconds(98));
        assert_eq!(time.now(), Ok(seconds(100)));
        clock.set(seconds(101));
        assert_eq!(time.now(), Ok(seconds(101)));
    }

    #[test]
    fn a_clock_that_goes_back_further_gives_no_time_until_it_has_caught_up() {
        let clock = Arc::new(FixedClock::at(seconds(100)));
        let time = TimeSource::new(Arc::clone(&clock) as _, None, seconds(0));
        time.now().unwrap();
        clock.set(seconds(97));
        let by = Duration::from_secs(3);
        assert_eq!(time.now(), Err(TimeError::WentBack { by }));
        clock.set(seconds(99));
        assert_eq!(time.now(), Ok(seconds(100)));
    }

    #[test]
    fn what_was_stamped_before_the_start_counts() {
        let clock = Arc::new(FixedClock::at(seconds(100)));
        let time = TimeSource::new(Arc::clone(&clock) as _, None, seconds(200));
        assert!(matches!(time.now(), Err(TimeError::WentBack { .. })));
    }

    #[derive(Debug)]
    struct Until(SystemTime);

    impl TimeCheck for Until {
        fn check(&self, ours: SystemTime) -> Result<(), TimeDoubt> {
            let apart = ours.duration_since(self.0).unwrap_or_default();
            match apart.is_zero() {
                true => Ok(()),
                false => Err(TimeDoubt::Apart {
                    apart,
                    direction: "ahead of",
                    with: "a test".to_owned(),
                    limit: Duration::ZERO,
                }),
            }
        }

        fn ahead(&self, _: SystemTime) -> Option<f64> {
            None
        }
    }

    #[test]
    fn a_time_that_is_not_believed_is_not_given_out_and_not_remembered() {
        let clock = Arc::new(FixedClock::at(seconds(1000)));
        let check = Arc::new(Until(seconds(500)));
        let time = TimeSource::new(Arc::clone(&clock) as _, Some(check), seconds(0));
        assert!(matches!(time.now(), Err(TimeError::Doubt(_))));
        clock.set(seconds(100));
        assert_eq!(time.now(), Ok(seconds(100)));
    }
}
