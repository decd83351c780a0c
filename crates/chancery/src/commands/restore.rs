//! `chancery restore`: copies a backup into an empty database, verifies it, and holds it against
//! the guard.

use std::path::Path;
use std::time::SystemTime;

use chancery_log::clock::unix_ms;
use chancery_log::copy::require_prefix;
use chancery_store::{ConnectOptions, CopyState, DatabaseUrl, Instance, Store};

use crate::cli::RestoreArgs;
use crate::commands::serve::put_database;
use crate::config::Config;
use crate::connecting;
use crate::copies::{self, refused, said};
use crate::exporting;
use crate::failure::Failure;
use crate::guarding::{self, NotOpened};
use crate::report::say;
use crate::shards::each_alone;

pub(crate) async fn run(args: RestoreArgs) -> Result<(), Failure> {
    let mut config = Config::load(&args.instance.config)?;
    put_database(&mut config, args.instance.database)?;
    let source = connecting::to_read(&backup_url(&args.from)?).await?;
    let instance = backup(&source, &args.from).await?;
    connecting::log_of(&config, &instance)?;

    let target = empty_or_begun(&connecting::database_url(&config)?, &instance).await?;
    if connecting::recorded_if_any(&target).await?.is_none() {
        let issuers = copies::issuers(&source, &instance).await?;
        let state = CopyState::UnfinishedRestore;
        let now_ms = unix_ms(SystemTime::now());
        let made = target.create_copy(&instance, &issuers, state, now_ms).await;
        made.map_err(Failure::from_error)?;
    }
    let logs = copies::copy_all(&source, &instance, &target, None).await?;
    let finished = target.finish_copy(CopyState::UnfinishedRestore).await;
    finished.map_err(Failure::from_error)?;
    source.close().await;
    for log in &logs {
        let head = said(&log.head.tree);
        say(format_args!(
            "restored and verified log {} {head}\n",
            log.origin
        ));
    }
    let mut held = Ok(());
    let alone = each_alone(&config, &instance);
    for log in alone.map_err(|e| e.after("the database is restored, but "))? {
        let one = hold_against_guard(&log.config, &log.instance, &target).await;
        exporting::note(&mut held, &log.log.name, one);
    }
    target.close().await;
    held?;
    say(format_args!("next: `chancery serve`\n"));
    Ok(())
}

fn backup_url(path: &Path) -> Result<DatabaseUrl, Failure> {
    DatabaseUrl::parse(&format!("sqlite:{}", path.display()))
        .map_err(|e| Failure::usage(format!("{}: {e}", path.display())))
}

/// Returns what a backup records of its instance, as a restored database is to record it.
async fn backup(source: &Store, path: &Path) -> Result<Instance, Failure> {
    let instance = connecting::recorded(source).await?;
    let why = match instance.copy {
        Some(CopyState::Backup) => {
            return Ok(Instance {
                copy: None,
                ..instance
            });
        }
        Some(_) => "broke off before it was whole",
        None => "is a database in use and no backup; make one with `chancery backup`",
    };
    Err(Failure::configuration(format!("{} {why}", path.display())))
}

/// Opens the database to restore into. It is empty, or the same backup was restored into it before,
/// in part.
async fn empty_or_begun(url: &DatabaseUrl, backup: &Instance) -> Result<Store, Failure> {
    let options = ConnectOptions {
        create: true,
        ..ConnectOptions::default()
    };
    let store = connecting::connect_with(url, options).await?;
    store.migrate().await.map_err(Failure::from_error)?;
    let begun = Instance {
        copy: Some(CopyState::UnfinishedRestore),
        ..backup.clone()
    };
    match connecting::recorded_if_any(&store).await? {
        None => Ok(store),
        Some(found) if found == begun => Ok(store),
        Some(_) => Err(Failure::configuration(format!(
            "the database {url} holds an instance already, and restoring overwrites nothing; name \
             an empty one"
        ))),
    }
}

/// Says whether the restored database has all that was ever released.
async fn hold_against_guard(
    config: &Config,
    instance: &Instance,
    target: &Store,
) -> Result<(), Failure> {
    let recorded = connecting::log_of(config, instance)?;
    let log = target.log_store(recorded.log);
    let head = log.head().await.map_err(Failure::from_error)?.tree;
    let guard = guarding::open_own(config, &instance.guard_id, target).await;
    let guard = guard.map_err(|e| match e {
        NotOpened::Lost(failure) => Failure::configuration(format!(
            "the database is restored, but the guard is not there ({failure}): put it there; if \
             it is lost, see `chancery log recover --new-guard`"
        )),
        NotOpened::Refused(failure) => failure.after("the database is restored, but "),
    })?;
    let guarded = guard.read().await.map_err(Failure::by_fault)?;
    if guarded.tree_size > head.tree_size {
        return Err(Failure::configuration(format!(
            "the database is restored, but the guard has seen more: the database is at {}, the \
             guard at {}. `serve` refuses it until `chancery log recover --from COPY` has brought \
             the missing entries from a newer copy, or until the log is retired",
            said(&head),
            said(&guarded)
        )));
    }
    let proven = require_prefix(&*log, &guarded, &head).await;
    proven.map_err(refused)?;
    say(format_args!(
        "log {} agrees with the guard, at {}\n",
        recorded.name,
        said(&guarded)
    ));
    Ok(())
}
