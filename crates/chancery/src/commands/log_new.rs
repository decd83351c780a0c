//! `chancery log new`: begins a new log at a date, while issuing goes on in the one before it.
//!
//! Files come first, the record last: a process that finds the record finds the files, too. Broken off
//! before the record, the command can be run again with the same name and takes up what is there.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chancery_keys::{KeyType, LocalKey, Passphrase, Signer};
use chancery_log::clock::unix_ms;
use chancery_store::{Access, AddLogError, ConnectOptions, Instance, NewLog, NextLog, RecordedLog};
use chancery_store::{Readers, Store};
use chancery_tlog::ct::LogId;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::LogNewArgs;
use crate::commands::serve::put_database;
use crate::config::{
    Config, GuardConfig, GuardPlace, LogConfig, LogRead, ShardConfig, WitnessesConfig, parse_time,
};
use crate::connecting;
use crate::failure::{Causes, Failure};
use crate::founding::write_new;
use crate::opening::passphrase;
use crate::report::say;
use crate::shards::expected_origin;
use crate::{guarding, keys};

/// How far ahead a log must begin, so that every process of the instance has taken it up by then: each
/// looks once a second, and opening a log may take some.
const NOTICE_MS: u64 = 30_000;

pub(crate) async fn run(args: LogNewArgs) -> Result<(), Failure> {
    let mut config = Config::load(&args.instance.config)?;
    put_database(&mut config, args.instance.database.clone())?;
    refuse_name(&args.name)?;
    let begin = Begin::of(&args)?;
    let passphrase = passphrase(&config)?;
    let options = ConnectOptions {
        access: Access::AddLog,
        ..ConnectOptions::default()
    };
    let store = connecting::connect_with(&connecting::database_url(&config)?, options).await?;
    let begun = Beginning {
        args,
        config,
        passphrase,
        store,
        begin,
    };
    let done = begun.begin().await;
    begun.store.close().await;
    done
}

/// A log that is to be begun.
struct Beginning {
    args: LogNewArgs,
    config: Config,
    passphrase: Passphrase,
    store: Store,
    begin: Begin,
}

impl Beginning {
    async fn begin(&self) -> Result<(), Failure> {
        let name = &self.args.name;
        self.store.check_schema().await.map_err(Failure::by_fault)?;
        let instance = connecting::own(&self.store).await?;
        if instance.logs.iter().any(|log| log.name == *name) {
            return Err(Failure::usage(format!(
                "this instance has a log {name:?} already; nothing was changed"
            )));
        }
        let before = instance.logs.last();
        let before = before.ok_or_else(|| Failure::configuration("the instance has no log"))?;
        let (shard, keys) = match ShardConfig::load(&self.config, name)? {
            Some(shard) => {
                let paths = [&*shard.log.key, &*shard.log.witness_key];
                let keys = keys::load(paths, &self.passphrase)?;
                (shard, keys)
            }
            None => self.make_files(&instance.logs, before).await?,
        };
        // After all that takes long.
        let now_ms = unix_ms(SystemTime::now());
        let begins_ms = shard.begins_ms()?;
        refuse_too_soon(begins_ms, now_ms, &instance.logs)
            .and_then(|()| refuse_gap(begins_ms, now_ms, &instance.logs))
            .map_err(|e| self.with_file(e))?;
        self.record(&shard, &keys, before, now_ms).await?;
        self.say_what_next(&shard, &instance);
        Ok(())
    }

    /// Says what to do where the file of an earlier run says a time that is refused now.
    fn with_file(&self, refused: Failure) -> Failure {
        Failure::usage(format!(
            "{refused}; {} says when it begins, by this or an earlier run: remove it and what it \
             names, and run this again",
            self.config.shard_file(&self.args.name).display()
        ))
    }

    /// Makes guard and keys, then the file that names them.
    async fn make_files(
        &self,
        logs: &[RecordedLog],
        before: &RecordedLog,
    ) -> Result<(ShardConfig, [LocalKey; 2]), Failure> {
        let now_ms = unix_ms(SystemTime::now());
        let planned_ms = self.begin.at(now_ms)?;
        refuse_too_soon(planned_ms, now_ms, logs)?;
        refuse_gap(planned_ms, now_ms, logs)?;
        refuse_overlap(planned_ms, logs)?;
        let (config, name) = (&self.config, &self.args.name);
        let folder = &config.logs;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|e| Failure::failed(format!("cannot make {}: {e}", folder.display())))?;

