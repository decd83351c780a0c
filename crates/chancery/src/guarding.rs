//! The guard that a configuration names: opening it, and making a new one.

use std::io;
use std::path::Path;
use std::sync::Arc;

use chancery_keys::file;
use chancery_log::guard::{FileGuard, OpenGuardError};
use chancery_log::{Guard, LogReader};
use chancery_objects::{Bucket, ObjectGuard, ObjectGuardError, ObjectStoreConfig, ObjectStoreUrl};
use chancery_store::{
    ConnectError, DatabaseGuard, DatabaseUrl, GuardDatabaseError, OpenDatabaseGuardError,
    SchemaError, Separation, Store,
};
use chancery_tlog::{TreeHead, VerifierKey};
use chancery_witness::{WitnessClient, WitnessGuard};

use crate::away::Away;
use crate::config::{Config, GuardConfig, GuardPlace, ObjectStorePlace, WitnessPlace};
use crate::connecting::{self, read_database_file};
use crate::failure::{Causes, Failure};
use crate::{keys, opening, shards};

/// A guard, and what somebody should know of it.
#[derive(Debug)]
pub(crate) struct OpenedGuard {
    pub(crate) guard: Arc<dyn Guard>,
    /// What this guard will not notice.
    pub(crate) warning: Option<&'static str>,
}

/// Why a guard was not opened.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// Its place was looked at and has no such guard, or none that can be read.
    Lost(Failure),
    /// Anything else: the guard may well be there.
    Refused(Failure),
}

impl From<NotOpened> for Failure {
    fn from(error: NotOpened) -> Self {
        match error {
            NotOpened::Lost(failure) | NotOpened::Refused(failure) => failure,
        }
    }
}

impl From<Failure> for NotOpened {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure)
    }
}

const SAME_SERVER: &str = "the guard is in another database of the same PostgreSQL server: \
    restoring that server, or failing over to a standby that lags, rolls back both, and nobody \
    notices. Keep the guard on another server, in an object store or in a file";

/// Opens the configured guard, which must not be in `guarded` itself. Makes nothing.
pub(crate) async fn open(instance: &Config, guarded: &Store) -> Result<OpenedGuard, NotOpened> {
    let config = &instance.guard;
    let opened = match &config.place {
        GuardPlace::File(path) => plain(FileGuard::open(path).map_err(no_file)?),
        GuardPlace::Database(_) | GuardPlace::DatabaseFile(_) => {
            let url = database_url(&config.place)?;
            let guard = DatabaseGuard::open(&url, id(config)?, guarded).await;
            of_database(guard.map_err(no_row)?)
        }
        GuardPlace::ObjectStore(place) => {
            let bucket = bucket(place)?;
            let guard = ObjectGuard::open(&bucket, id(config)?).await;
            plain(guard.map_err(no_object)?)
        }
        GuardPlace::Witness(place) => {
            let recorded = connecting::own(guarded).await?;
            let log = connecting::log_of(instance, &recorded)?.log;
            let log = guarded.log_store(log) as Arc<dyn LogReader>;
            plain(of_witness(instance, place, log)?)
        }
    };
    match &config.id {
        Some(id) if id != opened.guard.id() => {
            let found = opened.guard.id();
            let why = format!("guard.id is {id}, but the guard there is {found}");
            Err(Failure::configuration(why).into())
        }
        _ => Ok(opened),
    }
}

/// Opens the configured guard, which must be the one that the database in `guarded` records.
pub(crate) async fn open_own(
    config: &Config,
    recorded: &str,
    guarded: &Store,
) -> Result<Arc<dyn Guard>, NotOpened> {
    let guard = open(config, guarded).await?.guard;
    if guard.id() == recorded {
        return Ok(guard);
    }
    Err(NotOpened::Refused(another(guard.id(), recorded)))
}

/// Refuses a guard that is not the one that the database records.
pub(crate) fn another(found: &str, recorded: &str) -> Failure {
    Failure::configuration(format!(
        "the guard is not the one that this database records: it is {found}, not {recorded}. Name \
         that one; if the guard was replaced after this database was backed up, `chancery log recover \
         --adopt-guard`"
    ))
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
        GuardPlace::Witness(_) => Err(Failure::configuration(
            "a witness that is to be the guard is not made here: once it knows the log's keys, \
             `chancery log recover --adopt-guard` records it",
        )),
    }
}

/// Takes a witness for the guard of the log that `tree` is of. It is not asked yet.
pub(crate) fn of_witness(
    config: &Config,
    place: &WitnessPlace,
    tree: Arc<dyn LogReader>,
) -> Result<WitnessGuard, Failure> {
    let key = witness_key(place)?;
    let origin = shards::origin(config)?;
    let [signer] = keys::load([&*config.log.witness_key], &opening::passphrase(config)?)?;
    WitnessGuard::new(&place.url, &key, origin, Arc::new(signer), tree).map_err(configuration)
}

