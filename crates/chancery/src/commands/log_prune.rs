//! `chancery log prune`: deletes entries from the database that are published.

use chancery_log::prune::{PruneError, prune};

use chancery_store::{RecordedLog, Store};

use crate::away::Away as _;
use crate::cli::LogPruneArgs;
use crate::commands::log_export::refused;
use crate::commands::log_mirror::Shown;
use crate::commands::serve::put_database;
use crate::config::Config;
use crate::failure::{Causes, Failure};
use crate::report::say;
use crate::{connecting, exporting};

pub(crate) async fn run(args: LogPruneArgs) -> Result<(), Failure> {
    let mut config = Config::load(&args.instance.config)?;
    put_database(&mut config, args.instance.database.clone())?;
    let store = connecting::to_write(&connecting::database_url(&config)?)
        .await
        .map_err(|e| {
            e.after(
                "a server that has an SQLite database prunes it itself, with export.keep-entries: ",
            )
        })?;
    let instance = connecting::own(&store).await?;
    connecting::log_of(&config, &instance)?;
    let logs = connecting::logs_named(&instance, args.log.as_deref(), args.below.is_some())?;
    let told = match &*logs {
        [log] => prune_one(&args, &config, &store, log).await,
        logs if args.below.is_some() => {
            let count = logs.len();
            Err(Failure::usage(format!(
                "the instance has {count} logs, and --below is for one; name it with --log"
            )))
        }
        logs => {
            let mut told = Ok(());
            for log in logs {
                let this = prune_one(&args, &config, &store, log).await;
                exporting::note(&mut told, &log.name, this);
            }
            told
        }
    };
    store.close().await;
    told
}

async fn prune_one(
    args: &LogPruneArgs,
    config: &Config,
    store: &Store,
    log: &RecordedLog,
) -> Result<(), Failure> {
    let exporter = exporting::exporter(config, log)?.ok_or_else(|| {
        Failure::configuration(
            "nothing is pruned but what is published, and the configuration has no export",
        )
    })?;
    let log_store = store.log_store(log.log);
    let size = log_store
        .head()
        .await
        .map_err(Failure::from_error)?
        .tree
        .tree_size;
    let below = match (args.below, args.keep) {
        (Some(below), _) => below,
        (None, keep) => size.saturating_sub(keep.unwrap_or(size)),
    };
    let shown = Shown::new("pruned");
    let pruned = prune(&*log_store, &exporter, below, &|size| shown.show(size)).await;
    shown.end();
    let place = exporter.place().name();
    let pruned = pruned.map_err(|e| match e {
        PruneError::Export(e) => refused(e),
        PruneError::Store(e) if e.is_away() => Failure::from_error(e),
        PruneError::NotExported(_) => Failure::usage(Causes(&e)),
        PruneError::Differs { .. } | PruneError::Store(_) => Failure::verification(Causes(&e)),
    })?;
    say(format_args!(
        "the first {pruned} of {size} entries are in {place} only; all else is in the database\n"
    ));
    Ok(())
}
