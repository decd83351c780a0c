//! `chancery log verify`: computes a whole log anew and says what in it is wrong.

use std::io::{IsTerminal, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use chancery_keys::PublicKey;
use chancery_log::clock::unix_ms;
use chancery_log::published_files::{OpenFilesError, verify_checkpoint};
use chancery_log::verify::{
    Finding, KnownHead, Options, Progress, Report, Since, Stage, verify_published, verify_stored,
};
use chancery_log::{LogStore, PublishedFiles};
use chancery_store::{Instance, RecordedLog, Store};
use chancery_tlog::Origin;
use serde_json::json;

use crate::cli::{Format, LogVerifyArgs};
use crate::commands::serve::put_database;
use crate::config::Config;
use crate::failure::{Causes, Failure};
use crate::report::{counted, say};
use crate::shards::{alone, choose};
use crate::{connecting, exporting, guarding, opening, submitting};

pub(crate) async fn run(args: LogVerifyArgs) -> Result<(), Failure> {
    if let Some(folder) = &args.directory {
        let begun = Instant::now();
        let (name, report) = verify_folder(&args, folder).await?;
        return tell(&args, &name, &report, begun);
    }
    let (config, store) = open(&args).await?;
    let mut told = Ok(());
    for recorded in recorded(&store, config.as_ref(), &args).await? {
        let begun = Instant::now();
        let (name, report) = verify_database(&args, config.as_ref(), &store, recorded).await?;
        let this = tell(&args, &name, &report, begun);
        told = told.and(this);
    }
    store.close().await;
    told
}

/// Says what was found in a log, and fails if it is something.
fn tell(args: &LogVerifyArgs, name: &str, report: &Report, begun: Instant) -> Result<(), Failure> {
    let took = begun.elapsed();
    match args.format {
        Format::Text => say_text(name, report, took),
        Format::Json => say_json(name, report, took),
    }
    match report.findings.total() {
        0 => Ok(()),
        total => Err(Failure::verification(format!(
            "{} in log {name}",
            counted(usize::try_from(total).unwrap_or(usize::MAX), "finding")
        ))),
    }
}

/// Verifies what the database holds of a log, also beside a running server.
async fn verify_database(
    args: &LogVerifyArgs,
    config: Option<&Config>,
    store: &Store,
    recorded: Recorded,
) -> Result<(String, Report), Failure> {
    let Recorded { log, instance } = recorded;
    let key = public_key(&log.public_key, "the key in the database")?;
    let mut options = options(args, &key, Some(&log.origin))?;
    let mut contents = submitting::contents(key.clone(), &instance.chain, config)?;
    for path in &args.external_log_key {
        contents = contents.with_external_log(read_key(path)?);
    }
    options.contents = Some(Arc::new(contents));
    if let Some(checkpoint) = &log.final_checkpoint {
        let origin = Origin::parse(&log.origin).map_err(Failure::from_error)?;
        let verified = verify_checkpoint(checkpoint, &key, Some(&origin));
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
    Ok((log.origin, report.map_err(Failure::from_error)?))
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
async fn verify_folder(args: &LogVerifyArgs, folder: &Path) -> Result<(String, Report), Failure> {
    let (key, recorded_origin) = match &args.key {
        Some(path) => (read_key(path)?, None),
        None => {
            let (config, store) = open(args).await?;
            let mut found = recorded(&store, config.as_ref(), args).await?;
            let log = found.pop().map(|found| found.log);
            let log = log.ok_or_else(|| Failure::configuration("the database holds no log"))?;
            store.close().await;
            let key = public_key(&log.public_key, "the key in the database")?;
            (key, Some(log.origin))
        }
    };
    let origin = args.origin.clone().or(recorded_origin);
    let parsed = origin.as_deref().map(Origin::parse).transpose();
    let parsed = parsed.map_err(|e| Failure::usage(format!("--origin: {e}")))?;
    let files = PublishedFiles::open(folder, &key, parsed.as_ref()).map_err(|e| match e {
        OpenFilesError::Checkpoint(_, e) => {
            say(format_args!("checkpoint: {}\n", Causes(&e)));
            Failure::verification(format!("1 finding in {}", folder.display()))
        }
        unreadable => Failure::from_error(unreadable),
    })?;
    let name = files.origin().to_string();
    let options = options(args, &key, Some(&name))?;
    let mut shown = Shown::new();
    let report = verify_published(&files, options, &mut |progress| shown.show(progress)).await;
    shown.end();
    Ok((name, report.map_err(Failure::from_error)?))
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
        false => instance.logs.clone(),
    };
    let found = logs.into_iter().map(|log| Recorded {
        log,
        instance: instance.clone(),
    });
    Ok(found.collect())
}

fn options(
    args: &LogVerifyArgs,
    key: &PublicKey,
    origin: Option<&str>,
) -> Result<Options, Failure> {
    let since = match (args.since, &args.since_checkpoint) {
        (Some(size), _) => Since::Size(size),
        (None, Some(path)) => {
            let bytes = opening::read_checkpoint_file(path)?;
            let origin = origin.map(Origin::parse).transpose();
            let origin = origin.map_err(Failure::from_error)?;
            let verified = verify_checkpoint(&bytes, key, origin.as_ref());
            let (_, head) = verified.map_err(|e| opening::named(path, &e))?;
            Since::Head(head.tree)
        }
        (None, None) => Since::Beginning,
    };
    let contents = submitting::contents(key.clone(), &[], None)?;
    Ok(Options {
        // Without the authority's chain, no entry is known to be its own.
        contents: (!args.any_entries).then(|| Arc::new(contents) as _),
        since,
        now_ms: unix_ms(SystemTime::now()),
        ..Options::default()
    })
}

/// Reads a public key in PEM or DER.
fn read_key(path: &Path) -> Result<PublicKey, Failure> {
    let bytes = opening::read_key_file(path)?;
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

fn say_text(name: &str, report: &Report, took: Duration) {
    for finding in report.findings.first() {
        // What strangers chose must not move the cursor.
        let line = finding.to_string().replace(char::is_control, "\u{fffd}");
        say(format_args!("{line}\n"));
    }
    let kept = report.findings.first().len() as u64;
    if report.findings.total() > kept {
        let more = report.findings.total() - kept;
        say(format_args!("… and {more} more\n"));
    }
    let Report {
        head,
        since,
        entries,
        tiles,
        issuers,
        deliveries,
        terms,
        findings,
    } = report;
    let trusted = match since.tree_size {
        0 => String::new(),
        size => format!(
            ", after {size} that were trusted (root {})",
            since.root_hash
        ),
    };
    say(format_args!(
        "{name}: {entries} entries{trusted}, {tiles} hash tiles, {issuers} issuers, {terms} index \
         terms and {deliveries} certificates verified in {:.1} s ({:.0} entries/s); head: {} \
         entries, root {}; {} findings\n",
        took.as_secs_f64(),
        rate(*entries, took),
        head.tree.tree_size,
        head.tree.root_hash,
        findings.total(),
    ));
}

fn say_json(name: &str, report: &Report, took: Duration) {
    let finding =
        |finding: &Finding| json!({"object": finding.object.to_string(), "wrong": finding.wrong});
    let findings = report.findings.first().iter();
    let value = json!({
        "log": name,
        "head": {
            "tree-size": report.head.tree.tree_size,
            "root-hash": report.head.tree.root_hash.to_string(),
            "timestamp-ms": report.head.timestamp_ms,
        },
        "since": {
            "tree-size": report.since.tree_size,
            "root-hash": report.since.root_hash.to_string(),
        },
        "entries": report.entries,
        "hash-tiles": report.tiles,
        "issuers": report.issuers,
        "index-terms": report.terms,
        "deliveries": report.deliveries,
        "seconds": took.as_secs_f64(),
        "entries-per-second": rate(report.entries, took),
        "findings": findings.map(finding).collect::<Vec<_>>(),
        "findings-total": report.findings.total(),
    });
    say(format_args!("{value:#}\n"));
}

#[expect(clippy::cast_precision_loss, reason = "shown to people")]
fn rate(entries: u64, took: Duration) -> f64 {
    entries as f64 / took.as_secs_f64().max(0.001)
}

/// Shows on standard error how far it is: in place on a terminal, a line every five seconds
/// elsewhere.
struct Shown {
    begun: Instant,
    last: Instant,
    terminal: bool,
    any: bool,
}

impl Shown {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            begun: now,
            last: now,
            terminal: std::io::stderr().is_terminal(),
            any: false,
        }
    }

    fn show(&mut self, Progress { stage, done, total }: Progress) {
        let pause = match self.terminal {
            true => Duration::from_millis(200),
            false => Duration::from_secs(5),
        };
        if self.last.elapsed() < pause {
            return;
        }
        self.last = Instant::now();
        let what = match stage {
            Stage::Entries => "entries",
            Stage::Index => "index terms",
        };
        let of = total.map_or_else(String::new, |total| format!(" of {total}"));
        let seconds = self.begun.elapsed().as_secs();
        let line = format!("verified {done}{of} {what} after {seconds} s");
        let mut stderr = std::io::stderr().lock();
        // Whoever does not read it misses nothing that counts.
        let _ = match self.terminal {
            true => write!(stderr, "\r{line}\x1b[K").and_then(|()| stderr.flush()),
            false => writeln!(stderr, "{line}"),
        };
        self.any = true;
    }

    fn end(&self) {
        if self.any && self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
