//! `chancery backup`: copies the database into one file, beside a running server, verifies it, and
//! holds it against the guard.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chancery_log::clock::unix_ms;
use chancery_log::copy::require_prefix;
use chancery_store::{ConnectOptions, CopyState, DatabaseUrl, Instance, Store};
use chancery_tlog::TreeHead;

use crate::cli::BackupArgs;
use crate::commands::serve::put_database;
use crate::config::Config;
use crate::connecting;
use crate::copies::{self, CopiedLog, refused, said};
use crate::exporting;
use crate::failure::{Causes, Failure};
use crate::guarding;
use crate::report::say;
use crate::shards::{Alone, each_alone};

pub(crate) async fn run(args: BackupArgs) -> Result<(), Failure> {
    let mut config = Config::load(&args.instance.config)?;
    put_database(&mut config, args.instance.database)?;
    refuse_existing(&args.to)?;
    let source = connecting::to_read(&connecting::database_url(&config)?).await?;
    let instance = connecting::own(&source).await?;
    // Before the heads are read: the guard follows the database, never the other way round.
    let logs = each_alone(&config, &instance)?;
    let mut guarded = Vec::with_capacity(logs.len());
    for Alone {
        config, instance, ..
    } in &logs
    {
        guarded.push(self::guarded(config, instance, &source).await);
    }

    let partial = Partial::of(&args.to);
    let target = partial.open().await?;
    let copied = fill(&target, &source, &instance, &config).await?;
    let mut held = Ok(());
    for (log, guarded) in logs.iter().zip(guarded) {
        let one = match guarded {
            Ok(guarded) => hold(&log.config, &log.instance, &target, guarded).await,
            Err(failure) => Err(failure.after("it was not held against the guard: ")),
        };
        exporting::note(&mut held, &log.log.name, one);
    }
    target.seal().await.map_err(Failure::from_error)?;
    target.close().await;
    drop(target);
    source.close().await;
    partial.put_in_place(&args.to)?;
    say_what_it_is(&args.to, &config, &instance, &copied);
    // It is a good copy of what there is, in any case.
    held.map_err(|e| e.after(format_args!("{} is written, but ", args.to.display())))
}

/// Reads where the guard stands.
async fn guarded(
    config: &Config,
    instance: &Instance,
    source: &Store,
) -> Result<TreeHead, Failure> {
    let guard = guarding::open_own(config, &instance.guard_id, source).await?;
    guard.read().await.map_err(Failure::by_fault)
}

/// Holds the copy against the guard: one of a database that was rolled back must not take the place
/// of better ones.
async fn hold(
    config: &Config,
    instance: &Instance,
    copy: &Store,
    guarded: TreeHead,
) -> Result<(), Failure> {
    let log = copy.log_store(connecting::log_of(config, instance)?.log);
    let head = log.head().await.map_err(Failure::from_error)?.tree;
    if guarded.tree_size > head.tree_size {
        return Err(Failure::verification(format!(
            "the database is behind its guard: the database is at {}, the guard at {}. It was \
             rolled back; keep the older backups, which may have more",
            said(&head),
            said(&guarded)
        )));
    }
    let proven = require_prefix(&*log, &guarded, &head).await;
    proven.map_err(|e| refused(e).after("the database does not agree with its guard: "))
}

/// Copies everything, verifies it, and says in the copy that it is whole.
async fn fill(
    target: &Store,
    source: &Store,
    instance: &Instance,
    config: &Config,
) -> Result<Vec<CopiedLog>, Failure> {
    let issuers = copies::issuers(source, instance).await?;
    let state = CopyState::UnfinishedBackup;
    let now_ms = unix_ms(SystemTime::now());
    let made = target.create_copy(instance, &issuers, state, now_ms).await;
    made.map_err(Failure::from_error)?;
    let logs = copies::copy_all(source, instance, target, Some(config)).await?;
    let finished = target.finish_copy(state).await;
    finished.map_err(Failure::from_error)?;
    Ok(logs)
}

/// The file that becomes the backup once it is whole.
struct Partial(PathBuf);

impl Partial {
    fn of(to: &Path) -> Self {
        Self(with_suffix(to, ".partial"))
    }

    /// Makes the file anew: what another backup left when it broke off is of no use.
    async fn open(&self) -> Result<Store, Failure> {
        let path = self.0.display();
        let url = DatabaseUrl::parse(&format!("sqlite:{path}"))
            .map_err(|e| Failure::usage(format!("{path}: {e}")))?;
        if self.0.exists() {
            // Nobody else may be writing to it.
            let options = ConnectOptions::default();
            let left = Store::connect(&url, options).await;
            left.map_err(Failure::from_error)?.close().await;
            self.remove().map_err(|e| not_written(&self.0, &e))?;
        }
        let options = ConnectOptions {
            create: true,
            ..ConnectOptions::default()
        };
        let store = Store::connect(&url, options).await;
        let store = store.map_err(Failure::from_error)?;
        store.migrate().await.map_err(Failure::from_error)?;
        Ok(store)
    }

    /// Gives the file its name, durably. A file that came into being meanwhile is not replaced.
    fn put_in_place(&self, to: &Path) -> Result<(), Failure> {
        let put = || -> io::Result<()> {
            File::open(&self.0)?.sync_all()?;
            fs::hard_link(&self.0, to)?;
            self.remove()?;
            let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
        };
        put().map_err(|e| not_written(to, &e))
    }

    fn remove(&self) -> io::Result<()> {
        for suffix in ["", "-wal", "-shm", "-journal", ".lock"] {
            match fs::remove_file(with_suffix(&self.0, suffix)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn refuse_existing(path: &Path) -> Result<(), Failure> {
    match path.try_exists() {
        Ok(false) => Ok(()),
        Ok(true) => Err(Failure::usage(format!(
            "{} exists already, and a backup overwrites nothing",
            path.display()
        ))),
        Err(e) => Err(not_written(path, &e)),
    }
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!(
        "cannot write {}: {}",
        path.display(),
        Causes(error)
    ))
}

fn say_what_it_is(to: &Path, config: &Config, instance: &Instance, logs: &[CopiedLog]) {
    say(format_args!("wrote {}, verified:\n", to.display()));
    for log in logs {
        let head = said(&log.head.tree);
        say(format_args!("  log {} {head}\n", log.origin));
    }
    say(format_args!(
        "Not in it, to be kept besides: the configuration, {identity}, {chain}, and the encrypted keys\n\
         {key}, {log_key} and {witness_key} with their passphrase.\n\
         Never back up the guard: restored, it could not notice that the database is old.\n\
         It holds names of people and repositories, as the database does: keep it as safe.\n",
        identity = config.identity_config.display(),
        chain = config.ca.chain.display(),
        key = config.ca.key.display(),
        log_key = config.log.key.display(),
        witness_key = config.log.witness_key.display(),
    ));
    if let Some(ledger) = &config.ledger {
        let former = ledger.former.iter().map(|former| &former.key);
        for key in [&ledger.key].into_iter().chain(former) {
            say(format_args!("And a ledger's key, {}.\n", key.display()));
        }
    }
    if instance.logs.len() > 1 {
        say(format_args!(
            "And {}, with the keys of the logs that follow.\n",
            config.logs.display()
        ));
    }
}