fn witness_key(place: &WitnessPlace) -> Result<VerifierKey, Failure> {
    VerifierKey::parse(&place.vkey)
        .map_err(|e| Failure::configuration(format!("guard.witness.vkey: {e}")))
}

/// Returns the id that the configured guard has, for a log that the database may not know yet.
pub(crate) async fn id_of(config: &Config, guarded: &Store) -> Result<String, Failure> {
    match &config.guard.place {
        GuardPlace::Witness(place) => Ok(WitnessGuard::id_of(&witness_key(place)?)),
        _ => Ok(open(config, guarded).await?.guard.id().to_owned()),
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
        GuardPlace::Witness(place) => {
            let client = WitnessClient::new("guard", &place.url, &witness_key(place)?);
            client.map(drop).map_err(configuration)
        }
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
        GuardPlace::File(_) | GuardPlace::ObjectStore(_) | GuardPlace::Witness(_) => String::new(),
    };
    DatabaseUrl::parse(&text).map_err(|e| Failure::configuration(format!("guard: {e}")))
}

fn bucket(place: &ObjectStorePlace) -> Result<Bucket, Failure> {
    Bucket::s3(&object_store(place)?).map_err(configuration)
}

/// Returns how an object store is reached.
pub(crate) fn object_store(place: &ObjectStorePlace) -> Result<ObjectStoreConfig, Failure> {
    let settings = match &place.credentials_file {
        Some(path) => credentials(path)?,
        None => environment(),
    };
    Ok(ObjectStoreConfig {
        url: ObjectStoreUrl::parse(&place.url).map_err(configuration)?,
        endpoint: place.endpoint.clone(),
        region: place.region.clone(),
        settings,
    })
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

fn no_file(error: OpenGuardError) -> NotOpened {
    let lost = match &error {
        OpenGuardError::Damaged(_) => true,
        OpenGuardError::Io(_, e) => e.kind() == io::ErrorKind::NotFound,
    };
    not_opened(lost, error)
}

fn no_row(error: OpenDatabaseGuardError) -> NotOpened {
    let lost = matches!(
        error,
        OpenDatabaseGuardError::Unknown { .. }
            | OpenDatabaseGuardError::Damaged(_)
            | OpenDatabaseGuardError::Database(
                GuardDatabaseError::Connect(ConnectError::Missing(_))
                    | GuardDatabaseError::Schema(SchemaError::Missing)
            )
    );
    not_opened(lost, error)
}

fn no_object(error: ObjectGuardError) -> NotOpened {
    let lost = matches!(
        error,
        ObjectGuardError::Unknown { .. } | ObjectGuardError::Damaged(_)
    );
    not_opened(lost, error)
}

fn not_opened(lost: bool, error: impl Away) -> NotOpened {
    match lost {
        true => NotOpened::Lost(Failure::by_fault(error)),
        false => NotOpened::Refused(Failure::by_fault(error)),
    }
}

fn configuration<E: std::error::Error>(error: E) -> Failure {
    Failure::configuration(Causes(&error))
}

#[cfg(test)]
mod tests {
    use chancery_log::StoreError;

    use super::*;

    fn is_lost(error: &NotOpened) -> bool {
        matches!(error, NotOpened::Lost(_))
    }

    #[test]
    fn a_guard_is_lost_only_where_its_place_was_looked_at() {
        let path = || std::path::PathBuf::from("guard");
        assert!(is_lost(&no_file(OpenGuardError::Damaged(path()))));
        for (kind, lost) in [
            (io::ErrorKind::NotFound, true),
            (io::ErrorKind::PermissionDenied, false),
            (io::ErrorKind::TimedOut, false),
        ] {
            let error = no_file(OpenGuardError::Io(path(), kind.into()));
            assert_eq!(is_lost(&error), lost, "{kind:?}");
        }

        let missing = GuardDatabaseError::from(ConnectError::Missing(path()));
        assert!(is_lost(&no_row(missing.into())));
        let empty = GuardDatabaseError::from(SchemaError::Missing);
        assert!(is_lost(&no_row(empty.into())));
        let older = SchemaError::Older { found: 1, known: 2 };
        assert!(!is_lost(&no_row(GuardDatabaseError::from(older).into())));
        let away = || StoreError::Unavailable("no answer".into());
        let timed_out = SchemaError::Store(away());
        let timed_out = no_row(GuardDatabaseError::from(timed_out).into());
        assert!(!is_lost(&timed_out));
        assert!(!Failure::from(timed_out).is_configuration());
        assert!(!is_lost(&no_row(GuardDatabaseError::from(away()).into())));

        let (name, reason) = (String::new(), String::new());
        assert!(!is_lost(&no_object(ObjectGuardError::Refused {
            name,
            reason
        })));
        let (id, name) = (String::new(), String::new());
        assert!(is_lost(&no_object(ObjectGuardError::Unknown { id, name })));
    }
}
