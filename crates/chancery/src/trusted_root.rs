//! Reading a Sigstore trust root (`trusted_root.json`) as far as a log's proofs need it.

use std::path::Path;
use std::time::SystemTime;

use chancery_keys::PublicKey;
use chancery_tlog::ct::LogId;
use chancery_trust::documents::{self, TransparencyLog, Window};

use crate::failure::{Causes, Failure};
use crate::reading;

/// The longest trust root that is read, in bytes.
const MAX_ROOT: u64 = 16 << 20;

/// What is trusted of certificates and their logs.
#[derive(Debug)]
pub(crate) struct TrustedRoot {
    /// The CT logs.
    pub(crate) logs: Vec<TrustedLog>,
    /// The DER of every CA certificate.
    pub(crate) authorities: Vec<Vec<u8>>,
}

/// A CT log that is trusted.
#[derive(Debug)]
pub(crate) struct TrustedLog {
    pub(crate) base_url: String,
    pub(crate) key: PublicKey,
    pub(crate) id: LogId,
    /// When its entries count.
    window: Window,
}

impl TrustedRoot {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = reading::read_bounded(path, MAX_ROOT).map_err(|e| reading::named(path, &e))?;
        Self::parse(&bytes)
            .map_err(|wrong| Failure::configuration(format!("{}: {wrong}", path.display())))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let document = documents::TrustedRoot::parse(bytes).map_err(|e| e.to_string())?;
        let chains = document.certificate_authorities.iter();
        Ok(Self {
            authorities: chains
                .flat_map(|chain| chain.certificates().map(<[u8]>::to_vec))
                .collect(),
            logs: document
                .ctlogs
                .iter()
                .map(TrustedLog::of)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl TrustedLog {
    /// Tells whether the trust root's window for this log holds a time.
    pub(crate) fn is_trusted_at(&self, time: SystemTime) -> bool {
        self.window.holds(time)
    }

    fn of(log: &TransparencyLog) -> Result<Self, String> {
        let key = log.key();
        let key = key.map_err(|e| format!("the CT log {}: {}", log.base_url, Causes(&e)))?;
        Ok(Self {
            id: LogId::of_spki(key.spki_der()),
            key,
            window: log.window(),
            base_url: log.base_url.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot";

    const ROOT: &str = include_str!("../../chancery-trust/tests/vectors/trusted_root.json");

    #[test]
    fn logs_and_authorities_are_read_with_their_windows() {
        let root = TrustedRoot::parse(ROOT.as_bytes()).unwrap();
        let [log] = &root.logs[..] else { panic!() };
        assert_eq!(log.base_url, "https://ctlog.chancery.test/2026h2");
        assert_eq!(root.authorities.len(), 2);
        let october = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_812_800);
        assert!(log.is_trusted_at(october));
        assert!(!log.is_trusted_at(october - Duration::from_secs(1)));
    }

    #[test]
    fn what_is_no_trust_root_is_refused() {
        for wrong in [
            "",
            "[]",
            "{}",
            r#"{"mediaType": "text/plain"}"#,
            r#"{"mediaType": TYPE, "ctlogs": [{"publicKey": {"rawBytes": "!"}}]}"#,
            r#"{"mediaType": TYPE, "ctlogs": [{"publicKey": {"rawBytes": "AA=="}}]}"#,
            r#"{"mediaType": TYPE, "ctlogs": [{}]}"#,
        ] {
            let wrong = wrong.replace("TYPE", &format!("{MEDIA_TYPE:?}"));
            assert!(TrustedRoot::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let least = format!(r#"{{"mediaType": {MEDIA_TYPE:?}}}"#);
        TrustedRoot::parse(least.as_bytes()).unwrap();
    }
}
