//! The ledgers of an instance: making each once, opening them, and what they are served from.

mod following;
mod making;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chancery_keys::{LocalKey, Passphrase, PublicKey, Signer as _};
use chancery_ledger::{
    Accept, Acceptance, Found, IssuanceRecords, KnownIssuers, Ledger, LedgerLimits, LedgerParts,
    PresentedCertificate, append_genesis, find_in,
};
use chancery_log::clock::{Clock, SystemClock, from_unix_ms};
use chancery_log::{
    FrozenLog, FrozenLogParts, Log, LogKeys, LogParts, PoolLimits, PublishedLog, ReadError,
};
use chancery_server::{Ledgers, Logs, ServedLedger};
use chancery_store::{Instance, RecordedLog, Store};
use chancery_tlog::Origin;
use chancery_trust::documents::{Ledger as TrustedLedger, Window};

pub(crate) use self::following::{Changed, Following};
pub(crate) use self::making::{begin_recorded, found, record};
use crate::config::{Config, GuardPlace, LedgerAccept, LedgerConfig, parse_url};
use crate::exporting;
use crate::failure::Failure;
use crate::guarding::{self, OpenedGuard};
use crate::keys;
use crate::shards::{other, read_by};
use crate::witnessing;

/// A ledger that is open.
pub(crate) struct OpenLedger {
    pub(crate) log: Arc<Log>,
    pub(crate) recorded: RecordedLog,
}

/// The ledgers that are served.
#[derive(Default)]
pub(crate) struct OpenLedgers {
    pub(crate) open: Vec<OpenLedger>,
    frozen: Vec<FrozenLedger>,
    /// The names of those that are not, each with what was said of it.
    left_out: BTreeMap<String, String>,
}

impl OpenLedgers {
    fn leave_out(&mut self, recorded: &RecordedLog, failure: &Failure) {
        let said = failure.to_string();
        tracing::error!("the ledger {} is not served: {said}", recorded.origin);
        self.left_out.insert(recorded.name.clone(), said);
    }

    /// Returns all that can be read.
    pub(crate) fn published(&self) -> impl Iterator<Item = (&RecordedLog, Arc<dyn PublishedLog>)> {
        let frozen = self.frozen.iter().map(|frozen| {
            let log: Arc<dyn PublishedLog> = Arc::clone(&frozen.log) as _;
            (&frozen.recorded, log)
        });
        let open = self.open.iter().map(|open| {
            let log: Arc<dyn PublishedLog> = Arc::clone(&open.log) as _;
            (&open.recorded, log)
        });
        frozen.chain(open)
    }
}

/// A ledger that is read only.
struct FrozenLedger {
    log: Arc<FrozenLog>,
    recorded: RecordedLog,
}

/// Opens the ledgers that the database records: those that are frozen, and those that `config` names.
/// One that cannot be opened is left out, and said to be: only the newest is worth refusing to start,
/// as long as it takes entries.
pub(crate) async fn open(
    config: &Config,
    passphrase: &Passphrase,
    store: &Store,
    instance: &Instance,
    clock: Arc<dyn Clock>,
) -> Result<OpenLedgers, Failure> {
    if let Some(section) = &config.ledger {
        recorded(instance, &section.origin)?;
    }
    let mut ledgers = OpenLedgers::default();
    for recorded in &instance.ledgers {
        let origin = &recorded.origin;
        if recorded.final_checkpoint.is_some() {
            let recorded = recorded.clone();
            match open_frozen(config, store, &recorded).await {
                Ok(log) => ledgers.frozen.push(FrozenLedger { log, recorded }),
                Err(failure) => ledgers.leave_out(&recorded, &failure),
            }
            continue;
        }
        let section = config.ledger.as_ref();
        let Some(ledger) = section.and_then(|section| section.find(origin)) else {
            tracing::warn!(
                "the database has the ledger {origin}, and chancery.yaml names it neither as ledger \
                 nor among ledger.former: it is not served"
            );
            continue;
        };
        let clock = Arc::clone(&clock);
        let is_needed = section.is_some_and(|section| section.origin == *origin)
            && recorded.retired_ms.is_none();
        let begun = match open_one(config, &ledger, passphrase, store, instance, clock).await {
            Err(failure) if is_needed => return Err(failure),
            Ok(opened) => begin(opened).await,
            Err(failure) => Err(failure),
        };
        match begun {
            Ok(opened) => ledgers.open.push(opened),
            Err(failure) => ledgers.leave_out(recorded, &failure),
        }
    }
    Ok(ledgers)
}

/// Appends the first entry where there is none: `chancery ledger new` may have broken off before. One
/// that cannot have it now is closed.
async fn begin(opened: OpenLedger) -> Result<OpenLedger, Failure> {
    let OpenLedger { log, recorded } = &opened;
    if recorded.ends_ms.is_some() || recorded.retired_ms.is_some() {
        return Ok(opened);
    }
    match append_genesis(log).await {
        Ok(()) => Ok(opened),
        Err(e) => {
            log.close().await;
            Err(Failure::from_error(e))
        }
    }
}

