//! The chains of a timestamp authority: what the database records of them, and what is trusted.

use std::time::{Duration, SystemTime};

use chancery_log::clock::{from_unix_ms, unix_ms};
use chancery_store::{Instance, RecordedTimestampChain, StampWith, Store};
use chancery_tsa::TsaChain;
use sha2::{Digest, Sha256};

use super::{Stamping, StampingFiles, TrustedTimestamps, also_trusted, read_chain};
use crate::config::{Config, TimestampsConfig};
use crate::connecting;
use crate::failure::{Causes, Failure};
use crate::report::said_time;

/// For so long replicas may stamp with the chain that another one has replaced: each is restarted in
/// its turn.
const TURN: Duration = Duration::from_hours(1);

/// Every chain whose timestamps count, as the configuration names them.
#[derive(Clone, Debug)]
pub(crate) struct TrustedChains {
    /// The one that stamps first.
    configured: Vec<TrustedTimestamps>,
    stamps: bool,
}

impl TrustedChains {
    /// Reads the chains that the configuration names.
    pub(crate) fn configured(config: &Config) -> Result<Self, Failure> {
        let configured = match &config.timestamps {
            None => Vec::new(),
            Some(timestamps) => {
                let current = TrustedTimestamps {
                    chain: read_chain(&timestamps.chain)?,
                    ends: None,
                };
                let others = also_trusted(timestamps)?;
                [current].into_iter().chain(others).collect()
            }
        };
        Ok(Self {
            configured,
            stamps: config.timestamps.is_some(),
        })
    }

    /// Tells whether there is an authority.
    pub(crate) fn stamps(&self) -> bool {
        self.stamps
    }

    /// Returns them with those that are recorded, each until the earlier of its ends: first the one in
    /// use, which the record decides if there is any; those that end come last.
    pub(crate) fn with(
        &self,
        recorded: &[RecordedTimestampChain],
    ) -> Result<Vec<TrustedTimestamps>, Failure> {
        let mut trusted: Vec<TrustedTimestamps> = Vec::new();
        let in_use = recorded.iter().filter(|chain| chain.is_in_use());
        let others = recorded.iter().filter(|chain| !chain.is_in_use());
        if recorded.iter().all(|chain| chain.begins_ms.is_none()) {
            trusted.extend(self.configured.first().cloned());
        }
        for chain in in_use.chain(others) {
            let chain = TrustedTimestamps {
                ends: chain.ends_ms.map(from_unix_ms),
                chain: read(chain)?,
            };
            add(&mut trusted, chain);
        }
        for chain in &self.configured {
            add(&mut trusted, chain.clone());
        }
        // Where none is in use, signers are told of one that will be, rather than of one that ended.
        trusted.sort_by_key(|chain| chain.ends.is_some());
        Ok(trusted)
    }
}

/// Adds a chain, or the end that is said of it, if that is earlier.
fn add(trusted: &mut Vec<TrustedTimestamps>, chain: TrustedTimestamps) {
    let mut known = trusted.iter_mut();
    match known.find(|known| known.chain.ders() == chain.chain.ders()) {
        Some(known) => known.ends = [known.ends, chain.ends].into_iter().flatten().min(),
        None => trusted.push(chain),
    }
}

fn read(recorded: &RecordedTimestampChain) -> Result<TsaChain, Failure> {
    let chain = TsaChain::from_der(&recorded.certificates);
    chain.map_err(|e| Failure::failed(format!("the database records {}", Causes(&e))))
}

/// Returns until when timestamps under a chain count by the record, if there is such a time.
pub(super) fn end_of(chain: &TsaChain, recorded: &[RecordedTimestampChain]) -> Option<SystemTime> {
    let certificates = chain.to_der().ok()?;
    let mut recorded = recorded.iter();
    let same = recorded.find(|recorded| recorded.certificates == certificates)?;
    same.ends_ms.map(from_unix_ms)
}

