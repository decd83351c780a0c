//! `chancery log verify`: computes a whole log anew and says what in it is wrong.

mod telling;

use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use chancery_keys::PublicKey;
use chancery_ledger::{IssuanceLog, LedgerContents};
use chancery_log::clock::unix_ms;
use chancery_log::published_files::{LogKey, OpenFilesError};
use chancery_log::verify::{
    Contents, KnownHead, Options, Report, Since, verify_published, verify_stored,
};
use chancery_log::{LogStore, PublishedFiles};
use chancery_store::{Instance, LogKind, RecordedLog, Store};
use chancery_tlog::Origin;

use self::telling::{LogSaid, Shown, say_json, say_text};
use crate::cli::{Format, LogVerifyArgs};
use crate::commands::log_mirror;
use crate::commands::serve::put_database;
use crate::config::Config;
use crate::failure::{Causes, Failure};
use crate::meaning::{self, Meaning};
use crate::report::{counted, say};
use crate::shards::{alone, choose};
use crate::{connecting, exporting, guarding, reading, submitting};

pub(crate) async fn run(args: LogVerifyArgs) -> Result<(), Failure> {
    if let Some(folder) = &args.directory {
        let begun = Instant::now();
        let (log, report) = verify_folder(&args, folder).await?;
        return tell(&args, &log, &report, begun);
    }
    let (config, store) = open(&args).await?;
    let mut told = Ok(());
    for recorded in recorded(&store, config.as_ref(), &args).await? {
        let begun = Instant::now();
        let (log, report) = verify_database(&args, config.as_ref(), &store, recorded).await?;
        let this = tell(&args, &log, &report, begun);
        told = told.and(this);
    }
    store.close().await;
    told
}

/// Says what was found in a log, and fails if it is something.
fn tell(
    args: &LogVerifyArgs,
    log: &LogSaid,
    report: &Report,
    begun: Instant,
) -> Result<(), Failure> {
    let took = begun.elapsed();
    match args.format {
        Format::Text => say_text(log, report, took),
        Format::Json => say_json(log, report, took),
    }
    match report.findings.total() {
        0 => Ok(()),
        total => Err(Failure::verification(format!(
            "{} in log {}",
            counted(usize::try_from(total).unwrap_or(usize::MAX), "finding"),
            log.origin
        ))),
    }
}

/// Verifies what the database holds of a log, also beside a running server.
async fn verify_database(
    args: &LogVerifyArgs,
    config: Option<&Config>,
    store: &Store,
    recorded: Recorded,
) -> Result<(LogSaid, Report), Failure> {
    let Recorded { log, instance } = recorded;
    let key = meaning::log_key(&log)?;
    let mut options = options(args, &key)?;
    let external = args.external_log_key.iter().map(|path| read_key(path));
    let external = external.collect::<Result<Vec<_>, _>>()?;
    let tied_to = match log.kind {
        LogKind::Issuance => Vec::new(),
        LogKind::Ledger => issuance_logs(store, &instance, config).await?,
    };
    let meaning = Meaning::of(&log, &instance, config, &external, tied_to)?;
    options.contents = Some(meaning.contents());
    if let Some(checkpoint) = &log.final_checkpoint {
        let verified = key.verify(checkpoint);
        let (_, head) = verified.map_err(|e| Failure::verification(Causes(&e)))?;
        options.known.push(KnownHead {
            name: "final checkpoint".to_owned(),
            head: head.tree,
        });
    // A copy may be behind the guard.
    } else if let Some(config) = config.filter(|_| instance.copy.is_none()) {
        let alone = alone(config, &instance, &log)?;
        // Before the head is read: the guard follows the database, never the other way round.
        let guard_id = &alone.instance.guard_id;
        let guard = guarding::open_own(&alone.config, guard_id, store).await?;
        options.known.push(KnownHead {
            name: "guard".to_owned(),
            head: guard.read().await.map_err(Failure::by_fault)?,
        });
    }
    let log_store = readable(store, &log, config, &options.since).await?;
    let mut shown = Shown::new();
    let report = verify_stored(&*log_store, options, &mut |progress| shown.show(progress)).await;
    shown.end();
    let said = LogSaid {
        form: key.form(),
        origin: log.origin,
    };
    Ok((said, report.map_err(Failure::from_error)?))
}

/// Returns the logs of certificates that a ledger's entries are tied to.
async fn issuance_logs(
    store: &Store,
    instance: &Instance,
    config: Option<&Config>,
) -> Result<Vec<IssuanceLog>, Failure> {
    let mut logs = Vec::new();
    for log in &instance.logs {
        let reader = readable(store, log, config, &Since::Beginning).await?;
        logs.push(IssuanceLog {
            log_id: log.log_id,
            reader,
        });
    }
    Ok(logs)
}

