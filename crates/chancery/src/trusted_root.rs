//! Reading a Sigstore trust root (`trusted_root.json`) as far as a log's proofs need it.

use std::path::Path;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::PublicKey;
use chancery_tlog::ct::LogId;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::failure::{Causes, Failure};
use crate::opening;

/// What a trust root's media type begins with, whatever its version.
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot";

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
    /// From when on its entries count.
    start: Option<SystemTime>,
    /// Until when they do.
    end: Option<SystemTime>,
}

impl TrustedLog {
    /// Tells whether the trust root's window for this log holds a time.
    pub(crate) fn is_trusted_at(&self, time: SystemTime) -> bool {
        self.start.is_none_or(|start| start <= time) && self.end.is_none_or(|end| time <= end)
    }
}

impl TrustedRoot {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = opening::read_bounded(path, MAX_ROOT).map_err(|e| opening::named(path, &e))?;
        Self::parse(&bytes)
            .map_err(|wrong| Failure::configuration(format!("{}: {wrong}", path.display())))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(bytes)
            .map_err(|e| format!("it is no trusted_root.json: {e}"))?;
        if !document.media_type.starts_with(MEDIA_TYPE) {
            let found = &document.media_type;
            return Err(format!("its mediaType is {found:?}, and not {MEDIA_TYPE}…"));
        }
        let chains = document.certificate_authorities.into_iter();
        let certificates = chains.flat_map(|authority| authority.cert_chain.certificates);
        Ok(Self {
            authorities: certificates
                .map(|certificate| decode("a certificate", &certificate.raw_bytes))
                .collect::<Result<_, _>>()?,
            logs: document
                .ctlogs
                .into_iter()
                .map(TrustedLog::of)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl TrustedLog {
    fn of(log: Ctlog) -> Result<Self, String> {
        let named = |wrong: String| format!("the CT log {}: {wrong}", log.base_url);
        let der = decode("its key", &log.public_key.raw_bytes).map_err(named)?;
        let key = PublicKey::from_spki_der(&der).map_err(|e| named(Causes(&e).to_string()))?;
        let window = log.public_key.valid_for.unwrap_or_default();
        let time = |text: Option<String>| {
            let parsed = text.map(|text| OffsetDateTime::parse(&text, &Rfc3339));
            let parsed = parsed.transpose().map_err(|e| named(e.to_string()))?;
            Ok::<_, String>(parsed.map(SystemTime::from))
        };
        Ok(Self {
            id: LogId::of_spki(&der),
            key,
            start: time(window.start)?,
            end: time(window.end)?,
            base_url: log.base_url.clone(),
        })
    }
}

fn decode(what: &str, base64: &str) -> Result<Vec<u8>, String> {
    let decoded = STANDARD.decode(base64);
    decoded.map_err(|e| format!("{what} is not base64: {e}"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    media_type: String,
    #[serde(default)]
    certificate_authorities: Vec<Authority>,
    #[serde(default)]
    ctlogs: Vec<Ctlog>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authority {
    cert_chain: CertChain,
}

#[derive(Deserialize)]
struct CertChain {
    #[serde(default)]
    certificates: Vec<RawBytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBytes {
    raw_bytes: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ctlog {
    #[serde(default)]
    base_url: String,
    public_key: LogKey,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogKey {
    raw_bytes: String,
    valid_for: Option<Window>,
}

#[derive(Default, Deserialize)]
struct Window {
    start: Option<String>,
    end: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ROOT: &str = include_str!("../../chancery-server/tests/fixtures/trusted_root.json");

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
