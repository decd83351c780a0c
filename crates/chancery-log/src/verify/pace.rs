//! How fast a verification may read, whatever it reads.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// Terms of the index that are as much work as an entry, which has about as many.
pub(super) const TERMS_PER_ENTRY: u64 = 3;

/// Spreads reads evenly. What took longer than it was due is not made up for later: that would be
/// a burst just when the database has recovered.
#[derive(Debug)]
pub(super) struct Pace {
    entries_per_second: Option<NonZeroU32>,
    /// When what was read so far is due.
    due: Instant,
}

impl Pace {
    /// Begins now. Without a rate, nothing ever waits.
    pub(super) fn begin(entries_per_second: Option<NonZeroU32>) -> Self {
        Self {
            entries_per_second,
            due: Instant::now(),
        }
    }

    /// Waits for as long as `count` entries that were read take.
    pub(super) async fn entries(&mut self, count: u64) {
        self.terms(count.saturating_mul(TERMS_PER_ENTRY)).await;
    }

    /// Waits for as long as `count` terms that were read take.
    pub(super) async fn terms(&mut self, count: u64) {
        let Some(rate) = self.entries_per_second else {
            return;
        };
        let rate = u64::from(rate.get()) * TERMS_PER_ENTRY;
        self.due += Duration::from_micros(count.saturating_mul(1_000_000) / rate);
        let now = Instant::now();
        if self.due > now {
            tokio::time::sleep_until(self.due).await;
        } else {
            self.due = now;
        }
    }
}
