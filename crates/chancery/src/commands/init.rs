//! `chancery init`: makes keys, CA, log, database and configuration of a real instance, once.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chancery_keys::{Passphrase, file};
use chancery_store::{DatabaseUrl, Purpose};
use chancery_tlog::Origin;
use time::OffsetDateTime;
use url::Url;

use crate::cli::{GuardArgs, InitArgs};
use crate::commands::serve::given_database;
use crate::config::{
    Config, GuardConfig, GuardPlace, LogRead, ObjectStorePlace, Required, parse_url,
};
use crate::connecting;
use crate::failure::{Causes, Failure};
use crate::founding::{Founding, empty_database, make_passphrase, write_new};
use crate::layout::Layout;
use crate::ledgers;
use crate::opening;
use crate::report::say;
use crate::trusting::{self, Described};

const IDENTITY_TEMPLATE: &str = "\
# Whose tokens this CA takes: a Fulcio identity configuration.
# Without an entry, `chancery serve` refuses to start. For example:
#
# oidc-issuers:
#   https://login.example.org:
#     issuer-url: https://login.example.org
#     client-id: sigstore
#     type: email
oidc-issuers: {}
";

pub(crate) async fn run(args: InitArgs) -> Result<(), Failure> {
    let layout = Layout::new(&args.dir);
    let url = parse_url(&args.url)?;
    refuse_existing(&layout.config())?;
    if args.join {
        return join(&args, &layout, &url).await;
    }
    let mut setup = Setup::choose(&args, &layout, &url)?;
    layout.make()?;
    let store = empty_database(&setup.database).await?;
    let passphrase = take_passphrase(args.passphrase_file.as_deref(), &layout.passphrase())?;
    let root_passphrase = take_passphrase(
        args.root_passphrase_file.as_deref(),
        &layout.root_passphrase(),
    )?;
    let mut guard = setup.config.guard.place.clone();
    guard.resolve(layout.folder());
    let made = Founding {
        layout: &layout,
        purpose: Purpose::Production,
        url: &setup.config.url,
        organization: &setup.config.organization,
        log_name: &setup.config.log.name,
        origin: &setup.origin,
        readers: setup.config.log.read.readers(),
        guard: &guard,
        passphrase: &passphrase,
        root_passphrase: &root_passphrase,
        timestamps: setup.config.timestamps.is_some(),
    }
    .found(store)
    .await?;
    if !matches!(guard, GuardPlace::File(_)) {
        setup.config.guard.id = Some(made.guard.id().to_owned());
    }
    setup.begin_ledger(&layout, &passphrase).await?;
    if !layout.identity_config().exists() {
        write_new(
            &layout.identity_config(),
            IDENTITY_TEMPLATE.as_bytes(),
            0o644,
        )?;
    }
    setup.config.trust = Some(layout.trust());
    publish_trust(&layout, &setup, &passphrase, &root_passphrase).await?;
    write_new(&layout.config(), setup.config.to_yaml()?.as_bytes(), 0o644)?;
    say_what_next(&layout, &setup.config);
    warn(made.warning);
    Ok(())
}

/// Publishes the first version of what clients trust.
async fn publish_trust(
    layout: &Layout,
    setup: &Setup,
    passphrase: &Passphrase,
    root_passphrase: &Passphrase,
) -> Result<(), Failure> {
    let (server, operators) = trusting::make_keys(layout, passphrase, root_passphrase)?;
    let store = connecting::current(&setup.database).await?;
    let instance = connecting::own(&store).await?;
    let mut config = setup.config.clone();
    config.resolve(layout.folder());
    let documents = Described::recorded(&config, &instance)?;
    trusting::publish_first(layout, &store, documents, &server, &operators).await?;
    store.close().await;
    Ok(())
}

/// What was asked for, with every default chosen.
struct Setup {
    config: Config,
    database: DatabaseUrl,
    origin: Origin,
}

