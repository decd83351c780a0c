//! What a log has in files, held against what the database recorded of it.

use std::sync::Arc;

use chancery_keys::{LocalKey, Passphrase, Signer};
use chancery_log::clock::Clock;
use chancery_log::{Guard, Log, LogKeys, LogParts, LogStore, PoolLimits};
use chancery_store::{Instance, RecordedLog, Store};
use chancery_tlog::Origin;
use chancery_tlog::ct::LogId;

use crate::config::{Config, parse_url};
use crate::failure::Failure;
use crate::guarding::{self, OpenedGuard};
use crate::keys;
use crate::witnessing;

/// A log's keys, and what its configuration says.
pub(crate) struct LogFiles {
    config: Config,
    origin: Origin,
    key: LocalKey,
    witness_key: LocalKey,
}

impl LogFiles {
    /// Reads what `config` names, whose log is the one to be opened.
    pub(crate) fn read(config: Config, passphrase: &Passphrase) -> Result<Self, Failure> {
        let origin = origin(&config)?;
        let paths = [&*config.log.key, &*config.log.witness_key];
        let [key, witness_key] = keys::load(paths, passphrase)?;
        Ok(Self {
            config,
            origin,
            key,
            witness_key,
        })
    }

    /// Opens the guard, and refuses whatever is not what the database recorded. Returns the guard,
    /// and what it will not notice.
    pub(crate) async fn bind(
        &self,
        recorded: &RecordedLog,
        instance: &Instance,
        store: &Store,
    ) -> Result<OpenedGuard, Failure> {
        let opened = guarding::open(&self.config, store).await?;
        let log_id = LogId::of_spki(self.key.public_key().spki_der());
        let differs = [
            ("the log's key", recorded.log_id != *log_id.as_bytes()),
            (
                "the witness key",
                recorded.witness_key != self.witness_key.public_key().spki_der(),
            ),
            ("the log's origin", recorded.origin != self.origin.as_str()),
            (
                "log.read",
                recorded.readers != self.config.log.read.readers(),
            ),
        ];
        if let Some((what, _)) = differs.into_iter().find(|(_, differs)| *differs) {
            return Err(other(what));
        }
        let guard_id = recorded.guard_of(instance);
        if opened.guard.id() != guard_id {
            return Err(guarding::another(opened.guard.id(), guard_id));
        }
        Ok(opened)
    }

    /// Opens the log, whose guard is the right one.
    pub(crate) async fn open(
        self,
        recorded: &RecordedLog,
        store: Arc<dyn LogStore>,
        guard: Arc<dyn Guard>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Log>, Failure> {
        let keys = [self.key.public_key(), self.witness_key.public_key()];
        let witnesses = self.config.log.witnesses.as_ref();
        let witnesses = witnessing::cosigners(witnesses, &self.origin, &keys)?;
        let log = Log::open(LogParts {
            name: recorded.name.clone(),
            origin: self.origin,
            store,
            guard,
            keys: LogKeys::Issuance {
                signer: Arc::new(self.key),
                witness_signer: Arc::new(self.witness_key),
            },
            witnesses,
            clock,
            begins_ms: recorded.begins_ms,
            limits: PoolLimits::default(),
        })
        .await
        .map_err(Failure::by_fault)?;
        Ok(Arc::new(log))
    }
}

/// Refuses something that is not what the database recorded.
pub(crate) fn other(what: &str) -> Failure {
    Failure::configuration(format!(
        "{what} is not the one that this database was made with; give this process the instance's \
         own files, or another database"
    ))
}

/// Takes the origin of the log in `config`, which is where the log is read, without scheme and port.
pub(crate) fn origin(config: &Config) -> Result<Origin, Failure> {
    let origin = &config.log.origin;
    let expected = expected_origin(config, &config.log.name)?;
    if *origin != expected {
        return Err(Failure::configuration(format!(
            "log.origin is {origin:?}, but with this url and log.name it is {expected:?}"
        )));
    }
    Origin::parse(origin).map_err(|e| Failure::configuration(format!("log.origin {origin:?}: {e}")))
}

/// Returns the origin of a log of that name.
pub(crate) fn expected_origin(config: &Config, name: &str) -> Result<String, Failure> {
    let url = parse_url(&config.url)?;
    let host = url.host_str().unwrap_or_default();
    Ok(format!("{host}/ct/{name}"))
}