/// Refuses a chain that the instance does not stamp with, and is not to.
pub(crate) fn require_recorded(
    config: &Config,
    files: Option<&StampingFiles>,
    instance: &Instance,
) -> Result<(), Failure> {
    let (Some(timestamps), Some(files)) = (&config.timestamps, files) else {
        return Ok(());
    };
    let recorded = &instance.timestamp_chains;
    let judged = StampWith::judge(recorded, &der(&files.chain)?);
    refuse(judged, timestamps, recorded)
}

impl Stamping {
    /// Makes this chain the one that the instance stamps with, if it may be, and puts the others on
    /// record. Returns what is recorded then.
    pub(crate) async fn take_up(
        &self,
        config: &Config,
        store: &Store,
        instance: Instance,
    ) -> Result<Instance, Failure> {
        let Some(timestamps) = &config.timestamps else {
            return Ok(instance);
        };
        let now = SystemTime::now();
        let (now_ms, until_ms) = (unix_ms(now), unix_ms(now + TURN));
        let chain = der(self.authority.chain())?;
        let taken = store.stamp_with(&chain, now_ms, until_ms).await;
        let taken = taken.map_err(Failure::by_fault)?;
        refuse(taken, timestamps, &instance.timestamp_chains)?;
        for other in &self.others {
            let ends_ms = other.ends.map(unix_ms);
            put_on_record(store, &other.chain, ends_ms).await?;
        }
        match taken {
            StampWith::First => tracing::info!("the timestamp authority's chain is recorded"),
            StampWith::TookOver => tracing::warn!(
                "the instance stamps with another chain from now on; replicas that have the one \
                 before may stamp with it until {}",
                said_time(from_unix_ms(until_ms))
            ),
            _ if self.others.is_empty() => return Ok(instance),
            _ => {}
        }
        connecting::own(store).await
    }
}

/// Makes a chain the one that the instance stamps with, if no other ever was: so it is on record
/// before another takes its place.
pub(crate) async fn put_first_on_record(store: &Store, chain: &TsaChain) -> Result<(), Failure> {
    let recorded = connecting::own(store).await?.timestamp_chains;
    let chain = der(chain)?;
    if StampWith::judge(&recorded, &chain) == StampWith::First {
        let now_ms = unix_ms(SystemTime::now());
        let taken = store.stamp_with(&chain, now_ms, now_ms).await;
        taken.map_err(Failure::by_fault)?;
    }
    Ok(())
}

/// Records a chain, and that it ends, if it does.
pub(crate) async fn put_on_record(
    store: &Store,
    chain: &TsaChain,
    ends_ms: Option<u64>,
) -> Result<(), Failure> {
    let now_ms = unix_ms(SystemTime::now());
    let chain = der(chain)?;
    let recorded = store.record_timestamp_chain(&chain, ends_ms, now_ms);
    recorded.await.map_err(Failure::by_fault)
}

fn refuse(
    judged: StampWith,
    timestamps: &TimestampsConfig,
    recorded: &[RecordedTimestampChain],
) -> Result<(), Failure> {
    let path = timestamps.chain.display();
    let why = match judged {
        StampWith::InUse | StampWith::First | StampWith::TookOver => return Ok(()),
        StampWith::Unknown => {
            let in_use = recorded.iter().find(|chain| chain.is_in_use());
            let in_use = match in_use.map(read).transpose()? {
                Some(chain) => format!(
                    "stamps with another one, whose first certificate has the SHA-256 {}",
                    fingerprint(&chain)
                ),
                None => "stamped with others before".to_owned(),
            };
            format!(
                "timestamps.chain {path}: the instance {in_use}, and does not know this one: take \
                 chain and key from another replica, or make it known with `chancery timestamps \
                 record`"
            )
        }
        StampWith::Ended { ends_ms } => format!(
            "timestamps.chain {path}: its timestamps count until {} only, by what is recorded: take \
             the chain and the key that are in use, or make new ones with `chancery timestamps renew`",
            said_time(from_unix_ms(ends_ms))
        ),
    };
    Err(Failure::configuration(why))
}

fn fingerprint(chain: &TsaChain) -> String {
    let first = chain.ders().first();
    first.map_or_else(String::new, |der| hex::encode(Sha256::digest(der)))
}

fn der(chain: &TsaChain) -> Result<Vec<u8>, Failure> {
    chain.to_der().map_err(Failure::from_error)
}
