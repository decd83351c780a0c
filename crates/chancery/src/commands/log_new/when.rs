//! When a new log may begin: its command line's dates, and what speaks against one.

use std::time::Duration;

use chancery_store::RecordedLog;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::LogNewArgs;
use crate::config::parse_time;
use crate::failure::Failure;

/// How far ahead a log must begin, so that every process of the instance has taken it up by then: each
/// looks once a second, and opening a log may take some.
const NOTICE_MS: u64 = 30_000;

/// How far ahead a log must begin that clients learn of through the trust metadata: a day to sign and
/// publish them, and a day for which clients keep the metadata that they have.
const PUBLICATION: Duration = Duration::from_hours(48);

/// When a log is to begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Begin {
    /// In milliseconds since the Unix epoch.
    At(u64),
    /// In so many milliseconds.
    In(u64),
}

impl Begin {
    pub(super) fn of(args: &LogNewArgs) -> Result<Self, Failure> {
        match (&args.from, &args.after) {
            (Some(from), _) => parse_time(from)
                .map(Self::At)
                .ok_or_else(|| Failure::usage("--from takes a time such as 2027-01-01T00:00:00Z")),
            (None, after) => after
                .as_deref()
                .and_then(duration_ms)
                .map(Self::In)
                .ok_or_else(|| Failure::usage("--in takes 90s, 15m, 12h or 30d")),
        }
    }

    /// Returns when that is: a whole second, as trust documents say it.
    pub(super) fn at(self, now_ms: u64) -> Result<u64, Failure> {
        let begins_ms = match self {
            Self::At(begins_ms) => begins_ms,
            Self::In(after_ms) => now_ms.saturating_add(after_ms),
        };
        let begins_ms = begins_ms.div_ceil(1_000).saturating_mul(1_000);
        said_time(begins_ms).map(|_| begins_ms)
    }
}

fn duration_ms(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds * 1_000)
}

pub(super) fn said_time(ms: u64) -> Result<String, Failure> {
    let seconds = i64::try_from(ms / 1_000).unwrap_or(i64::MAX);
    let time = OffsetDateTime::from_unix_timestamp(seconds).map_err(Failure::from_error)?;
    time.format(&Rfc3339).map_err(Failure::from_error)
}

/// Refuses a date that some process might learn of too late. Where no log takes entries, nobody waits
/// for any, but it begins no earlier than every other was retired.
pub(super) fn refuse_too_soon(
    begins_ms: u64,
    now_ms: u64,
    logs: &[RecordedLog],
) -> Result<(), Failure> {
    if live(logs).next().is_some() {
        if begins_ms >= now_ms.saturating_add(NOTICE_MS) {
            return Ok(());
        }
        return Err(Failure::usage(format!(
            "a log begins at least {} s from now, so that every process knows of it in time",
            NOTICE_MS / 1_000,
        )));
    }
    let last = logs.iter().max_by_key(|log| log.retired_ms);
    match last.and_then(|log| Some((log, log.retired_ms?))) {
        Some((log, retired_ms)) if retired_ms > begins_ms => Err(Failure::usage(format!(
            "the log {:?} was retired at {}, and one that follows it begins later",
            log.name,
            said_time(retired_ms)?
        ))),
        _ => Ok(()),
    }
}

/// Refuses a date from which on clients would refuse what is signed, as their trust metadata do not
/// have the log yet.
pub(super) fn refuse_before_clients_know(
    begins_ms: u64,
    now_ms: u64,
    logs: &[RecordedLog],
) -> Result<(), Failure> {
    let known_ms = now_ms.saturating_add(as_ms(PUBLICATION));
    // Where no log takes entries, nobody can sign until the new one begins.
    if begins_ms >= known_ms || live(logs).next().is_none() {
        return Ok(());
    }
    Err(Failure::usage(
        "clients refuse what is signed under a log that they do not know yet: publishing it takes a \
         day, and they keep their trust metadata for another; choose --in 3d or later, or say \
         --before-clients-know; nothing was changed",
    ))
}

fn as_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Refuses a date before which no log would take entries for a while, although one could: the one
/// that was to follow was given up.
pub(super) fn refuse_gap(begins_ms: u64, now_ms: u64, logs: &[RecordedLog]) -> Result<(), Failure> {
    let ends = live(logs).map(|log| (log.ends_ms.unwrap_or(u64::MAX), log));
    match ends.max_by_key(|(ends_ms, _)| *ends_ms) {
        Some((ends_ms, log))
            if ends_ms < begins_ms && ends_ms >= now_ms.saturating_add(NOTICE_MS) =>
        {
            let ends = said_time(ends_ms)?;
            Err(Failure::usage(format!(
                "the log {:?} takes entries until {ends}, and from then on none would until this one \
                 begins: choose --from {ends}; nothing was changed",
                log.name
            )))
        }
        _ => Ok(()),
    }
}

/// The logs that are not retired.
pub(super) fn live(logs: &[RecordedLog]) -> impl Iterator<Item = &RecordedLog> {
    logs.iter().filter(|log| log.retired_ms.is_none())
}