impl Setup {
    fn choose(args: &InitArgs, layout: &Layout, url: &Url) -> Result<Self, Failure> {
        let host = url.host_str().unwrap_or_default();
        let name = args
            .log_name
            .clone()
            .unwrap_or_else(|| half_year(SystemTime::now()));
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if !(1..=64).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(Failure::usage(
                "--log-name takes up to 64 letters, digits and hyphens",
            ));
        }
        let organization = args.organization.clone().unwrap_or_else(|| host.to_owned());
        // X.520 allows 64 characters; the common name is the longer by its ending.
        if !(1..=64).contains(&organization.chars().count())
            || organization.chars().any(char::is_control)
        {
            return Err(Failure::usage(
                "--organization takes up to 64 characters, on one line",
            ));
        }
        let origin = Origin::parse(&format!("{host}/ct/{name}"))
            .map_err(|e| Failure::usage(format!("--url {url}: no log origin: {e}")))?;
        let read = match args.log_read {
            Some(read) => read,
            None => ask_who_may_read()?,
        };
        let (ca, log, in_folder) = layout.sections(&name, origin.as_str(), read);
        let guard = GuardConfig {
            place: guard_place(&args.guard)?.unwrap_or(in_folder.place),
            id: args.guard.guard_id.clone(),
        };
        let given = given_database(args.database.clone())?;
        let mut config = Config::new(Required {
            url: url.origin().ascii_serialization(),
            organization,
            identity_config: PathBuf::from("identity.yaml"),
            ca,
            log,
            guard,
        });
        config.listen = ([127, 0, 0, 1], 5555).into();
        let stamps = !args.no_timestamps && (!args.join || layout.tsa_chain().exists());
        config.timestamps = stamps.then(Layout::timestamps);
        let ledger = args.ledger.as_deref();
        config.ledger = ledger.map(|host| layout.ledger(host, &config.guard));
        config.ledger.as_ref().map(ledgers::origin).transpose()?;
        config.database_file = args.database_file.as_deref().map(absolute).transpose()?;
        config.passphrase_file = Some(match &args.passphrase_file {
            Some(path) => absolute(path)?,
            None => PathBuf::from("secrets/passphrase"),
        });
        let database = match (given, &config.database_file) {
            (Some(url), _) => {
                let url = absolute_sqlite(url)?;
                let parsed = parse_database(&url)?;
                // A password stays where it was given: in the environment.
                config.database = (!parsed.has_password()).then_some(url);
                parsed
            }
            (None, Some(path)) => parse_database(&connecting::read_database_file(path)?)?,
            (None, None) => {
                config.database = Some("sqlite:chancery.db".to_owned());
                parse_database(&format!("sqlite:{}", layout.sqlite().display()))?
            }
        };
        Ok(Self {
            config,
            database,
            origin,
        })
    }
}

impl Setup {
    /// Makes the ledger that was asked for, in a database that holds the instance by now.
    async fn begin_ledger(
        &mut self,
        layout: &Layout,
        passphrase: &Passphrase,
    ) -> Result<(), Failure> {
        let mut resolved = self.config.clone();
        resolved.resolve(layout.folder());
        let Some(ledger) = &mut self.config.ledger else {
            return Ok(());
        };
        let store = connecting::current(&self.database).await?;
        let guard_id = ledgers::found(&resolved, passphrase, &store).await;
        store.close().await;
        if !matches!(ledger.guard.place, GuardPlace::File(_)) {
            ledger.guard.id = Some(guard_id?);
        } else {
            guard_id?;
        }
        Ok(())
    }
}

impl Setup {
    /// Takes the id of the ledger's guard from the database, which knows it as the first replica does.
    async fn take_ledger_guard(&mut self) -> Result<(), Failure> {
        let Some(ledger) = &mut self.config.ledger else {
            return Ok(());
        };
        if ledger.guard.says_which() {
            return Ok(());
        }
        let store = connecting::current(&self.database).await?;
        let instance = connecting::own(&store).await;
        store.close().await;
        let instance = instance?;
        let recorded = ledgers::recorded(&instance, &ledger.origin)?;
        ledger.guard.id = Some(recorded.guard_of(&instance).to_owned());
        Ok(())
    }
}

/// Writes the configuration of another replica, after holding its files against the database.
async fn join(args: &InitArgs, layout: &Layout, url: &Url) -> Result<(), Failure> {
    let is_file = match guard_place(&args.guard)? {
        Some(place) => matches!(place, GuardPlace::File(_)),
        None => {
            return Err(Failure::usage(
                "--join needs --guard, --guard-database, --guard-database-file or \
                 --guard-objects: all processes of an instance share one guard",
            ));
        }
    };
    if !is_file && args.guard.guard_id.is_none() {
        return Err(Failure::usage(
            "--join with this guard needs --guard-id: it stands in the first replica's \
             chancery.yaml, as guard.id",
        ));
    }
    let mut setup = Setup::choose(args, layout, url)?;
    setup.config.trust = layout.trusted_root().exists().then(|| layout.trust());
    setup.take_ledger_guard().await?;
    let mut resolved = setup.config.clone();
    resolved.resolve(layout.folder());
    let warning = opening::verify(&resolved, &setup.database).await?;
    if !layout.identity_config().exists() {
        write_new(
            &layout.identity_config(),
            IDENTITY_TEMPLATE.as_bytes(),
            0o644,
        )?;
    }
    write_new(&layout.config(), setup.config.to_yaml()?.as_bytes(), 0o644)?;
    say(format_args!(
        "This replica fits the instance. Give it the same identity.yaml, then:\n  chancery serve \
         --config {}\n",
        layout.config().display()
    ));
    warn(warning);
    Ok(())
}

