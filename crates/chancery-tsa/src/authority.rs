//! The timestamp authority: answers requests with signed timestamps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chancery_keys::{Algorithm, SignError, Signer};
use chancery_log::clock::Clock;
use const_oid::ObjectIdentifier;
use der::asn1::{Int, Uint};

use crate::chain::TsaChain;
use crate::failure::FailureInfo;
use crate::request::TimestampRequest;
use crate::time_source::{TimeCheck, TimeError, TimeSource};
use crate::token::{CmsAlgorithm, Template};

/// The policy under which Sigstore's authorities stamp.
pub const SIGSTORE_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.2");

/// Octets of a timestamp's serial number: 160 bits as RFC 3161, section 2.4.2, wants clients to be
/// ready for, of which the top one is clear.
const SERIAL_OCTETS: usize = 20;

/// What a [`TimestampAuthority`] is made of.
#[derive(Clone, Debug)]
pub struct TimestampAuthorityParts {
    /// Its certificates.
    pub chain: TsaChain,
    /// The key of the chain's first certificate.
    pub signer: Arc<dyn Signer>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Whom the time is compared with, if with anybody.
    pub check: Option<Arc<dyn TimeCheck>>,
    /// A time that has certainly passed, such as that of the log's newest head: nothing is stamped
    /// with an earlier one. The Unix epoch if there is none.
    pub floor: SystemTime,
    /// The one policy under which it stamps; [`SIGSTORE_POLICY`] unless the operator says otherwise.
    pub policy: ObjectIdentifier,
}

/// Answers requests for timestamps.
#[derive(Debug)]
pub struct TimestampAuthority {
    chain: TsaChain,
    signer: Arc<dyn Signer>,
    time: TimeSource,
    policy: ObjectIdentifier,
    template: Template,
    /// The last second that may be stamped, in seconds since the Unix epoch.
    until: AtomicU64,
}

/// A signed timestamp.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Timestamp {
    response: Vec<u8>,
    time: SystemTime,
}

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub enum TimestampAuthorityError {
    /// The key is not the one of the certificate.
    #[error(
        "the timestamp key is not the key of the timestamp certificate; give the key and the \
         chain that were made together"
    )]
    OtherKey,
    /// The key is of a kind that official clients do not all verify.
    #[error("a {0} key cannot sign timestamps here; use P-256 or P-384")]
    KeyType(Algorithm),
    /// A defect of the encoder.
    #[error("the timestamp's template could not be encoded")]
    Encode(#[from] der::Error),
}

/// Why a request was not stamped.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StampError {
    /// The client asks for a policy that is not this authority's.
    #[error("timestamps are made under the policy {ours} only, not {asked}; ask for none")]
    Policy {
        /// What the request names.
        asked: ObjectIdentifier,
        /// What there is.
        ours: ObjectIdentifier,
    },
    /// There is no time to stamp.
    #[error(transparent)]
    Time(#[from] TimeError),
    /// A certificate of the chain is not valid now.
    #[error("the timestamp authority's certificates are not valid now; renew them")]
    NotValid,
    /// Another chain has taken the place of this one.
    #[error(
        "the timestamp authority's certificates were replaced, and timestamps of theirs do not \
         count any more; ask another replica"
    )]
    Replaced,
    /// The key made no signature.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A defect of the encoder.
    #[error("the timestamp could not be encoded: {0}")]
    Encode(#[from] der::Error),
}

impl StampError {
    /// Returns the reason as RFC 3161 words it.
    #[must_use]
    pub fn failure(&self) -> FailureInfo {
        match self {
            Self::Policy { .. } => FailureInfo::UnacceptedPolicy,
            Self::Time(_) => FailureInfo::TimeNotAvailable,
            Self::NotValid | Self::Replaced | Self::Sign(_) | Self::Encode(_) => {
                FailureInfo::SystemFailure
            }
        }
    }
}

impl TimestampAuthority {
    /// Puts an authority together.
    ///
    /// # Errors
    /// The signer's key is not the chain's, or is neither P-256 nor P-384.
    pub fn new(parts: TimestampAuthorityParts) -> Result<Self, TimestampAuthorityError> {
        let key = parts.signer.public_key();
        if key.spki_der() != parts.chain.key().spki_der() {
            return Err(TimestampAuthorityError::OtherKey);
        }
        let algorithm = CmsAlgorithm::of(key.algorithm())
            .ok_or_else(|| TimestampAuthorityError::KeyType(key.algorithm()))?;
        Ok(Self {
            template: Template::new(&parts.chain, algorithm, parts.policy)?,
            time: TimeSource::new(parts.clock, parts.check, parts.floor),
            chain: parts.chain,
            signer: parts.signer,
            policy: parts.policy,
            until: AtomicU64::new(u64::MAX),
        })
    }

    /// Stamps nothing later than `last` from now on: verifiers are told that this chain's timestamps
    /// count until then. An end that was set before holds if it is earlier.
    pub fn end(&self, last: SystemTime) {
        self.until.fetch_min(seconds(last), Ordering::Relaxed);
    }

    /// Returns the certificates under which timestamps are verified.
    #[must_use]
    pub fn chain(&self) -> &TsaChain {
        &self.chain
    }

    /// Returns by how many seconds the clock is ahead of those it is held against, negative if it
    /// is behind; `None` if there are none or they could not be asked.
    #[must_use]
    pub fn clock_ahead(&self) -> Option<f64> {
        self.time.ahead()
    }

    /// Stamps what is asked for with the current second, rounded down: so a timestamp is never
    /// later than what it is of.
    ///
    /// # Errors
    /// [`StampError`]; nothing was signed then, or what was signed is not given out.
    pub async fn stamp(&self, request: &TimestampRequest) -> Result<Timestamp, StampError> {
        self.stamp_as(request, serial()?).await
    }

    async fn stamp_as(
        &self,
        request: &TimestampRequest,
        serial: Int,
    ) -> Result<Timestamp, StampError> {
        match request.policy() {
            Some(asked) if asked != self.policy => {
                let ours = self.policy;
                return Err(StampError::Policy { asked, ours });
            }
            _ => {}
        }
        let time = whole_seconds(self.time.now()?);
        if !self.chain.valid_at(time) {
            return Err(StampError::NotValid);
        }
        if self.until.load(Ordering::Relaxed) < seconds(time) {
            return Err(StampError::Replaced);
        }
        let unsigned = self.template.unsigned(request, time, serial)?;
        let signature = self.signer.sign(unsigned.signed_part()).await?;
        let response = self.template.sign(unsigned, &signature)?;
        Ok(Timestamp { response, time })
    }
}

impl Timestamp {
    /// Returns the DER `TimeStampResp`.
    #[must_use]
    pub fn response(&self) -> &[u8] {
        &self.response
    }

    /// Returns the DER `TimeStampResp`.
    #[must_use]
    pub fn into_response(self) -> Vec<u8> {
        self.response
    }

    /// Returns the second that is stamped.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        self.time
    }
}

/// Returns a positive serial number of 159 random bits: no two are the same, with no need to
/// remember any, also between processes.
fn serial() -> der::Result<Int> {
    let mut octets: [u8; SERIAL_OCTETS] = rand::random();
    octets[0] = octets[0] & 0x7f | 0x40;
    Uint::new(&octets).map(Int::from)
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds(time))
}

/// Returns the whole seconds since the Unix epoch.
fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests;