/// Refuses a date at which a log that is recorded already is still to begin, or goes on. The database
/// has the last word; this one comes before anything is made.
pub(super) fn refuse_overlap(begins_ms: u64, logs: &[RecordedLog]) -> Result<(), Failure> {
    let in_the_way = |log: &&RecordedLog| {
        let goes_on = log.ends_ms.is_some_and(|ends_ms| ends_ms > begins_ms);
        log.retired_ms.is_none() && (log.begins_ms >= begins_ms || goes_on)
    };
    let Some(log) = logs.iter().rev().find(in_the_way) else {
        return Ok(());
    };
    let until = match log.begins_ms >= begins_ms {
        true => format!("begins at {}", said_time(log.begins_ms)?),
        false => format!(
            "goes on until {}",
            said_time(log.ends_ms.unwrap_or_default())?
        ),
    };
    Err(Failure::usage(format!(
        "the log {:?} {until}, and a new one begins later than every other: choose a later date, or \
         retire {:?} first, for ever, with `chancery log recover --log {} --retire {}`; nothing was \
         changed",
        log.name, log.name, log.name, log.origin
    )))
}

#[cfg(test)]
mod tests {
    use chancery_store::Readers;

    use super::*;

    fn recorded(name: &str, ends_ms: Option<u64>, retired_ms: Option<u64>) -> RecordedLog {
        RecordedLog {
            log: 1,
            name: name.to_owned(),
            origin: format!("localhost/ct/{name}"),
            log_id: [0; 32],
            public_key: Vec::new(),
            witness_key: Vec::new(),
            readers: Readers::Open,
            created_ms: 0,
            begins_ms: 0,
            ends_ms,
            retired_ms,
            binding: 0,
            guard_id: None,
            final_checkpoint: None,
            kind: chancery_store::LogKind::Issuance,
        }
    }

    #[test]
    fn all_logs_say_when_one_may_begin_where_the_last_was_given_up() {
        let now_ms = 1_000_000;
        // The first lives on: every process must learn of the new one in time.
        let living = [
            recorded("a", Some(2_000_000), None),
            recorded("b", None, Some(now_ms - 1)),
        ];
        refuse_too_soon(now_ms, now_ms, &living).unwrap_err();
        refuse_too_soon(now_ms + NOTICE_MS, now_ms, &living).unwrap();
        // The first was retired after the last.
        let retired = [
            recorded("a", Some(2_000_000), Some(now_ms)),
            recorded("b", None, Some(now_ms - 100_000)),
        ];
        let refused = refuse_too_soon(now_ms - 50_000, now_ms, &retired).unwrap_err();
        assert!(refused.to_string().contains("\"a\""), "{refused}");
        refuse_too_soon(now_ms, now_ms, &retired).unwrap();
    }

    #[test]
    fn no_time_is_left_in_which_no_log_takes_entries() {
        let (now_ms, ends_ms) = (1_000_000, 2_000_000);
        let logs = [
            recorded("a", Some(ends_ms), None),
            recorded("b", None, Some(now_ms - 1)),
        ];
        let refused = refuse_gap(ends_ms + 1_000, now_ms, &logs).unwrap_err();
        assert!(
            refused.to_string().contains("1970-01-01T00:33:20Z"),
            "{refused}"
        );
        refuse_gap(ends_ms, now_ms, &logs).unwrap();
        // Too late for that, and nothing to be left.
        refuse_gap(ends_ms + 60_000, ends_ms - 1, &logs).unwrap();
        refuse_gap(ends_ms, now_ms, &[recorded("a", None, None)]).unwrap();
        refuse_gap(ends_ms, now_ms, &[recorded("a", Some(1_500_000), Some(1))]).unwrap();
    }

    #[test]
    fn durations_are_read_with_their_unit_and_nothing_else() {
        for (text, seconds) in [
            ("90s", 90),
            ("15m", 900),
            ("12h", 43_200),
            ("30d", 2_592_000),
        ] {
            assert_eq!(duration_ms(text), Some(seconds * 1_000), "{text}");
        }
        for wrong in [
            "",
            "s",
            "90",
            "-1s",
            "1.5h",
            "1w",
            "1 s",
            "9é",
            "99999999999999999999d",
        ] {
            assert_eq!(duration_ms(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn clients_are_given_time_to_learn_of_a_log_while_another_takes_entries() {
        let (now_ms, two_days_ms) = (1_000_000, 2 * 86_400_000);
        let living = [recorded("a", None, None)];
        let known_ms = now_ms + two_days_ms;
        let refused = refuse_before_clients_know(known_ms - 1, now_ms, &living).unwrap_err();
        assert!(refused.to_string().contains("--in 3d"), "{refused}");
        refuse_before_clients_know(known_ms, now_ms, &living).unwrap();
        let retired = [recorded("a", None, Some(now_ms))];
        refuse_before_clients_know(now_ms, now_ms, &retired).unwrap();
    }
}
