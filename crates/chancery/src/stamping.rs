//! The timestamp authority of an instance: what `timestamps` in chancery.yaml names, opened.

mod chains;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chancery_keys::{LocalKey, Passphrase};
use chancery_log::clock::{Clock, from_unix_ms};
use chancery_store::RecordedTimestampChain;
use chancery_tsa::ntp::{NtpConfig, NtpTime};
use chancery_tsa::{
    SIGSTORE_POLICY, TimeCheck, TimestampAuthority, TimestampAuthorityParts, TsaChain,
};
use der::asn1::ObjectIdentifier;
use tokio_util::sync::CancellationToken;

pub(crate) use self::chains::{
    TrustedChains, put_first_on_record, put_on_record, require_recorded,
};
use crate::config::{Config, NtpServersConfig, TimestampsConfig, parse_time, read_text};
use crate::failure::{Causes, Failure};
use crate::keys;
use crate::reading::named;
use crate::report::said_time;

/// How long before its end a chain is warned of: there is time to bring a key from its safe.
const SOON: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What is good of an NTP server's answer lasts this many intervals.
const GOOD_INTERVALS: u32 = 10;

/// How often somebody who stamps is told that this ends soon.
const TELL_AGAIN: Duration = Duration::from_hours(24);

/// What a timestamp authority has in files, read and found to fit together.
#[derive(Debug)]
pub(crate) struct StampingFiles {
    chain: TsaChain,
    others: Vec<TrustedTimestamps>,
    key: LocalKey,
    policy: ObjectIdentifier,
    ntp: Option<Arc<NtpTime>>,
}

/// A chain of a timestamp authority, whose timestamps count.
#[derive(Clone, Debug)]
pub(crate) struct TrustedTimestamps {
    /// Its certificates, the one that signs first: clients ask for no certificate in a timestamp, so
    /// they must know it.
    pub(crate) chain: TsaChain,
    /// Until when its timestamps count, if it stamps no more.
    pub(crate) ends: Option<SystemTime>,
}

/// A timestamp authority that is open.
#[derive(Clone, Debug)]
pub(crate) struct Stamping {
    pub(crate) authority: Arc<TimestampAuthority>,
    ntp: Option<Arc<NtpTime>>,
    others: Vec<TrustedTimestamps>,
    /// When it was told last that the chain ends.
    told: Option<SystemTime>,
}

impl StampingFiles {
    /// Reads them, if there is to be an authority.
    pub(crate) fn read(config: &Config, passphrase: &Passphrase) -> Result<Option<Self>, Failure> {
        let Some(timestamps) = &config.timestamps else {
            return Ok(None);
        };
        let chain = chain_now(timestamps)?;
        let others = also_trusted(timestamps)?;
        if others
            .iter()
            .any(|other| other.chain.ders() == chain.ders())
        {
            return Err(Failure::configuration(
                "timestamps.also-trusted names the chain that stamps; take it off there",
            ));
        }
        let policy = policy(timestamps)?;
        let ntp = timestamps.ntp.as_ref().map(ntp).transpose()?;
        let [key] = keys::load([&*timestamps.key], passphrase)?;
        Ok(Some(Self {
            chain,
            others,
            key,
            policy,
            ntp,
        }))
    }

    /// Opens the authority, which stamps no time before `floor`.
    pub(crate) fn open(
        self,
        clock: Arc<dyn Clock>,
        floor: SystemTime,
    ) -> Result<Stamping, Failure> {
        let authority = TimestampAuthority::new(TimestampAuthorityParts {
            chain: self.chain,
            signer: Arc::new(self.key),
            clock,
            check: self.ntp.clone().map(|ntp| ntp as Arc<dyn TimeCheck>),
            floor,
            policy: self.policy,
        });
        let authority =
            authority.map_err(|e| Failure::configuration(format!("timestamps: {}", Causes(&e))))?;
        Ok(Stamping {
            authority: Arc::new(authority),
            ntp: self.ntp,
            others: self.others,
            told: None,
        })
    }
}

impl Stamping {
    /// Asks the NTP servers, if there are any, until `stop`.
    pub(crate) fn watch_clock(&self, stop: &CancellationToken) {
        if let Some(ntp) = &self.ntp {
            tokio::spawn(Arc::clone(ntp).run(stop.clone()));
        }
    }

