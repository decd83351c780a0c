//! `chancery log export`: publishes the log as files, once.

use std::path::Path;
use std::sync::Arc;

use chancery_log::export::{ExportError, Exported, Exporter};
use chancery_log::published_files::Folder;
use chancery_log::{LogReader, LogStore};
use chancery_mirror::{Fetcher, RemoteLog};
use chancery_store::{DatabaseUrl, Readers, RecordedLog, Store};

use crate::cli::LogExportArgs;
use crate::commands::log_mirror::Shown;
use crate::commands::serve::{given_database, put_database};
use crate::config::Config;
use crate::failure::{Causes, Failure};
use crate::report::say;
use crate::{connecting, exporting, meaning, reading};

/// The longest file of CA certificates that is read, in bytes. A system's has a few hundred kilobytes.
const MAX_ROOTS: u64 = 16 << 20;

pub(crate) async fn run(args: LogExportArgs) -> Result<(), Failure> {
    let (config, store) = open(&args).await?;
    let instance = connecting::recorded(&store).await?;
    if let Some(config) = &config {
        connecting::log_of(config, &instance)?;
    }
    let one = args.to.is_some() || args.checkpoint.is_some();
    let logs = connecting::logs_named(&instance, args.log.as_deref(), one)?;
    let [log] = &*logs else {
        if one {
            let count = logs.len();
            return Err(Failure::usage(format!(
                "the instance has {count} logs, and --to and --checkpoint are for one; name it with \
                 --log"
            )));
        }
        let mut told = Ok(());
        for log in logs {
            let this = export(&args, config.as_ref(), &store, log).await;
            exporting::note(&mut told, &log.name, this);
        }
        store.close().await;
        return told;
    };
    let told = export(&args, config.as_ref(), &store, log).await;
    store.close().await;
    told
}

async fn export(
    args: &LogExportArgs,
    config: Option<&Config>,
    store: &Store,
    log: &RecordedLog,
) -> Result<(), Failure> {
    let exporter = exporter(args, config, log)?;
    let checkpoint = match (&args.checkpoint, &log.final_checkpoint, config) {
        (Some(path), ..) => reading::read_checkpoint_file(path)?,
        (None, Some(last), _) => last.clone(),
        (None, None, Some(config)) => fetch(config, log).await?,
        (None, None, None) => {
            return Err(Failure::usage(
                "without a configuration, say --checkpoint FILE",
            ));
        }
    };
    let reader = match config {
        Some(config) => exporting::tiered(config, log, store.log_store(log.log))?,
        None => store.log_store(log.log),
    };
    require_stored(&exporter, &checkpoint, &*reader).await?;
    let shown = Shown::new("exported");
    let reader: Arc<dyn LogReader> = reader;
    let exported = exporter
        .run(reader, &checkpoint, &|size| shown.show(size))
        .await;
    shown.end();
    let place = exporter.place().name();
    match exported.map_err(refused)? {
        Exported::Moved(entries) => say(format_args!("exported {entries} entries to {place}\n")),
        Exported::Unchanged => say(format_args!("{place} has this checkpoint already\n")),
        Exported::Ahead => say(format_args!("{place} has a newer checkpoint already\n")),
    }
    Ok(())
}

/// Opens the database to read it. Without a configuration, `--database` alone will do.
async fn open(args: &LogExportArgs) -> Result<(Option<Config>, Store), Failure> {
    let path = &args.instance.config;
    let given = args.instance.database.clone();
    if given.is_some() && !path.exists() {
        let url = given_database(given)?.unwrap_or_default();
        let url = DatabaseUrl::parse(&url).map_err(|e| Failure::configuration(Causes(&e)))?;
        return Ok((None, connecting::to_read(&url).await?));
    }
    let mut config = Config::load(path)?;
    put_database(&mut config, given)?;
    let url = connecting::database_url(&config)?;
    Ok((Some(config), connecting::to_read(&url).await?))
}

fn exporter(
    args: &LogExportArgs,
    config: Option<&Config>,
    log: &RecordedLog,
) -> Result<Exporter, Failure> {
    if let Some(folder) = &args.to {
        let exporter = exporting::exporter_at(Arc::new(Folder::new(folder)), log)?;
        return Ok(match log.readers == Readers::Open || args.entries {
            true => exporter,
            false => exporter.without_entries(),
        });
    }
    let configured = match config {
        Some(config) => exporting::exporter(config, log)?,
        None => None,
    };
    configured.ok_or_else(|| {
        Failure::usage("say where with --to DIR, or in the configuration with export")
    })
}

/// Asks the running instance for its checkpoint: it alone signs them, once the guard has seen them.
async fn fetch(config: &Config, log: &RecordedLog) -> Result<Vec<u8>, Failure> {
    let url = meaning::published_at(config, log)?;
    let asked = async { RemoteLog::checkpoint(&Fetcher::new(url, Vec::new())?).await };
    asked.await.map_err(|e| {
        Failure::failed(format!(
            "the instance has to say its newest checkpoint, and does not: {}; give it with \
             --checkpoint FILE",
            Causes(&e)
        ))
    })
}

/// Refuses a database that ends before the checkpoint: another one, or an old copy.
async fn require_stored(
    exporter: &Exporter,
    checkpoint: &[u8],
    reader: &dyn LogStore,
) -> Result<(), Failure> {
    let verified = exporter.key().verify(checkpoint);
    let (_, head) = verified.map_err(|e| Failure::verification(Causes(&e)))?;
    let stored = reader.head().await.map_err(Failure::from_error)?;
    if stored.tree.tree_size < head.tree.tree_size {
        return Err(Failure::verification(format!(
            "the database has {} entries, and the checkpoint {}",
            stored.tree.tree_size, head.tree.tree_size
        )));
    }
    Ok(())
}

/// Says who is at fault: what is away may be back at the next try.
pub(crate) fn refused(error: ExportError) -> Failure {
    match &error {
        ExportError::Foreign { .. } => Failure::usage(Causes(&error)),
        ExportError::PlaceDamaged { .. } => Failure::verification(Causes(&error)),
        _ if error.blames_the_log() => Failure::verification(Causes(&error)),
        _ => Failure::from_error(error),
    }
}

/// Reads a file of CA certificates in PEM.
pub(crate) fn read_roots(path: Option<&Path>) -> Result<Vec<reqwest::Certificate>, Failure> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    let pem = reading::read_bounded(path, MAX_ROOTS).map_err(|e| reading::named(path, &e))?;
    reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| reading::named(path, &e))
}
