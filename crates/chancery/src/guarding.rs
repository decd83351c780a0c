//! The guard that a configuration names: opening it, and making a new one.

use std::path::Path;
use std::sync::Arc;

use chancery_keys::file;
use chancery_log::Guard;
use chancery_log::guard::FileGuard;
use chancery_objects::{Bucket, ObjectGuard, ObjectStoreConfig, ObjectStoreUrl};
use chancery_store::{DatabaseGuard, DatabaseUrl, Separation, Store};
use chancery_tlog::TreeHead;

use crate::config::{GuardConfig, GuardPlace, ObjectStorePlace};
use crate::connecting::read_database_file;
use crate::failure::{Causes, Failure};

/// A guard, and what somebody should know of it.
#[derive(Debug)]
pub(crate) struct OpenedGuard {
    pub(crate) guard: Arc<dyn Guard>,
    /// What this guard will not notice.
    pub(crate) warning: Option<&'static str>,
}

const SAME_SERVER: &str = "the guard is in another database of the same PostgreSQL server: \
    restoring that server, or failing over to a standby that lags, rolls back both, and nobody \
    notices. Keep the guard on another server, in an object store or in a file";

/// Opens the configured guard, which must not be in `guarded` itself. Makes nothing.
pub(crate) async fn open(config: &GuardConfig, guarded: &Store) -> Result<OpenedGuard, Failure> {
    let opened = match &config.place {
        GuardPlace::File(path) => plain(FileGuard::open(path).map_err(Failure::by_fault)?),
        GuardPlace::Database(_) | GuardPlace::DatabaseFile(_) => {
            let url = database_url(&config.place)?;
            let guard = DatabaseGuard::open(&url, id(config)?, guarded)
                .await
                .map_err(Failure::by_fault)?;
            of_database(guard)
        }
        GuardPlace::ObjectStore(place) => {
            let bucket = bucket(place)?;
            plain(
                ObjectGuard::open(&bucket, id(config)?)
                    .await
                    .map_err(Failure::by_fault)?,
            )
        }
    };
    match &config.id {
        Some(id) if id != opened.guard.id() => Err(Failure::configuration(format!(
            "guard.id is {id}, but the guard there is {}",
            opened.guard.id()
        ))),
        _ => Ok(opened),
    }
}

/// Makes a guard for the empty log in `guarded`. Overwrites nothing.
pub(crate) async fn create(place: &GuardPlace, guarded: &Store) -> Result<OpenedGuard, Failure> {
    create_at(place, guarded, &TreeHead::EMPTY).await
}

/// Makes a guard that stands at `head` from the beginning. It notices nothing of what happened
/// before: only whoever has proven `head` may ask for it.
pub(crate) async fn create_at(
    place: &GuardPlace,
    guarded: &Store,
    head: &TreeHead,
) -> Result<OpenedGuard, Failure> {
    match place {
        GuardPlace::File(path) => FileGuard::create_at(path, head)
            .map(plain)
            .map_err(Failure::from_error),
        GuardPlace::Database(_) | GuardPlace::DatabaseFile(_) => {
            let url = database_url(place)?;
            DatabaseGuard::create_at(&url, guarded, head)
                .await
                .map(of_database)
                .map_err(Failure::by_fault)
        }
        GuardPlace::ObjectStore(place) => {
            let bucket = bucket(place)?;
            ObjectGuard::create_at(&bucket, head)
                .await
                .map(plain)
                .map_err(Failure::by_fault)
        }
    }
}

/// Looks at what can be known of the guard without the database that it guards.
pub(crate) fn check(config: &GuardConfig) -> Result<(), Failure> {
    match &config.place {
        GuardPlace::File(path) => FileGuard::open(path).map(drop).map_err(Failure::by_fault),
        GuardPlace::Database(_) | GuardPlace::DatabaseFile(_) => {
            database_url(&config.place).map(drop)
        }
        GuardPlace::ObjectStore(place) => bucket(place).map(drop),
    }
}

fn plain(guard: impl Guard + 'static) -> OpenedGuard {
    OpenedGuard {
        guard: Arc::new(guard),
        warning: None,
    }
}

fn of_database(guard: DatabaseGuard) -> OpenedGuard {
    OpenedGuard {
        warning: match guard.separation() {
            Separation::Apart => None,
            Separation::SameServer => Some(SAME_SERVER),
        },
        guard: Arc::new(guard),
    }
}

fn id(config: &GuardConfig) -> Result<&str, Failure> {
    let id = config.id.as_deref();
    id.ok_or_else(|| Failure::configuration("guard: say the guard's id"))
}

fn database_url(place: &GuardPlace) -> Result<DatabaseUrl, Failure> {
    let text = match place {
        GuardPlace::Database(url) => url.clone(),
        GuardPlace::DatabaseFile(path) => read_database_file(path)?,
        GuardPlace::File(_) | GuardPlace::ObjectStore(_) => String::new(),
    };
    DatabaseUrl::parse(&text).map_err(|e| Failure::configuration(format!("guard: {e}")))
}

fn bucket(place: &ObjectStorePlace) -> Result<Bucket, Failure> {
    let settings = match &place.credentials_file {
        Some(path) => credentials(path)?,
        None => environment(),
    };
    let config = ObjectStoreConfig {
        url: ObjectStoreUrl::parse(&place.url).map_err(configuration)?,
        endpoint: place.endpoint.clone(),
        region: place.region.clone(),
        settings,
    };
    Bucket::s3(&config).map_err(configuration)
}

/// Returns what the environment says of the object store, by AWS's names.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("AWS_"))
        .collect()
}

/// Reads the same from a file, which must be as private as a key: a name and a value on each line,
/// with `=` between them.
fn credentials(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let secret = file::read_passphrase_file(path).map_err(configuration)?;
    let refused = || {
        Failure::configuration(format!(
            "{}: lines such as AWS_ACCESS_KEY_ID=… are wanted",
            path.display()
        ))
    };
    let text = std::str::from_utf8(secret.as_bytes()).map_err(|_| refused())?;
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| match line.split_once('=') {
            Some((name, value)) if name.starts_with("AWS_") => {
                Ok((name.trim().to_owned(), value.trim().to_owned()))
            }
            _ => Err(refused()),
        })
        .collect()
}

fn configuration<E: std::error::Error>(error: E) -> Failure {
    Failure::configuration(Causes(&error))
}
