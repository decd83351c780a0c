//! How many entries strangers may add in a time: the generic cell rate algorithm (ITU-T I.371,
//! annex A) over all of them together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A budget that fills again at a steady rate.
#[derive(Debug)]
pub struct Budget {
    interval: Duration,
    reach: Duration,
    /// When it will be whole.
    whole: Mutex<Option<Instant>>,
}

impl Budget {
    /// Makes a budget of so many a second in the long run, and as many as in `burst` at once.
    pub fn new(per_second: u32, burst: Duration) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self {
            interval,
            reach: burst.max(interval),
            whole: Mutex::new(None),
        }
    }

    /// Takes one.
    ///
    /// # Errors
    ///
    /// Where there is none left: how long to wait for one.
    pub fn spend(&self, now: Instant) -> Result<(), Duration> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        let next = whole.map_or(now, |whole| whole.max(now)) + self.interval;
        match (next - now).checked_sub(self.reach) {
            Some(excess) if !excess.is_zero() => Err(excess),
            _ => {
                *whole = Some(next);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_at_once_and_then_as_many_as_fill_again() {
        let budget = Budget::new(10, Duration::from_secs(1));
        let start = Instant::now();
        for _ in 0..10 {
            budget.spend(start).unwrap();
        }
        let wait = budget.spend(start).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        budget.spend(start + wait).unwrap();
        budget.spend(start + wait).unwrap_err();
    }
}