/// Takes the guard's place from the arguments, if they name one.
fn guard_place(args: &GuardArgs) -> Result<Option<GuardPlace>, Failure> {
    let place = if let Some(path) = &args.guard {
        GuardPlace::File(absolute(path)?)
    } else if let Some(url) = &args.guard_database {
        GuardPlace::Database(absolute_sqlite(url.clone())?)
    } else if let Some(path) = &args.guard_database_file {
        GuardPlace::DatabaseFile(absolute(path)?)
    } else if let Some(url) = &args.guard_objects {
        let credentials_file = args.guard_credentials_file.as_deref();
        GuardPlace::ObjectStore(ObjectStorePlace {
            url: url.clone(),
            endpoint: args.guard_endpoint.clone(),
            region: args.guard_region.clone(),
            credentials_file: credentials_file.map(absolute).transpose()?,
        })
    } else {
        return Ok(None);
    };
    if place.refuse_password().is_err() {
        return Err(Failure::usage(
            "a database URL with a password does not belong into an argument, where every process \
             can read it; use --guard-database-file",
        ));
    }
    Ok(Some(place))
}

fn warn(warning: Option<&str>) {
    if let Some(warning) = warning {
        eprintln!("chancery: warning: {warning}");
    }
}

/// Makes a SQLite path absolute: it was typed in this folder, and is read from another.
fn absolute_sqlite(url: String) -> Result<String, Failure> {
    match url
        .strip_prefix("sqlite:")
        .filter(|path| !path.starts_with('/'))
    {
        Some(path) => Ok(format!("sqlite:{}", absolute(Path::new(path))?.display())),
        None => Ok(url),
    }
}

fn parse_database(url: &str) -> Result<DatabaseUrl, Failure> {
    DatabaseUrl::parse(url).map_err(|e| Failure::configuration(Causes(&e)))
}

fn refuse_existing(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Err(Failure::configuration(format!(
            "{} exists already; init overwrites nothing",
            path.display()
        )));
    }
    Ok(())
}

fn ask_who_may_read() -> Result<LogRead, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "say who may read the log's entries: --log-read open or --log-read restricted. They \
             hold e-mail addresses and repository names, and cannot be erased",
        ));
    }
    print!(
        "Log entries hold e-mail addresses and repository names, and cannot be erased.\n\
         Who may read them? [open/restricted] "
    );
    std::io::stdout().flush().map_err(Failure::from_error)?;
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(Failure::from_error)?;
    match answer.trim() {
        "open" => Ok(LogRead::Open),
        "restricted" => Ok(LogRead::Restricted),
        other => Err(Failure::usage(format!(
            "{other:?} is neither open nor restricted"
        ))),
    }
}

/// Reads the passphrase that was given, or makes one.
fn take_passphrase(given: Option<&Path>, made: &Path) -> Result<Passphrase, Failure> {
    match given {
        Some(path) => {
            file::read_passphrase_file(path).map_err(|e| Failure::configuration(Causes(&e)))
        }
        None => make_passphrase(made),
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(Failure::from_error)
}

/// Returns a log name for a time, such as `2026h2`.
fn half_year(now: SystemTime) -> String {
    let now = OffsetDateTime::from(now);
    let half = if u8::from(now.month()) <= 6 { 1 } else { 2 };
    format!("{}h{half}", now.year())
}

fn say_what_next(layout: &Layout, config: &Config) {
    let guard = match &config.guard.place {
        GuardPlace::File(_) => {
            "If you can, move the guard to another disk than the database, and say where in \
             chancery.yaml."
        }
        _ => "Keep chancery.yaml: it names the guard by its id.",
    };
    let folder = layout.folder().display();
    println!(
        "\
Made an instance for {url} in {folder}.

Next:
 1. Say whose tokens it takes: edit {identity}
 2. Take offline/ off this machine: it holds the root keys, needed again only to renew the
    certificates below them, and the keys that sign what clients trust, needed for each new log and
    at least once a year (`chancery trust show`). Keep their passphrase elsewhere.
 3. {guard}
    Never restore the guard from a backup: it is what notices an old database.
 4. Put a TLS proxy in front of {listen} for {url}, or say tls in chancery.yaml
 5. chancery serve --config {config}

Log {origin}, entries readable: {read:?}. Back up the database and ca/ log/ tsa/ trust/ secrets/
together. What clients type: chancery env --config {config}",
        url = config.url,
        identity = layout.identity_config().display(),
        listen = config.listen,
        config = layout.config().display(),
        origin = config.log.origin,
        read = config.log.read,
    );
}
