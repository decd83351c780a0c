//! When it was signed, as authorities say that are trusted to tell the time.

use std::collections::BTreeSet;
use std::time::SystemTime;

use chancery_tsa::{TsaChain, VerifiedTimestamp, VerifyError as TimestampError};

use super::error::{Check, VerifyError};
use super::rekor_v1;
use super::signature::Content;
use crate::rfc3339::rfc3339;
use crate::trust::TrustMaterial;

/// A time at which the signature existed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedTime {
    time: SystemTime,
    source: TimeSource,
    authority: String,
}

/// Who says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TimeSource {
    /// A timestamp authority, by RFC 3161.
    Timestamp,
    /// A ledger of Rekor v1, by its promise.
    LedgerPromise,
}

impl SignedTime {
    #[cfg(test)]
    pub(super) fn stamped(time: SystemTime) -> Self {
        Self {
            time,
            source: TimeSource::Timestamp,
            authority: "test".to_owned(),
        }
    }

    /// Returns the time.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        self.time
    }

    /// Returns how it is known.
    #[must_use]
    pub fn source(&self) -> TimeSource {
        self.source
    }

    /// Returns the authority's URL, or what else names it.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

/// Verifies all timestamps, and all promises of Rekor v1. Those that do not hold do not count.
pub(super) fn verify(
    trust: &TrustMaterial,
    content: &Content<'_>,
    threshold: usize,
) -> Result<Vec<SignedTime>, VerifyError> {
    let mut times: Vec<SignedTime> = Vec::new();
    let mut cause = None;
    let stamped = content.bundle.timestamps();
    let stamped = stamped.map(|timestamp| {
        by_timestamp(trust, |chain| {
            chancery_tsa::verify(timestamp, content.signature, chain)
        })
    });
    let promised = content
        .bundle
        .entries()
        .iter()
        .filter(|entry| rekor_v1::is_one(entry));
    let promised = promised.filter_map(|entry| rekor_v1::promised_time(trust, entry));
    let promised = promised.map(|promised| {
        let (time, authority) = promised?;
        Ok(SignedTime {
            time,
            source: TimeSource::LedgerPromise,
            authority,
        })
    });
    for time in stamped.chain(promised) {
        match time {
            Ok(time) if times.contains(&time) => {}
            Ok(time) => times.push(time),
            Err(error) => cause = cause.or(Some(error)),
        }
    }
    let authorities: BTreeSet<&str> = times.iter().map(|time| &*time.authority).collect();
    if authorities.len() >= threshold {
        return Ok(times);
    }
    Err(cause.unwrap_or_else(|| {
        Check::Time.failed(format_args!(
            "{} trusted authorities say when it was signed, {threshold} must",
            authorities.len()
        ))
    }))
}

/// Finds the trusted authority that made a timestamp, and counts at its time. Which data or request
/// it must be of is for `verify` to say, with the authority's chain.
pub(crate) fn by_timestamp(
    trust: &TrustMaterial,
    verify: impl Fn(&TsaChain) -> Result<VerifiedTimestamp, TimestampError>,
) -> Result<SignedTime, VerifyError> {
    let mut cause = None;
    for authority in &trust.timestamp_authorities {
        match verify(&authority.chain) {
            Ok(verified) if authority.counts_at(verified.time()) => {
                return Ok(SignedTime {
                    time: verified.time(),
                    source: TimeSource::Timestamp,
                    authority: authority.name.clone(),
                });
            }
            Ok(verified) => {
                cause = Some(Check::Time.failed(format_args!(
                    "the timestamp authority {} does not count at {}",
                    authority.name,
                    rfc3339(verified.time())
                )));
            }
            // What another authority says of it is more telling.
            Err(TimestampError::OtherSigner) => {
                cause.get_or_insert_with(|| Check::Time.failed(TimestampError::OtherSigner));
            }
            Err(error) => cause = Some(Check::Time.failed(error)),
        }
    }
    Err(cause.unwrap_or_else(|| Check::Time.failed("no timestamp authority is trusted")))
}
