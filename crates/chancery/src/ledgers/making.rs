//! Making a ledger, once: its key, its guard, its record, and its first entry.
//!
//! The order of steps lets an attempt that broke off be repeated: the key comes first, and is found
//! again; then the guard, which is found again where its place or its id says which it is; from the
//! record on, the database knows both.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use chancery_keys::{Algorithm, KeyType, LocalKey, Passphrase, Signer as _};
use chancery_ledger::append_genesis;
use chancery_log::Guard;
use chancery_log::clock::{SystemClock, unix_ms};
use chancery_log::plain_log_id;
use chancery_store::{Instance, NewLedger, NewLog, Readers, Store};
use chancery_tlog::{Origin, TreeHead};

use super::{open_one, origin};
use crate::config::{Config, GuardPlace, LedgerConfig};
use crate::connecting::own;
use crate::copies::said;
use crate::failure::Failure;
use crate::guarding::{self, NotOpened};
use crate::keys;

/// Makes key, guard and record of the ledger that `config` names, and its first entry. Returns the id
/// of the guard.
pub(crate) async fn found(
    config: &Config,
    passphrase: &Passphrase,
    store: &Store,
) -> Result<String, Failure> {
    let guard_id = record(config, passphrase, store).await?;
    begin_recorded(config, &guard_id, passphrase, store).await?;
    Ok(guard_id)
}

/// Makes key, guard and record of the ledger that `config` names. Nothing that exists is overwritten;
/// what an attempt that broke off has made is gone on with. Returns the id of the guard, which the
/// configuration need not say yet.
pub(crate) async fn record(
    config: &Config,
    passphrase: &Passphrase,
    store: &Store,
) -> Result<String, Failure> {
    let ledger = named(config)?;
    let origin = origin(ledger)?;
    let instance = own(store).await?;
    let mut ledgers = instance.ledgers.iter();
    if let Some(recorded) = ledgers.find(|log| log.origin == ledger.origin) {
        return Ok(recorded.guard_of(&instance).to_owned());
    }
    let config = super::with_guard(config, ledger)?;
    let key = key(&ledger.key, passphrase, &instance)?;
    let guard = guard(&config, store, &instance).await?;
    let new = NewLedger {
        log: new_log(&origin, &key, config.log.read.readers()),
        guard_id: guard.id().to_owned(),
        now_ms: unix_ms(SystemTime::now()),
    };
    store.add_ledger(new).await.map_err(Failure::from_error)?;
    Ok(guard.id().to_owned())
}

/// Appends the first entry of the ledger that `config` names, whose guard [`record`] returned.
pub(crate) async fn begin_recorded(
    config: &Config,
    guard_id: &str,
    passphrase: &Passphrase,
    store: &Store,
) -> Result<(), Failure> {
    let mut ledger = named(config)?.clone();
    ledger.guard.id.get_or_insert_with(|| guard_id.to_owned());
    let instance = own(store).await?;
    let clock = Arc::new(SystemClock);
    let opened = open_one(config, &ledger, passphrase, store, &instance, clock).await?;
    let begun = append_genesis(&opened.log).await;
    opened.log.close().await;
    begun.map_err(Failure::from_error)
}

fn named(config: &Config) -> Result<&LedgerConfig, Failure> {
    let ledger = config.ledger.as_ref();
    ledger.ok_or_else(|| Failure::configuration("chancery.yaml names no ledger"))
}

/// Makes the key, or takes up one that was left there. A key that signs for another log is refused.
fn key(path: &Path, passphrase: &Passphrase, instance: &Instance) -> Result<LocalKey, Failure> {
    if !path.try_exists().unwrap_or(false) {
        let [key] = keys::make([(path.to_owned(), KeyType::Ed25519, passphrase)])?;
        return Ok(key);
    }
    let [key] = keys::load([path], passphrase)?;
    let refused =
        |why| Failure::configuration(format!("ledger.key: the key in {} {why}", path.display()));
    if key.public_key().algorithm() != Algorithm::Ed25519 {
        return Err(refused("is no Ed25519 key; name a file that is to be made"));
    }
    let spki = key.public_key().spki_der();
    let mut logs = instance.every_log();
    match logs.any(|log| log.public_key == spki || log.witness_key == spki) {
        true => Err(refused(
            "is another log's already; name a file that is to be made",
        )),
        false => Ok(key),
    }
}

/// Makes the guard, or takes up one that was left there, which must have seen nothing yet.
async fn guard(
    config: &Config,
    store: &Store,
    instance: &Instance,
) -> Result<Arc<dyn Guard>, Failure> {
    let place = &config.guard.place;
    if config.guard.id.is_none() && !matches!(place, GuardPlace::File(_)) {
        // Which one was left there, nobody can say.
        return Ok(guarding::create(place, store).await?.guard);
    }
    let guard = match guarding::open(config, store).await {
        Ok(opened) => opened.guard,
        Err(NotOpened::Lost(failure)) => match &config.guard.id {
            None => return Ok(guarding::create(place, store).await?.guard),
            Some(_) => {
                return Err(failure.after(
                    "ledger.guard.id names no guard; leave the id out, and this command makes a \
                     guard and says its id: ",
                ));
            }
        },
        Err(NotOpened::Refused(failure)) => return Err(failure.after("ledger.guard: ")),
    };
    let mut logs = instance.every_log();
    if logs.any(|log| log.guard_of(instance) == guard.id()) {
        return Err(Failure::configuration(format!(
            "ledger.guard: the guard there, {}, is another log's; name a place of its own",
            guard.id()
        )));
    }
    let stands = guard.read().await.map_err(Failure::by_fault)?;
    if stands != TreeHead::EMPTY {
        return Err(Failure::configuration(format!(
            "ledger.guard: the guard there, {}, stands at {}, and a ledger begins empty; name a \
             place where there is none",
            guard.id(),
            said(&stands)
        )));
    }
    Ok(guard)
}

fn new_log(origin: &Origin, key: &LocalKey, readers: Readers) -> NewLog {
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
