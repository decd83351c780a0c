//! The ledger of an instance: making it once, opening it, and what it is served from.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use chancery_keys::{KeyType, LocalKey, Passphrase, PublicKey, Signer as _};
use chancery_ledger::{
    Accept, Acceptance, Found, IssuanceRecords, Ledger, LedgerLimits, LedgerParts,
    PresentedCertificate, append_genesis, find_in,
};
use chancery_log::clock::{Clock, SystemClock, from_unix_ms, unix_ms};
use chancery_log::{Log, LogKeys, LogParts, PoolLimits, PublishedLog, ReadError, plain_log_id};
use chancery_server::{LogRead, Logs, ServedLedger, TrustedLedger};
use chancery_store::{Instance, NewLedger, NewLog, Readers, RecordedLog, Store};
use chancery_tlog::Origin;

use crate::config::{Config, GuardPlace, LedgerAccept, LedgerConfig, parse_url};
use crate::connecting::own;
use crate::failure::Failure;
use crate::guarding;
use crate::keys;
use crate::shards::other;

/// A ledger that is open.
pub(crate) struct OpenLedger {
    pub(crate) log: Arc<Log>,
    pub(crate) recorded: RecordedLog,
}

/// Opens the ledger that `config` names, if it names one, held against what the database records.
pub(crate) async fn open(
    config: &Config,
    passphrase: &Passphrase,
    store: &Store,
    instance: &Instance,
    clock: Arc<dyn Clock>,
) -> Result<Option<OpenLedger>, Failure> {
    let Some(ledger) = &config.ledger else {
        if !instance.ledgers.is_empty() {
            tracing::warn!(
                "the database has a ledger, and chancery.yaml names none: it is not served"
            );
        }
        return Ok(None);
    };
    let named = |recorded: &&RecordedLog| recorded.origin == ledger.origin;
    let recorded = instance.ledgers.iter().find(named).ok_or_else(|| {
        Failure::configuration(format!(
            "ledger.origin is {:?}, and the database records no such ledger; `chancery ledger new` \
             makes one",
            ledger.origin
        ))
    })?;
    let [key] = keys::load([&*ledger.key], passphrase)?;
    if recorded.public_key != key.public_key().spki_der() {
        return Err(other("the ledger's key"));
    }
    let guard = guarding::open(&with_guard(config, ledger)?, store).await?;
    let guard_id = recorded.guard_of(instance);
    if guard.guard.id() != guard_id {
        return Err(guarding::another(guard.guard.id(), guard_id));
    }
    if let Some(warning) = guard.warning {
        tracing::warn!(guard.id = guard_id, "{warning}");
    }
    let log = Log::open(LogParts {
        name: recorded.name.clone(),
        origin: origin(ledger)?,
        store: store.bound_log_store(recorded),
        guard: guard.guard,
        keys: LogKeys::Plain {
            signer: Arc::new(key),
        },
        witnesses: None,
        clock,
        begins_ms: recorded.begins_ms,
        limits: PoolLimits::default(),
    });
    Ok(Some(OpenLedger {
        log: Arc::new(log.await.map_err(Failure::by_fault)?),
        recorded: recorded.clone(),
    }))
}

/// Makes key, guard and record of the ledger that `config` names, and its first entry. Nothing that
/// exists is overwritten; what an attempt that broke off has recorded is gone on with. Returns the id
/// of the guard.
pub(crate) async fn found(
    config: &Config,
    passphrase: &Passphrase,
    store: &Store,
) -> Result<String, Failure> {
    let mut config = config.clone();
    let Some(ledger) = &mut config.ledger else {
        return Err(Failure::configuration("chancery.yaml names no ledger"));
    };
    let origin = origin(ledger)?;
    let instance = own(store).await?;
    let recorded = |log: &&RecordedLog| log.origin == ledger.origin;
    if !instance.ledgers.iter().any(|log| recorded(&log)) {
        let made = guarding::create(&ledger.guard.place, store).await?;
        if !matches!(ledger.guard.place, GuardPlace::File(_)) {
            ledger.guard.id = Some(made.guard.id().to_owned());
        }
        let wanted = [(ledger.key.clone(), KeyType::Ed25519, passphrase)];
        let [key] = keys::make(wanted)?;
        let new = NewLedger {
            log: record(&origin, &key, config.log.read.readers()),
            guard_id: made.guard.id().to_owned(),
            now_ms: unix_ms(SystemTime::now()),
        };
        store.add_ledger(new).await.map_err(Failure::from_error)?;
    }
    let instance = own(store).await?;
    let clock = Arc::new(SystemClock);
    let opened = open(&config, passphrase, store, &instance, clock).await?;
    let opened = opened.ok_or_else(|| Failure::failed("the ledger was not recorded"))?;
    let begun = append_genesis(&opened.log).await;
    opened.log.close().await;
    begun.map_err(Failure::from_error)?;
    Ok(opened.recorded.guard_of(&instance).to_owned())
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
            log_id: recorded.log_id,
            url,
            begins: from_unix_ms(recorded.begins_ms),
            ends: recorded.retired_ms.map(from_unix_ms),
        })
    };
    instance.ledgers.iter().map(trusted).collect()
}

fn record(origin: &Origin, key: &LocalKey, readers: Readers) -> NewLog {
    let public_key = key.public_key().spki_der().to_vec();
    NewLog {
        name: origin.as_str().to_owned(),
        origin: origin.as_str().to_owned(),
        log_id: *plain_log_id(origin, key.public_key()).as_bytes(),
        witness_key: public_key.clone(),
        public_key,
        readers,
    }
}

/// Returns what a ledger is served from: what it believes of certificates is in `logs`.
pub(crate) async fn serve(
    config: &Config,
    open: &OpenLedger,
    logs: Logs,
) -> Result<ServedLedger, Failure> {
    let Some(ledger) = &config.ledger else {
        return Err(Failure::configuration("chancery.yaml names no ledger"));
    };
    append_genesis(&open.log)
        .await
        .map_err(Failure::from_error)?;
    let accept = match ledger.accept {
        LedgerAccept::LoggedCertificate => Accept::LoggedCertificate,
        LedgerAccept::AnyCertificate => Accept::AnyCertificate,
        LedgerAccept::AnyKey => Accept::AnyKey,
    };
    let entries = Ledger::new(LedgerParts {
        log: Arc::clone(&open.log),
        acceptance: Acceptance::new(accept, Arc::new(Issued(logs))),
        clock: Arc::new(SystemClock),
        limits: LedgerLimits {
            per_second: ledger.per_second,
            burst: Duration::from_secs(5),
            dsse: ledger.dsse,
            ..LedgerLimits::default()
        },
    });
    Ok(ServedLedger {
        log: Arc::clone(&open.log) as Arc<dyn PublishedLog>,
        entries: Some(entries),
        read: match open.recorded.readers {
            Readers::Open => LogRead::Open,
            Readers::Restricted => LogRead::Restricted,
        },
    })
}

/// The logs of the certificates that were issued here, those that have ended included.
#[derive(Debug)]
struct Issued(Logs);

#[async_trait]
impl IssuanceRecords for Issued {
    async fn find(&self, certificate: &PresentedCertificate) -> Result<Found, ReadError> {
        let logs = self.0.all();
        let logs: Vec<_> = logs.iter().map(|served| Arc::clone(&served.log)).collect();
        find_in(&logs, certificate).await
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
fn with_guard(config: &Config, ledger: &LedgerConfig) -> Result<Config, Failure> {
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