fn unrecorded(origin: &str) -> Failure {
    Failure::configuration(format!(
        "ledger.origin is {origin:?}, and the database records no such ledger; `chancery ledger new` \
         makes one"
    ))
}

/// Opens a frozen ledger, which must be signed by the recorded key and be the tree that is stored.
async fn open_frozen(
    config: &Config,
    store: &Store,
    recorded: &RecordedLog,
) -> Result<Arc<FrozenLog>, Failure> {
    let stored = store.log_store(recorded.log);
    exporting::require_readable(config, recorded, &*stored).await?;
    let key = PublicKey::from_spki_der(&recorded.public_key);
    let frozen = FrozenLog::open(FrozenLogParts {
        name: recorded.name.clone(),
        origin: Origin::parse(&recorded.origin).map_err(Failure::from_error)?,
        public_key: key.map_err(Failure::from_error)?,
        store: exporting::tiered(config, recorded, stored)?,
        final_checkpoint: recorded.final_checkpoint.clone().unwrap_or_default().into(),
    });
    Ok(Arc::new(frozen.await.map_err(Failure::from_error)?))
}

/// Opens a ledger of which `ledger` says where its files are, held against what the database records.
async fn open_one(
    config: &Config,
    ledger: &LedgerConfig,
    passphrase: &Passphrase,
    store: &Store,
    instance: &Instance,
    clock: Arc<dyn Clock>,
) -> Result<OpenLedger, Failure> {
    let recorded = recorded(instance, &ledger.origin)?;
    let key = own_key(ledger, recorded, passphrase)?;
    let guard = own_guard(config, ledger, recorded.guard_of(instance), store).await?;
    if let Some(warning) = guard.warning {
        tracing::warn!(guard.id = guard.guard.id(), "{warning}");
    }
    let (origin, keys) = (origin(ledger)?, [key.public_key()]);
    let witnesses = witnessing::cosigners(ledger.witnesses.as_ref(), &origin, &keys)?;
    let stored = store.bound_log_store(recorded);
    exporting::require_readable(config, recorded, &*stored).await?;
    let log = Log::open(LogParts {
        name: recorded.name.clone(),
        origin,
        store: exporting::tiered(config, recorded, stored)?,
        guard: guard.guard,
        keys: LogKeys::Plain {
            signer: Arc::new(key),
        },
        witnesses,
        clock,
        begins_ms: recorded.begins_ms,
        limits: PoolLimits::default(),
    });
    let log = log.await.map_err(Failure::by_fault)?;
    if let Some(ends_ms) = recorded.ends_ms {
        log.note_end(ends_ms);
    }
    Ok(OpenLedger {
        log: Arc::new(log),
        recorded: recorded.clone(),
    })
}

/// Returns the record of the ledger of an origin.
pub(crate) fn recorded<'i>(
    instance: &'i Instance,
    origin: &str,
) -> Result<&'i RecordedLog, Failure> {
    let found = instance.ledgers.iter().find(|log| log.origin == origin);
    found.ok_or_else(|| unrecorded(origin))
}

/// Holds key and guard of each ledger that takes entries against what the database records, and opens
/// none. Returns what a guard will not notice.
pub(crate) async fn verify(
    config: &Config,
    passphrase: &Passphrase,
    store: &Store,
    instance: &Instance,
) -> Result<Option<&'static str>, Failure> {
    let Some(section) = &config.ledger else {
        return Ok(None);
    };
    recorded(instance, &section.origin)?;
    let mut warning = None;
    for recorded in &instance.ledgers {
        let ledger = section.find(&recorded.origin);
        if let Some(ledger) = ledger.filter(|_| recorded.retired_ms.is_none()) {
            own_key(&ledger, recorded, passphrase)?;
            let guard = own_guard(config, &ledger, recorded.guard_of(instance), store).await?;
            warning = warning.or(guard.warning);
        }
    }
    Ok(warning)
}

/// Loads the key of a ledger, which must be the recorded one.
fn own_key(
    ledger: &LedgerConfig,
    recorded: &RecordedLog,
    passphrase: &Passphrase,
) -> Result<LocalKey, Failure> {
    let [key] = keys::load([&*ledger.key], passphrase)?;
    match recorded.public_key == key.public_key().spki_der() {
        true => Ok(key),
        false => Err(other("the ledger's key")),
    }
}

/// Opens the guard of a ledger, which must be the recorded one. The configuration says which it is: an
/// older database may record an older guard.
async fn own_guard(
    config: &Config,
    ledger: &LedgerConfig,
    recorded: &str,
    store: &Store,
) -> Result<OpenedGuard, Failure> {
    let config = with_guard(config, ledger)?;
    if !config.guard.says_which() {
        return Err(Failure::configuration(format!(
            "ledger.guard: say the id of the guard of {}, as `chancery ledger new` said it; the \
             database records {recorded}",
            ledger.origin
        )));
    }
    let opened = guarding::open(&config, store).await?;
    match opened.guard.id() == recorded {
        true => Ok(opened),
        false => Err(guarding::another(opened.guard.id(), recorded)),
    }
}