    /// Takes over what is recorded of the chain that stamps, and tells once a day that it ends.
    pub(crate) fn look(&mut self, recorded: &[RecordedTimestampChain]) {
        let now = SystemTime::now();
        let ended = chains::end_of(self.authority.chain(), recorded);
        if let Some(ends) = ended {
            self.authority.end(ends);
        }
        let is_new = |told| {
            now.duration_since(told)
                .is_ok_and(|since| since >= TELL_AGAIN)
        };
        if !self.told.is_none_or(is_new) {
            return;
        }
        let warning = match ended {
            Some(ends) => Some(format!(
                "another chain has taken the place of this process's: nothing is stamped after {}; \
                 give it the chain and the key that the other replicas have",
                said_time(ends)
            )),
            None => self.warning(),
        };
        if let Some(warning) = warning {
            self.told = Some(now);
            tracing::warn!("{warning}");
        }
    }

    /// Says that the chain ends soon, if it does.
    pub(crate) fn warning(&self) -> Option<String> {
        let ends = self.authority.chain().not_after();
        (ends < SystemTime::now() + SOON).then(|| {
            format!(
                "the timestamp authority's certificates end at {}, and nothing is stamped from then \
                 on; `chancery timestamps renew` makes new ones",
                said_time(ends)
            )
        })
    }
}

/// Reads all that `timestamps` names, and returns what should be looked at.
pub(crate) fn check(config: &Config, passphrase: &Passphrase) -> Result<Option<String>, Failure> {
    let Some(files) = StampingFiles::read(config, passphrase)? else {
        return Ok(None);
    };
    let clock = Arc::new(chancery_log::clock::SystemClock);
    let stamping = files.open(clock, SystemTime::UNIX_EPOCH)?;
    Ok(stamping.warning())
}

/// Reads the chain that stamps, which must be valid.
fn chain_now(timestamps: &TimestampsConfig) -> Result<TsaChain, Failure> {
    let chain = read_chain(&timestamps.chain)?;
    if !chain.valid_at(SystemTime::now()) {
        return Err(Failure::configuration(format!(
            "timestamps.chain {}: its certificates are valid from {} to {}, and not now; \
             `chancery timestamps renew` makes new ones",
            timestamps.chain.display(),
            said_time(chain.not_before()),
            said_time(chain.not_after()),
        )));
    }
    Ok(chain)
}

/// Reads the certificates of a timestamp authority.
pub(crate) fn read_chain(path: &Path) -> Result<TsaChain, Failure> {
    let text = read_text(path).map_err(|e| named(path, &e))?;
    TsaChain::parse_pem(&text).map_err(|e| named(path, &e))
}

fn also_trusted(timestamps: &TimestampsConfig) -> Result<Vec<TrustedTimestamps>, Failure> {
    let read = timestamps.also_trusted.iter().map(|other| {
        let until = other.until.as_deref();
        let chain = read_chain(&other.chain)?;
        let ends = until.map(|until| {
            let parsed = parse_time(until).map(from_unix_ms);
            let parsed = parsed.filter(|until| *until > chain.not_before());
            parsed.ok_or_else(|| {
                Failure::configuration(format!(
                    "timestamps.also-trusted: until {until:?} is no time such as \
                     2027-01-31T00:00:00Z, after {}, when {} begins",
                    said_time(chain.not_before()),
                    other.chain.display()
                ))
            })
        });
        Ok(TrustedTimestamps {
            ends: ends.transpose()?,
            chain,
        })
    });
    read.collect()
}

fn policy(timestamps: &TimestampsConfig) -> Result<ObjectIdentifier, Failure> {
    let Some(policy) = &timestamps.policy else {
        return Ok(SIGSTORE_POLICY);
    };
    ObjectIdentifier::new(policy).map_err(|e| {
        Failure::configuration(format!(
            "timestamps.policy {policy:?} is no object identifier: {e}"
        ))
    })
}

fn ntp(config: &NtpServersConfig) -> Result<Arc<NtpTime>, Failure> {
    if config.interval_s == 0 || config.limit_ms == 0 {
        return Err(Failure::configuration(
            "timestamps.ntp: interval-s and limit-ms are at least 1",
        ));
    }
    let interval = Duration::from_secs(config.interval_s.into());
    let parsed = NtpTime::new(NtpConfig {
        quorum: config.quorum.unwrap_or(config.servers.len() / 2 + 1),
        servers: config.servers.clone(),
        limit: Duration::from_millis(config.limit_ms),
        interval,
        max_age: GOOD_INTERVALS * interval,
    });
    parsed.map_err(|e| Failure::configuration(format!("timestamps.ntp: {e}")))
}
