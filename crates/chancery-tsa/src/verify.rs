//! Verifying a timestamp with nothing but the authority's certificates.
//!
//! A [`VerifiedTimestamp`] can be made here only. What is verified, and in this order: the answer
//! grants; it stamps what it should; the certificate in it, if any, is the trusted one; the
//! attributes under the signature belong to this content and this certificate; the trusted key
//! signed them; and all certificates were valid at the time that is stamped.

mod error;
mod signed;

use std::time::{Duration, SystemTime};

use der::Decode;

use crate::asn1::{Accuracy, TimeStampResp, TstInfo};
use crate::chain::TsaChain;
use crate::imprint::Imprint;
use crate::request::{Nonce, TimestampRequest};

pub use error::VerifyError;

/// The longest answer that is read, in bytes. Honest ones have some 600 to 6,000.
pub const LONGEST_RESPONSE: usize = 64 * 1024;

/// `grantedWithMods`, which is a timestamp too (RFC 3161, section 2.4.2).
const GRANTED_WITH_MODS: u8 = 1;

/// A timestamp that holds: the trusted authority says that what was stamped existed at this time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifiedTimestamp {
    time: SystemTime,
    accuracy: Option<Duration>,
    serial: Vec<u8>,
    policy: der::asn1::ObjectIdentifier,
}

impl VerifiedTimestamp {
    /// Returns the time that is stamped.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        self.time
    }

    /// Returns how far the time may be off by the authority's own account, if it gives one.
    #[must_use]
    pub fn accuracy(&self) -> Option<Duration> {
        self.accuracy
    }

    /// Returns the timestamp's serial number: the content of its INTEGER, big-endian.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// Returns the policy under which it was made.
    #[must_use]
    pub fn policy(&self) -> der::asn1::ObjectIdentifier {
        self.policy
    }
}

/// Verifies that `response`, a DER `TimeStampResp`, is a timestamp of `data` by the authority of
/// `trusted`. Which nonce was sent is not known any more: so it is with a timestamp that was kept.
///
/// # Errors
/// [`VerifyError`] says which check failed. [`VerifyError::OtherSigner`] is worth trying with
/// another authority that is trusted.
pub fn verify(
    response: &[u8],
    data: &[u8],
    trusted: &TsaChain,
) -> Result<VerifiedTimestamp, VerifyError> {
    let token = Token::parse(response)?;
    let expected = Imprint::of(token.imprint.algorithm(), data);
    if !token.imprint.same_hash(&expected) {
        return Err(VerifyError::OtherData);
    }
    token.verify(trusted)
}

/// Verifies that `response` answers `request`: its hash, its nonce, its policy, and a certificate
/// only if one was asked for (RFC 3161, section 2.4.2).
///
/// # Errors
/// [`VerifyError`] says which check failed.
pub fn verify_answer(
    response: &[u8],
    request: &TimestampRequest,
    trusted: &TsaChain,
) -> Result<VerifiedTimestamp, VerifyError> {
    let token = Token::parse(response)?;
    if !token.imprint.same_hash(request.imprint()) {
        return Err(VerifyError::OtherData);
    }
    if token.info.nonce.as_ref() != request.nonce().map(Nonce::as_int) {
        return Err(VerifyError::OtherNonce);
    }
    if request
        .policy()
        .is_some_and(|asked| asked != token.info.policy)
    {
        return Err(VerifyError::OtherPolicy);
    }
    if token.signed.has_certificates() != request.certificates() {
        return Err(VerifyError::Certificates);
    }
    token.verify(trusted)
}

/// A timestamp that was read, and nothing more.
struct Token {
    info: TstInfo,
    imprint: Imprint,
    signed: signed::Signed,
}

impl Token {
    fn parse(response: &[u8]) -> Result<Self, VerifyError> {
        if response.len() > LONGEST_RESPONSE {
            return Err(VerifyError::TooLong {
                found: response.len(),
            });
        }
        let response = TimeStampResp::from_der(response).map_err(VerifyError::Malformed)?;
        let status = response.status.status;
        if status > GRANTED_WITH_MODS {
            return Err(VerifyError::NotGranted { status });
        }
        let token = response.time_stamp_token.ok_or(VerifyError::NoToken)?;
        let signed = signed::Signed::parse(&token)?;
        let info = TstInfo::from_der(signed.content()).map_err(VerifyError::Malformed)?;
        if info.version != 1 {
            return Err(VerifyError::Version {
                found: info.version,
            });
        }
        let critical = info.extensions.iter().flatten().find(|one| one.critical);
        if let Some(extension) = critical {
            return Err(VerifyError::CriticalExtension {
                oid: extension.extn_id,
            });
        }
        Ok(Self {
            imprint: Imprint::from_asn1(&info.message_imprint)?,
            info,
            signed,
        })
    }

    fn verify(self, trusted: &TsaChain) -> Result<VerifiedTimestamp, VerifyError> {
        self.signed.verify(trusted)?;
        let seconds = self.info.gen_time.seconds.to_unix_duration();
        let nanos = Duration::from_nanos(self.info.gen_time.nanos.into());
        let time = SystemTime::UNIX_EPOCH + seconds + nanos;
        if !trusted.valid_at(time) {
            return Err(VerifyError::NotValidThen);
        }
        Ok(VerifiedTimestamp {
            time,
            accuracy: self.info.accuracy.map(duration),
            serial: self.info.serial_number.as_bytes().to_vec(),
            policy: self.info.policy,
        })
    }
}

fn duration(accuracy: Accuracy) -> Duration {
    let millis = Duration::from_millis(accuracy.millis.unwrap_or(0).into());
    let micros = Duration::from_micros(accuracy.micros.unwrap_or(0).into());
    Duration::from_secs(accuracy.seconds.unwrap_or(0))
        .saturating_add(millis)
        .saturating_add(micros)
}

#[cfg(test)]
mod tests;
