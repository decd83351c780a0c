//! What a recorded log is to those who read it whole, whatever its kind: its key, how it lays out its
//! entries, and what those mean.

use std::sync::Arc;

use chancery_keys::PublicKey;
use chancery_ledger::{IssuanceLog, LedgerContents};
use chancery_log::clock::unix_ms;
use chancery_log::published_files::LogKey;
use chancery_log::verify::Contents;
use chancery_log::{Form, LogReader};
use chancery_store::{Instance, LogKind, RecordedLog};
use chancery_tlog::Origin;
use url::Url;

use crate::config::{Config, parse_url};
use crate::failure::Failure;
use crate::opening::configuration;
use crate::submitting;

/// What the entries of a log mean.
#[derive(Clone, Debug)]
pub(crate) enum Meaning {
    /// Issued certificates, and those that were submitted.
    Issuance(Arc<chancery_ca::LoggedPrecertificates>),
    /// Signatures over artifacts.
    Ledger(LedgerContents),
}

impl Meaning {
    /// Returns what the entries of a log mean. `issuance` are the logs of certificates that the
    /// entries of a ledger are tied to; receipts of an external log can be judged by `external_keys`,
    /// and where `config` names that log.
    pub(crate) fn of(
        log: &RecordedLog,
        instance: &Instance,
        config: Option<&Config>,
        external_keys: &[PublicKey],
        issuance: Vec<IssuanceLog>,
    ) -> Result<Self, Failure> {
        Ok(match log.kind {
            LogKind::Issuance => {
                let key = PublicKey::from_spki_der(&log.public_key).map_err(configuration)?;
                let mut contents = submitting::contents(key, &instance.chain, config)?;
                for key in external_keys {
                    contents = contents.with_external_log(key.clone());
                }
                Self::Issuance(Arc::new(contents))
            }
            LogKind::Ledger => {
                let now_ms = unix_ms(std::time::SystemTime::now());
                let contents = LedgerContents::new(issuance);
                Self::Ledger(contents.with_genesis(&log.origin, log.created_ms, now_ms))
            }
        })
    }

    /// Returns what a verification asks.
    pub(crate) fn contents(&self) -> Arc<dyn Contents> {
        match self {
            Self::Issuance(contents) => Arc::clone(contents) as Arc<dyn Contents>,
            Self::Ledger(contents) => Arc::new(contents.clone()),
        }
    }
}

/// Returns how a log lays out its entries.
pub(crate) fn form(log: &RecordedLog) -> Form {
    match log.kind {
        LogKind::Issuance => Form::StaticCt,
        LogKind::Ledger => Form::TlogTiles,
    }
}

/// Returns the key that signs a log's checkpoints.
pub(crate) fn log_key(log: &RecordedLog) -> Result<LogKey, Failure> {
    let key = PublicKey::from_spki_der(&log.public_key).map_err(configuration)?;
    let origin = Origin::parse(&log.origin).map_err(configuration)?;
    Ok(match log.kind {
        LogKind::Issuance => LogKey::Rfc6962 {
            key,
            origin: Some(origin),
        },
        LogKind::Ledger => LogKey::Ed25519 { key, origin },
    })
}

/// Returns where the instance publishes a log: a ledger at the root of its host.
pub(crate) fn published_at(config: &Config, log: &RecordedLog) -> Result<Url, Failure> {
    match log.kind {
        LogKind::Issuance => {
            let url = format!("{}/ct/{}/", config.url, log.name);
            Url::parse(&url).map_err(Failure::from_error)
        }
        LogKind::Ledger => {
            let mut url = parse_url(&config.url)?;
            let host = url.set_host(Some(&log.origin));
            host.map_err(Failure::from_error)?;
            Ok(url)
        }
    }
}

/// Returns the logs of certificates that ledgers are tied to, each read by what `read` returns.
pub(crate) fn issuance_logs(
    instance: &Instance,
    read: impl Fn(&RecordedLog) -> Result<Arc<dyn LogReader>, Failure>,
) -> Result<Vec<IssuanceLog>, Failure> {
    let logs = instance.logs.iter();
    let logs = logs.filter(|log| log.kind == LogKind::Issuance);
    logs.map(|log| {
        Ok(IssuanceLog {
            log_id: log.log_id,
            reader: read(log)?,
        })
    })
    .collect()
}
