//! Connecting to an instance's database, and reading what it records of the instance.

use std::path::Path;

use chancery_keys::file;
use chancery_store::{
    Access, ConnectOptions, CopyState, DatabaseUrl, Instance, LogKind, RecordedLog, SchemaError,
    Store,
};

use crate::config::{Config, LogConfig};
use crate::failure::Failure;
use crate::opening::configuration;

/// Returns where the database is, from `database` or `database-file`.
pub(crate) fn database_url(config: &Config) -> Result<DatabaseUrl, Failure> {
    let text = match (&config.database, &config.database_file) {
        (Some(_), Some(_)) => {
            return Err(Failure::configuration(
                "say database or database-file, not both",
            ));
        }
        (Some(url), None) => url.clone(),
        (None, Some(path)) => read_database_file(path)?,
        (None, None) => return Err(Failure::configuration("say database or database-file")),
    };
    DatabaseUrl::parse(&text).map_err(configuration)
}

/// Reads a database URL from a file, which may hold a password and must be as private as a key.
pub(crate) fn read_database_file(path: &Path) -> Result<String, Failure> {
    let secret = file::read_passphrase_file(path).map_err(configuration)?;
    String::from_utf8(secret.as_bytes().to_vec())
        .map_err(|_| Failure::configuration(format!("{} is not text", path.display())))
}

/// Brings an instance's tables to what this program needs.
pub(crate) async fn migrate(url: &DatabaseUrl) -> Result<(), Failure> {
    up_to_date(url).await?.close().await;
    Ok(())
}

/// Connects, and brings tables of an older version up to date. A database without tables is not
/// touched: only `init` makes those.
pub(crate) async fn up_to_date(url: &DatabaseUrl) -> Result<Store, Failure> {
    let store = connect(url).await?;
    match store.check_schema().await {
        Ok(()) => {}
        Err(SchemaError::Older { .. }) => store.migrate().await.map_err(Failure::by_fault)?,
        Err(other) => return Err(Failure::by_fault(other)),
    }
    Ok(store)
}

/// Connects to tables that must be up to date.
pub(crate) async fn current(url: &DatabaseUrl) -> Result<Store, Failure> {
    let store = connect(url).await?;
    store.check_schema().await.map_err(Failure::by_fault)?;
    Ok(store)
}

/// Connects to tables that must be up to date, to read them only: also beside a process that writes.
pub(crate) async fn to_read(url: &DatabaseUrl) -> Result<Store, Failure> {
    let options = ConnectOptions {
        access: Access::ReadOnly,
        ..ConnectOptions::default()
    };
    let store = connect_with(url, options).await?;
    store.check_schema().await.map_err(Failure::by_fault)?;
    Ok(store)
}

/// Connects to tables that must be up to date, to mend what is in them.
pub(crate) async fn to_write(url: &DatabaseUrl) -> Result<Store, Failure> {
    let store = current(url).await?;
    store.check_durability().await.map_err(Failure::by_fault)?;
    Ok(store)
}

async fn connect(url: &DatabaseUrl) -> Result<Store, Failure> {
    connect_with(url, ConnectOptions::default()).await
}

pub(crate) async fn connect_with(
    url: &DatabaseUrl,
    options: ConnectOptions,
) -> Result<Store, Failure> {
    let store = Store::connect(url, options).await;
    store.map_err(Failure::by_fault)
}

/// Reads what a database records of its instance, if it has one.
pub(crate) async fn recorded_if_any(store: &Store) -> Result<Option<Instance>, Failure> {
    store.instance().await.map_err(Failure::by_fault)
}

/// Reads what a database records of its instance.
pub(crate) async fn recorded(store: &Store) -> Result<Instance, Failure> {
    recorded_if_any(store).await?.ok_or_else(|| {
        Failure::configuration("the database holds no instance; `chancery init` makes one")
    })
}

/// Reads what an instance's own database records. Copies are refused: somebody may be issuing from
/// the original.
pub(crate) async fn own(store: &Store) -> Result<Instance, Failure> {
    let instance = recorded(store).await?;
    let why = match instance.copy {
        None => return Ok(instance),
        Some(CopyState::Backup | CopyState::UnfinishedBackup) => {
            "the database is a backup, and nobody issues from one; `chancery restore` copies it \
             into a database of its own"
        }
        Some(CopyState::UnfinishedRestore) => {
            "the database is restored in part only; run the same `chancery restore` again"
        }
    };
    Err(Failure::configuration(why))
}

/// Returns the records of the log of that name, or of all, ledgers included. Where `one` is wanted, a
/// ledger has to be named.
pub(crate) fn logs_named<'i>(
    recorded: &'i Instance,
    name: Option<&str>,
    one: bool,
) -> Result<Vec<&'i RecordedLog>, Failure> {
    let meant = |log: &RecordedLog| !one || log.kind == LogKind::Issuance;
    let named = |log: &&RecordedLog| name.map_or_else(|| meant(log), |name| log.name == name);
    let logs: Vec<_> = recorded.every_log().filter(named).collect();
    match (&*logs, name) {
        ([], Some(name)) => {
            let all: Vec<_> = recorded.every_log().map(|log| &*log.name).collect();
            Err(Failure::usage(format!(
                "this instance has no log named {name:?}; it has {}",
                all.join(", ")
            )))
        }
        ([], None) => Err(Failure::configuration("the instance has no log")),
        _ => Ok(logs),
    }
}

/// Returns the record of the log that the configuration names.
pub(crate) fn log_of<'i>(
    config: &Config,
    recorded: &'i Instance,
) -> Result<&'i RecordedLog, Failure> {
    let LogConfig { name, origin, .. } = &config.log;
    let log = recorded.logs.iter().find(|log| log.name == *name);
    let log = log.ok_or_else(|| {
        Failure::configuration(format!("this database has no log named {name:?}"))
    })?;
    if log.origin == *origin {
        Ok(log)
    } else {
        Err(Failure::configuration(format!(
            "log.origin is {origin:?}, and that of the database {:?}",
            log.origin
        )))
    }
}
