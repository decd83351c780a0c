//! `chancery log new`: begins a new log at a date, while issuing goes on in the one before it.
//!
//! Files come first, the record last: a process that finds the record finds the files, too. Broken off
//! before the record, the command can be run again with the same name and takes up what is there.

mod when;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chancery_keys::{KeyType, LocalKey, Passphrase, Signer};
use chancery_log::clock::unix_ms;
use chancery_store::{Access, AddLogError, ConnectOptions, Instance, NewLog, NextLog, RecordedLog};
use chancery_store::{Readers, Store};
use chancery_tlog::ct::LogId;

use self::when::{
    Begin, live, refuse_before_clients_know, refuse_gap, refuse_overlap, refuse_too_soon, said_time,
};
use crate::cli::LogNewArgs;
use crate::commands::serve::put_database;
use crate::config::{
    Config, GuardConfig, GuardPlace, LogConfig, LogRead, ShardConfig, WitnessesConfig,
};
use crate::connecting;
use crate::failure::{Causes, Failure};
use crate::founding::write_new;
use crate::opening::passphrase;
use crate::report::say;
use crate::shards::expected_origin;
use crate::{guarding, keys};

/// How long guard and keys may take: so much later, two days ahead are still two days.
const MADE_MS: u64 = 60_000;

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
        self.refuse(begins_ms, now_ms, MADE_MS, &instance.logs)
            .map_err(|e| self.with_file(e))?;
        self.record(&shard, &keys, before, now_ms).await?;
        self.say_what_next(&shard, &instance);
        Ok(())
    }

    /// Refuses a time; `made_ms` is how long what was made since the first look may have taken.
    fn refuse(
        &self,
        begins_ms: u64,
        now_ms: u64,
        made_ms: u64,
        logs: &[RecordedLog],
    ) -> Result<(), Failure> {
        refuse_too_soon(begins_ms, now_ms, logs)?;
        refuse_gap(begins_ms, now_ms, logs)?;
        // Without trust metadata, clients are given the trust root by hand, in whatever time that takes.
        if self.config.trust.is_some() && !self.args.before_clients_know {
            refuse_before_clients_know(begins_ms, now_ms.saturating_sub(made_ms), logs)?;
        }
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
        self.refuse(planned_ms, now_ms, 0, logs)?;
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
             2. {trust}\n \
             3. Back up {logs} with ca/, log/ and secrets/; never the guard.\n",
            origin = shard.log.origin,
            from = shard.from,
            file = file.display(),
            trust = self.say_trust(instance),
            logs = self.config.logs.display(),
        ));
    }
}

impl Beginning {
    /// Says how clients come to know the log: they refuse what is signed under one that they do not.
    fn say_trust(&self, instance: &Instance) -> String {
        let config = self.args.instance.config.display();
        match &self.config.trust {
            Some(_) => format!(
                "Have clients know it, or they refuse what is signed from then on:\n      chancery \
                 trust plan --config {config} --out plan.json\n      chancery trust sign plan.json \
                 --root ROOT.JSON --key TARGETS-KEY --passphrase-file FILE\n      chancery trust publish --config \
                 {config} plan.json"
            ),
            None => format!(
                "Give verifiers the new {}/trusted_root.json: it has every log with its time.",
                instance.url
            ),
        }
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
