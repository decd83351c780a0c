//! Which logs verifiers trust, and for what times.

use chancery_log::clock::from_unix_ms;
use chancery_store::{Instance, RecordedLog};
use chancery_trust::documents::{CtLog, Window};
use url::Url;

use super::{Shards, public_key};
use crate::config::Config;
use crate::failure::Failure;
use crate::submitting;

/// A receipt's time may be ahead of the clock that said when the log was retired by so much.
const TOLERANCE_MS: u64 = 2_000;

impl Shards {
    /// Returns the logs that verifiers trust: all that are recorded, those of later dates included.
    pub(crate) fn trusted(&self) -> Result<Vec<CtLog>, Failure> {
        trusted(&self.config, &self.instance)
    }
}

/// Returns the logs that verifiers of an instance trust.
pub(crate) fn trusted(config: &Config, instance: &Instance) -> Result<Vec<CtLog>, Failure> {
    let trusted = |log: &RecordedLog| {
        let url = format!("{}/ct/{}", config.url, log.name);
        Ok(CtLog {
            key: public_key(log)?,
            url: Url::parse(&url).map_err(Failure::from_error)?,
            window: Window::between(
                from_unix_ms(log.begins_ms),
                trusted_until_ms(log).map(from_unix_ms),
            ),
        })
    };
    let external = submitting::trusted(config, instance.created_ms)?;
    let logs = instance.logs.iter();
    let logs = logs.filter(|log| has_begun_if_retired(log)).map(trusted);
    logs.chain(external.map(Ok)).collect()
}

/// Returns until when receipts of a log are trusted, if there is such a time: its end, or when it was
/// retired if that was earlier. An end that is recorded later changes nothing then.
fn trusted_until_ms(log: &RecordedLog) -> Option<u64> {
    let retired_ms = log.retired_ms.map(|time| time.saturating_add(TOLERANCE_MS));
    let ends = [log.ends_ms, retired_ms];
    ends.into_iter().flatten().min()
}

/// Tells whether a log may have entries: one that was retired before it began has none, and no time at
/// which it was to be trusted.
fn has_begun_if_retired(log: &RecordedLog) -> bool {
    trusted_until_ms(log).is_none_or(|until_ms| until_ms > log.begins_ms)
}

#[cfg(test)]
mod tests {
    use chancery_store::Readers;

    use super::*;

    #[test]
    fn a_log_is_trusted_until_its_end_or_until_it_was_retired_whichever_came_first() {
        let log = |ends_ms, retired_ms| RecordedLog {
            log: 1,
            name: "2026".to_owned(),
            origin: "localhost/ct/2026".to_owned(),
            log_id: [0; 32],
            public_key: Vec::new(),
            witness_key: Vec::new(),
            readers: Readers::Open,
            created_ms: 1_000,
            begins_ms: 50_000,
            ends_ms,
            retired_ms,
            binding: 0,
            guard_id: None,
            final_checkpoint: None,
            kind: chancery_store::LogKind::Issuance,
        };
        for (ends_ms, retired_ms, until_ms) in [
            (None, None, None),
            (Some(90_000), None, Some(90_000)),
            (None, Some(80_000), Some(82_000)),
            // At its end.
            (Some(90_000), Some(150_000), Some(90_000)),
            // By hand, and an end was recorded after that.
            (Some(90_000), Some(60_000), Some(62_000)),
        ] {
            let log = log(ends_ms, retired_ms);
            assert_eq!(trusted_until_ms(&log), until_ms, "{log:?}");
            assert!(has_begun_if_retired(&log), "{log:?}");
        }
        for (ends_ms, retired_ms) in [
            (None, 40_000),
            (Some(90_000), 40_000),
            (Some(45_000), 40_000),
        ] {
            let log = log(ends_ms, Some(retired_ms));
            assert!(!has_begun_if_retired(&log), "{log:?}");
        }
    }
}
