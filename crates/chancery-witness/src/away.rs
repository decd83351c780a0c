//! What is remembered of a witness between two checkpoints: where it stood, and whether it is worth
//! asking.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// After the first failure; each further one in a row doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest that a witness is not asked: it is used again so soon after it is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// What the last exchanges with a witness have shown.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// The size of the tree that it saw last, as far as this process knows.
    pub(crate) known: u64,
    pub(crate) cosigned_at: Option<SystemTime>,
    /// How often it was asked in vain since this process began.
    pub(crate) failures: u64,
    failed: Option<Failed>,
}

#[derive(Debug)]
struct Failed {
    times: u32,
    ask_again: Instant,
    why: String,
}

impl Standing {
    /// Says why the witness is not worth asking now, if so.
    pub(crate) fn away(&self, now: Instant) -> Option<String> {
        let failed = self.failed.as_ref().filter(|f| now < f.ask_again)?;
        Some(format!("{} (asked again soon)", failed.why))
    }

    /// Notes that it cosigned; says whether it had failed before.
    pub(crate) fn cosigned(&mut self, size: u64) -> bool {
        self.known = size;
        self.cosigned_at = Some(SystemTime::now());
        self.failed.take().is_some()
    }

    /// Notes that it did not; says whether this is news.
    pub(crate) fn failed(&mut self, why: String, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        let times = self.failed.as_ref().map_or(0, |f| f.times);
        let pause = FIRST_PAUSE
            .saturating_mul(1 << times.min(16))
            .min(LONGEST_PAUSE);
        self.failed = Some(Failed {
            times: times.saturating_add(1),
            ask_again: now + pause,
            why,
        });
        times == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_end_with_the_first_cosignature() {
        let now = Instant::now();
        let mut standing = Standing::default();
        assert_eq!(standing.away(now), None);
        assert!(standing.failed("down".to_owned(), now));
        assert!(standing.away(now).is_some_and(|why| why.contains("down")));
        assert_eq!(standing.away(now + FIRST_PAUSE), None);
        for _ in 0..100 {
            assert!(!standing.failed("down".to_owned(), now));
        }
        assert!(standing.away(now + LONGEST_PAUSE / 2).is_some());
        assert_eq!(standing.away(now + LONGEST_PAUSE), None);
        assert_eq!((standing.failures, standing.cosigned_at), (101, None));
        assert!(standing.cosigned(7));
        assert_eq!((standing.away(now), standing.known), (None, 7));
        assert!(standing.cosigned_at.is_some());
        assert!(!standing.cosigned(8));
    }
}
