//! Verifying a log over and over, slowly, beside a server.

use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Contents, Options, Report, Since, verify_stored};
use crate::clock::{Clock, unix_ms};
use crate::{Form, LogStore, StoreError};

/// How long after the start the first round begins, in seconds: at random, so that replicas which
/// started together do not all read at once.
const FIRST_SECONDS: Range<u64> = 180..780;

/// A round begins a day after the one before.
const ROUND: Duration = Duration::from_secs(24 * 3600);

/// How long to wait where the database could not be read.
const AGAIN: Duration = Duration::from_secs(600);

/// The newest entries, which are verified first: they were written last before a crash.
const NEWEST: u64 = 65_536;

/// The slowest that rounds are by themselves, in entries a second.
const SLOWEST: u64 = 500;

/// Verifies a log round by round.
#[derive(Debug)]
pub struct Scrubber {
    /// The log.
    pub log: Arc<dyn LogStore>,
    /// How it lays out its entries.
    pub form: Form,
    /// What its entries mean.
    pub contents: Arc<dyn Contents>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The most entries to look at in a second. If there is none: as many as it takes for a round
    /// to last less than a day.
    pub entries_per_second: Option<NonZeroU32>,
}

/// A round that has ended.
#[derive(Debug)]
pub struct Round {
    /// Whether the whole log was verified, and not only its newest part.
    pub whole: bool,
    /// How long it took.
    pub took: Duration,
    /// What was found, or why the log could not be read.
    pub report: Result<Report, StoreError>,
}

impl Scrubber {
    /// Verifies the newest part some minutes from now, without the index if that has more, then the
    /// whole log once a day, and hands each round to `ended`. Never returns; it may be dropped at any time.
    pub async fn run(self, mut ended: impl FnMut(Round) + Send) {
        let first = rand::random_range(FIRST_SECONDS);
        tokio::time::sleep(Duration::from_secs(first)).await;
        let mut whole = false;
        loop {
            let begun = Instant::now();
            let report = self.round(whole).await;
            let failed = report.is_err();
            ended(Round {
                whole,
                took: begun.elapsed(),
                report,
            });
            let next = match (failed, whole) {
                (true, _) => Instant::now() + AGAIN,
                (false, false) => Instant::now(),
                (false, true) => begun + ROUND,
            };
            whole = !failed || whole;
            tokio::time::sleep_until(next).await;
        }
    }

    async fn round(&self, whole: bool) -> Result<Report, StoreError> {
        let size = self.log.head().await?.tree.tree_size;
        let first = match whole {
            true => 0,
            false => size.saturating_sub(NEWEST),
        };
        let options = Options {
            form: self.form,
            contents: Some(Arc::clone(&self.contents)),
            since: match first {
                0 => Since::Beginning,
                first => Since::Size(first),
            },
            // It can only be read as a whole, which is left to the whole rounds.
            index: first == 0,
            now_ms: unix_ms(self.clock.now()),
            entries_per_second: self.entries_per_second.or_else(|| by_itself(size)),
            ..Options::default()
        };
        verify_stored(&*self.log, options, &mut |_| ()).await
    }
}

/// Returns the rate at which a log of `size` entries is read in 20 hours together with its index,
/// which leaves time for its growth.
fn by_itself(size: u64) -> Option<NonZeroU32> {
    let rate = (size.saturating_mul(2) / (20 * 3600)).max(SLOWEST);
    NonZeroU32::new(u32::try_from(rate).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_of_any_size_ends_within_a_day() {
        for size in [0, 10_000, 10_000_000, 1 << 40] {
            let rate = u64::from(by_itself(size).unwrap().get());
            // The index is as much work again.
            assert!(2 * size / rate < 24 * 3600, "{size}");
        }
    }
}