        let place = guard_place(&config.guard.place, name);
        let guard_id = match &place {
            // It takes every log whose keys it is told.
            GuardPlace::Witness(_) => guarding::id_of(config, &self.store).await?,
            place => {
                let made = guarding::create(place, &self.store).await?;
                made.guard.id().to_owned()
            }
        };
        let file = |what: &str| folder.join(format!("{name}.{what}.key.pem"));
        let keys = keys::make([
            (file("log"), KeyType::P256, &self.passphrase),
            (file("witness"), KeyType::Ed25519, &self.passphrase),
        ])?;
        let read = match (self.args.log_read, before.readers) {
            (Some(read), _) => read,
            (None, Readers::Open) => LogRead::Open,
            (None, Readers::Restricted) => LogRead::Restricted,
        };
        // Guard and keys took their time: what is so long from now is so from here.
        let begins_ms = self.begin.at(unix_ms(SystemTime::now()))?;
        let written = ShardConfig {
            from: said_time(begins_ms)?,
            log: LogConfig {
                submissions: None,
                name: name.clone(),
                origin: expected_origin(config, name)?,
                key: config.relative(&file("log")),
                witness_key: config.relative(&file("witness")),
                read,
                witnesses: config
                    .log
                    .witnesses
                    .clone()
                    .map(|witnesses| WitnessesConfig {
                        policy: config.relative(&witnesses.policy),
                        ..witnesses
                    }),
                scrub_entries_per_second: None,
            },
            guard: GuardConfig {
                id: match place {
                    GuardPlace::File(_) | GuardPlace::Witness(_) => None,
                    _ => Some(guard_id),
                },
                place: relative_place(config, place),
            },
        };
        let text = written.to_yaml()?;
        write_new(&config.shard_file(name), text.as_bytes(), 0o644)?;
        let shard = ShardConfig::load(config, name)?
            .ok_or_else(|| Failure::failed("the log's file was removed meanwhile"))?;
        Ok((shard, keys))
    }

    async fn record(
        &self,
        shard: &ShardConfig,
        [key, witness_key]: &[LocalKey; 2],
        before: &RecordedLog,
        now_ms: u64,
    ) -> Result<(), Failure> {
        let guard_id = guarding::id_of(&self.config.with_log(shard), &self.store).await?;
        let public_key = key.public_key().spki_der().to_vec();
        let next = NextLog {
            log: NewLog {
                name: shard.log.name.clone(),
                origin: shard.log.origin.clone(),
                log_id: *LogId::of_spki(&public_key).as_bytes(),
                public_key,
                witness_key: witness_key.public_key().spki_der().to_vec(),
                readers: shard.log.read.readers(),
            },
            after: before.log,
            begins_ms: shard.begins_ms()?,
            guard_id,
            now_ms,
        };
        let recorded = self.store.add_log(next).await;
        recorded.map(drop).map_err(|e| match e {
            AddLogError::Store(_) => Failure::failed(format!(
                "{}; run this again: it takes up what is there",
                Causes(&e)
            )),
            _ => Failure::configuration(Causes(&e)),
        })
    }

    fn say_what_next(&self, shard: &ShardConfig, instance: &Instance) {
        let file = self.config.shard_file(&shard.log.name);
        let before = match live(&instance.logs).last() {
            None => "No log takes entries until then.".to_owned(),
            Some(before) => format!("{} takes entries until then.", before.origin),
        };
        say(format_args!(
            "log {origin} begins at {from}. {before}\n\
             A running `serve` takes it up by itself. Before that time:\n \
             1. Give every other replica {file} and what it names, at the same paths.\n \
             2. Give verifiers the new {url}/trusted_root.json: it has every log with its time.\n \
             3. Back up {logs} with ca/, log/ and secrets/; never the guard.\n",
            origin = shard.log.origin,
            from = shard.from,
            file = file.display(),
            url = instance.url,
            logs = self.config.logs.display(),
        ));
    }
}

fn refuse_name(name: &str) -> Result<(), Failure> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if (1..=64).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Failure::usage(
        "--name takes up to 64 letters, digits and hyphens",
    ))
}

/// Refuses a date that some process might learn of too late. Where no log takes entries, nobody waits
/// for any, but it begins no earlier than every other was retired.
fn refuse_too_soon(begins_ms: u64, now_ms: u64, logs: &[RecordedLog]) -> Result<(), Failure> {
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

/// Refuses a date before which no log would take entries for a while, although one could: the one
/// that was to follow was given up.
fn refuse_gap(begins_ms: u64, now_ms: u64, logs: &[RecordedLog]) -> Result<(), Failure> {
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
fn live(logs: &[RecordedLog]) -> impl Iterator<Item = &RecordedLog> {
    logs.iter().filter(|log| log.retired_ms.is_none())
}

/// Refuses a date at which a log that is recorded already is still to begin, or goes on. The database
/// has the last word; this one comes before anything is made.
fn refuse_overlap(begins_ms: u64, logs: &[RecordedLog]) -> Result<(), Failure> {
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

/// When a log is to begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Begin {
    /// In milliseconds since the Unix epoch.
    At(u64),
    /// In so many milliseconds.
    In(u64),
}

impl Begin {
    fn of(args: &LogNewArgs) -> Result<Self, Failure> {
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
    fn at(self, now_ms: u64) -> Result<u64, Failure> {
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

fn said_time(ms: u64) -> Result<String, Failure> {
    let seconds = i64::try_from(ms / 1_000).unwrap_or(i64::MAX);
    let time = OffsetDateTime::from_unix_timestamp(seconds).map_err(Failure::from_error)?;
    time.format(&Rfc3339).map_err(Failure::from_error)
}

/// Returns where the guard of a log of that name is: with the instance's, under a name of its own.
fn guard_place(of_instance: &GuardPlace, name: &str) -> GuardPlace {
    match of_instance {
        GuardPlace::File(path) => {
            let mut path = path.clone().into_os_string();
            path.push(format!(".{name}"));
            GuardPlace::File(PathBuf::from(path))
        }
        other => other.clone(),
    }
}

/// Makes a place's paths relative to the configuration's folder where they lie below it.
fn relative_place(config: &Config, place: GuardPlace) -> GuardPlace {
    match place {
        GuardPlace::File(path) => GuardPlace::File(config.relative(&path)),
        GuardPlace::DatabaseFile(path) => GuardPlace::DatabaseFile(config.relative(&path)),
        GuardPlace::Database(url) => GuardPlace::Database(match url.strip_prefix("sqlite:") {
            Some(path) => format!("sqlite:{}", config.relative(Path::new(path)).display()),
            None => url,
        }),
        GuardPlace::ObjectStore(mut place) => {
            place.credentials_file = place.credentials_file.map(|path| config.relative(&path));
            GuardPlace::ObjectStore(place)
        }
        GuardPlace::Witness(place) => GuardPlace::Witness(place),
    }
}

#[cfg(test)]
mod tests {
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
}