/// Returns the ledgers that verifiers trust: all that are recorded.
pub(crate) fn trusted(config: &Config, instance: &Instance) -> Result<Vec<TrustedLedger>, Failure> {
    let url = parse_url(&config.url)?;
    let trusted = |recorded: &RecordedLog| {
        let mut url = url.clone();
        // Clients look for the URL's host in checkpoints.
        url.set_host(Some(&recorded.origin))
            .map_err(Failure::from_error)?;
        Ok(TrustedLedger {
            key: PublicKey::from_spki_der(&recorded.public_key).map_err(Failure::from_error)?,
            url,
            window: Window::between(
                from_unix_ms(recorded.begins_ms),
                recorded.retired_ms.map(from_unix_ms),
            ),
        })
    };
    instance.ledgers.iter().map(trusted).collect()
}

/// Returns what the ledgers are served from, oldest first: what they believe of certificates is in
/// `logs`.
pub(crate) fn serve(
    config: &Config,
    instance: &Instance,
    ledgers: &OpenLedgers,
    logs: &Logs,
) -> Ledgers {
    let frozen = ledgers
        .frozen
        .iter()
        .map(|frozen| (frozen.recorded.log, serve_frozen(frozen)));
    let mut served: Vec<_> = frozen.collect();
    if let Some(ledger) = &config.ledger {
        let open = ledgers.open.iter();
        served.extend(open.map(|open| (open.recorded.log, serve_one(ledger, open, logs))));
    }
    served.sort_by_key(|(number, _)| *number);
    let served = served.into_iter().map(|(_, served)| served).collect();
    match instance.ledgers.len() {
        0 | 1 => Ledgers::new(served),
        _ => Ledgers::by_host(served),
    }
}

fn serve_frozen(frozen: &FrozenLedger) -> ServedLedger {
    ServedLedger {
        log: Arc::clone(&frozen.log) as Arc<dyn PublishedLog>,
        entries: None,
        read: read_by(frozen.recorded.readers),
    }
}

fn serve_one(ledger: &LedgerConfig, open: &OpenLedger, logs: &Logs) -> ServedLedger {
    let accept = match ledger.accept {
        LedgerAccept::LoggedCertificate => Accept::LoggedCertificate,
        LedgerAccept::AnyCertificate => Accept::AnyCertificate,
        LedgerAccept::AnyKey => Accept::AnyKey,
    };
    let issued = Issued {
        logs: logs.clone(),
        issuers: KnownIssuers::default(),
    };
    let entries = Ledger::new(LedgerParts {
        log: Arc::clone(&open.log),
        acceptance: Acceptance::new(accept, Arc::new(issued)),
        clock: Arc::new(SystemClock),
        limits: LedgerLimits {
            per_second: ledger.per_second,
            burst: Duration::from_secs(5),
            dsse: ledger.dsse,
            ..LedgerLimits::default()
        },
    });
    ServedLedger {
        log: Arc::clone(&open.log) as Arc<dyn PublishedLog>,
        entries: open.recorded.retired_ms.is_none().then_some(entries),
        read: read_by(open.recorded.readers),
    }
}

/// The logs of the certificates that were issued here, those that have ended included.
#[derive(Debug)]
struct Issued {
    logs: Logs,
    issuers: KnownIssuers,
}

#[async_trait]
impl IssuanceRecords for Issued {
    async fn find(&self, certificate: &PresentedCertificate) -> Result<Found, ReadError> {
        let logs = self.logs.all();
        let logs: Vec<_> = logs.iter().map(|served| Arc::clone(&served.log)).collect();
        find_in(&logs, &self.issuers, certificate).await
    }
}

/// Returns the origin, which is a bare host name: clients compare it with the host of a URL.
pub(crate) fn origin(ledger: &LedgerConfig) -> Result<Origin, Failure> {
    let wrong =
        |why: String| Failure::configuration(format!("ledger.origin {:?}: {why}", ledger.origin));
    let origin = Origin::parse(&ledger.origin).map_err(|e| wrong(e.to_string()))?;
    match origin.as_str().contains('/') {
        false => Ok(origin),
        true => Err(wrong("it is a host name alone, without a path".to_owned())),
    }
}

/// Returns a configuration whose guard is the ledger's.
pub(crate) fn with_guard(config: &Config, ledger: &LedgerConfig) -> Result<Config, Failure> {
    if let GuardPlace::Witness(_) = ledger.guard.place {
        return Err(Failure::configuration(
            "ledger.guard: a witness does not guard a ledger; use a file, a database or an object \
             store",
        ));
    }
    Ok(Config {
        guard: ledger.guard.clone(),
        ..config.clone()
    })
}

/// Returns the place of a ledger's guard beside the instance's: the same database or bucket, where it
/// gets an id of its own, or a file of a name of its own.
pub(crate) fn guard_beside(place: &GuardPlace, in_folder: &Path) -> GuardPlace {
    match place {
        GuardPlace::File(path) => {
            let mut name = path.clone().into_os_string();
            name.push("-ledger");
            GuardPlace::File(PathBuf::from(name))
        }
        GuardPlace::Witness(_) => GuardPlace::File(in_folder.to_owned()),
        place => place.clone(),
    }
}