/// Returns the log with its pruned entries, which are read from where they are published.
async fn readable(
    store: &Store,
    log: &RecordedLog,
    config: Option<&Config>,
    since: &Since,
) -> Result<Arc<dyn LogStore>, Failure> {
    let log_store = store.log_store(log.log);
    let pruned = log_store
        .pruned_below()
        .await
        .map_err(Failure::from_error)?;
    let beyond = matches!(since, Since::Size(size) if *size >= pruned)
        || matches!(since, Since::Head(head) if head.tree_size >= pruned);
    if pruned == 0 || beyond {
        return Ok(log_store);
    }
    let Some(config) = config.filter(|config| config.export.is_some()) else {
        return Err(Failure::usage(format!(
            "the first {pruned} entries were pruned from this database: verify it with the \
             configuration that says where they are published (export), or say --since {pruned}"
        )));
    };
    eprintln!("chancery: entries before {pruned} are read from where they are published");
    exporting::tiered(config, log, log_store)
}

/// Verifies published files.
async fn verify_folder(args: &LogVerifyArgs, folder: &Path) -> Result<(LogSaid, Report), Failure> {
    let origin = args.origin.as_deref();
    let key = match &args.key {
        Some(path) => log_mirror::read_key(path, origin)?,
        None => {
            let (config, store) = open(args).await?;
            let mut found = recorded(&store, config.as_ref(), args).await?;
            let log = found.pop().map(|found| found.log);
            let mut log = log.ok_or_else(|| Failure::configuration("the database holds no log"))?;
            store.close().await;
            if let Some(origin) = origin {
                Origin::parse(origin).map_err(|e| Failure::usage(format!("--origin: {e}")))?;
                origin.clone_into(&mut log.origin);
            }
            meaning::log_key(&log)?
        }
    };
    let files = PublishedFiles::open(folder, &key).map_err(|e| match e {
        OpenFilesError::Checkpoint(_, e) => {
            say(format_args!("checkpoint: {}\n", Causes(&e)));
            Failure::verification(format!("1 finding in {}", folder.display()))
        }
        unreadable => Failure::from_error(unreadable),
    })?;
    let said = LogSaid {
        form: key.form(),
        origin: files.origin().to_string(),
    };
    let options = options(args, &key)?;
    let mut shown = Shown::new();
    let report = verify_published(&files, options, &mut |progress| shown.show(progress)).await;
    shown.end();
    Ok((said, report.map_err(Failure::from_error)?))
}

/// Opens the database to read it. Without a configuration, `--database` alone will do.
async fn open(args: &LogVerifyArgs) -> Result<(Option<Config>, Store), Failure> {
    let path = &args.instance.config;
    let given = args.instance.database.clone();
    let (config, url) = if given.is_some() && !path.exists() {
        let url = crate::commands::serve::given_database(given)?.unwrap_or_default();
        let url = chancery_store::DatabaseUrl::parse(&url);
        (None, url.map_err(|e| Failure::configuration(Causes(&e)))?)
    } else {
        let mut config = Config::load(path)?;
        put_database(&mut config, given)?;
        let url = connecting::database_url(&config)?;
        (Some(config), url)
    };
    Ok((config, connecting::to_read(&url).await?))
}

/// A log, and the record that it is a part of.
struct Recorded {
    log: RecordedLog,
    instance: Instance,
}

/// Finds the log that is named, or all where each can be verified from its beginning.
async fn recorded(
    store: &Store,
    config: Option<&Config>,
    args: &LogVerifyArgs,
) -> Result<Vec<Recorded>, Failure> {
    let instance = connecting::recorded(store).await?;
    if let Some(config) = config {
        connecting::log_of(config, &instance)?;
    }
    let one = args.log.is_some()
        || args.since.is_some()
        || args.since_checkpoint.is_some()
        || args.directory.is_some();
    let logs = match one {
        true => vec![choose(&instance, args.log.as_deref())?.clone()],
        false => instance.every_log().cloned().collect(),
    };
    let found = logs.into_iter().map(|log| Recorded {
        log,
        instance: instance.clone(),
    });
    Ok(found.collect())
}

fn options(args: &LogVerifyArgs, key: &LogKey) -> Result<Options, Failure> {
    let since = match (args.since, &args.since_checkpoint) {
        (Some(size), _) => Since::Size(size),
        (None, Some(path)) => {
            let bytes = reading::read_checkpoint_file(path)?;
            let (_, head) = key.verify(&bytes).map_err(|e| reading::named(path, &e))?;
            Since::Head(head.tree)
        }
        (None, None) => Since::Beginning,
    };
    let contents: Arc<dyn Contents> = match key {
        // Without the authority's chain, no entry is known to be its own.
        LogKey::Rfc6962 { key, .. } => Arc::new(submitting::contents(key.clone(), &[], None)?),
        LogKey::Ed25519 { .. } => Arc::new(LedgerContents::default()),
    };
    Ok(Options {
        form: key.form(),
        contents: (!args.any_entries).then_some(contents),
        since,
        now_ms: unix_ms(SystemTime::now()),
        ..Options::default()
    })
}

/// Reads a public key in PEM or DER.
fn read_key(path: &Path) -> Result<PublicKey, Failure> {
    let bytes = reading::read_key_file(path)?;
    let der = match pem::parse(&bytes) {
        Ok(block) => block.into_contents(),
        Err(_) => bytes,
    };
    public_key(&der, &path.display().to_string())
}

fn public_key(der: &[u8], whence: &str) -> Result<PublicKey, Failure> {
    PublicKey::from_spki_der(der)
        .map_err(|e| Failure::configuration(format!("{whence}: {}", Causes(&e))))
}
