//! Whose signatures are entered: a ledger is open to writing for ever, so not everybody's.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chancery_log::ReadError;

use crate::issuance::{Found, IssuanceRecords, LogPlace};
use crate::verify::VerifiedEntry;

/// How far the clocks of an instance's processes may be apart: a certificate may begin that much
/// later than now.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);

/// Which signatures are entered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Accept {
    /// Those under a certificate that is in this instance's own log, byte for byte, while it is
    /// valid.
    #[default]
    LoggedCertificate,
    /// Those under any certificate, whoever issued it and whenever it was valid, as Rekor takes them.
    AnyCertificate,
    /// Those of any key, with certificate or without.
    AnyKey,
}

impl Accept {
    const ALL: [Self; 3] = [Self::LoggedCertificate, Self::AnyCertificate, Self::AnyKey];

    /// Returns the name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::LoggedCertificate => "logged-certificate",
            Self::AnyCertificate => "any-certificate",
            Self::AnyKey => "any-key",
        }
    }
}

impl fmt::Display for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Accept {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|accept| accept.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("{name:?} is none of {names}")
        })
    }
}

/// What decides whose signatures are entered.
#[derive(Clone, Debug)]
pub struct Acceptance {
    accept: Accept,
    records: Arc<dyn IssuanceRecords>,
}

/// An entry that the ledger takes. Only [`Acceptance::admit`] makes one, and the beginning of a
/// ledger.
#[derive(Clone, Debug)]
pub struct AcceptedEntry {
    entry: VerifiedEntry,
    issued: Option<LogPlace>,
}

/// Why a signature that verifies is not entered. The client's fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAccepted {
    /// It comes without a certificate.
    #[error("this ledger takes signatures under certificates only, and the verifier is a key")]
    NoCertificate,
    /// Nobody here has issued its certificate.
    #[error(
        "the certificate is not in this instance's log: the ledger takes only what was signed under \
         a certificate that was issued here"
    )]
    NotIssued,
    /// Its certificate is no certificate of this instance's, and says it is.
    #[error("the certificate is not the one that the log has at {0}, the place in its SCT")]
    Contradicted(LogPlace),
    /// Its certificate is not valid now.
    #[error("the certificate is not valid now; sign and send while it is")]
    NotValid,
}

/// Why it is not known to be accepted.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// It is not accepted.
    #[error(transparent)]
    NotAccepted(#[from] NotAccepted),
    /// The log of issued certificates cannot be read.
    #[error("the log of issued certificates could not be read")]
    Read(#[from] ReadError),
}

impl Acceptance {
    /// Takes what is accepted, and the logs of certificates that were issued here.
    pub fn new(accept: Accept, records: Arc<dyn IssuanceRecords>) -> Self {
        Self { accept, records }
    }

    /// Decides whether a signature is entered, at a time.
    ///
    /// Whatever is accepted, a certificate whose SCT names a place in this instance's log must be the
    /// one that is there: the place is what the entry is tied to its certificate by.
    ///
    /// # Errors
    ///
    /// [`NotAccepted`] says why not; or the log could not be asked.
    pub async fn admit(
        &self,
        entry: VerifiedEntry,
        now: SystemTime,
    ) -> Result<AcceptedEntry, AdmitError> {
        let issued = match entry.certificate() {
            None if self.accept == Accept::AnyKey => None,
            None => return Err(NotAccepted::NoCertificate.into()),
            Some(certificate) => {
                let found = self.records.find(certificate).await?;
                if let Found::Contradicted(place) = found {
                    return Err(NotAccepted::Contradicted(place).into());
                }
                if self.accept == Accept::LoggedCertificate {
                    if found == Found::Absent {
                        return Err(NotAccepted::NotIssued.into());
                    }
                    let valid = certificate.is_valid_at(now)
                        || certificate.is_valid_at(now + CLOCK_TOLERANCE);
                    if !valid {
                        return Err(NotAccepted::NotValid.into());
                    }
                }
                match found {
                    Found::At(place) => Some(place),
                    _ => None,
                }
            }
        };
        Ok(AcceptedEntry { entry, issued })
    }
}

impl AcceptedEntry {
    /// Takes the entry that a ledger begins with.
    pub(crate) fn genesis(entry: VerifiedEntry) -> Self {
        Self {
            entry,
            issued: None,
        }
    }

    /// Returns the verified entry.
    pub fn entry(&self) -> &VerifiedEntry {
        &self.entry
    }

    /// Returns where its certificate stands in the log of issued ones.
    pub fn issued(&self) -> Option<LogPlace> {
        self.issued
    }
}
