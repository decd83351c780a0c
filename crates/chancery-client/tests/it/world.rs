//! A small Sigstore, made anew for each test: what signs a bundle, and the trusted root for it.

mod authority;
mod ct_log;
mod entry;
mod ledger;
mod made;
mod plan;
mod rekor_v1;
mod timestamps;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::{KeyType, LocalKey};
use serde_json::{Value, json};

pub(crate) use authority::Issued;
pub(crate) use entry::Entry;
pub(crate) use made::Made;
pub(crate) use plan::{Format, Plan, Sct, Stamp, Statement};
pub(crate) use rekor_v1::EntryV1;

use authority::Authority;
use ct_log::CtLog;
use ledger::Ledger;
use rekor_v1::LedgerV1;
use timestamps::StampingAuthority;

pub(crate) const ALICE: &str = "alice@chancery.test";
pub(crate) const ISSUER: &str = "https://issuer.chancery.test";
/// How long certificates are valid, in seconds.
pub(crate) const LIFETIME: i64 = 600;
/// Which one of each kind is not in the trusted root; the others, 0 and 1, are.
pub(crate) const STRANGER: usize = 2;

/// One authority, one ledger of Rekor v1, and three of each other kind, of which the last is a
/// stranger.
pub(crate) struct World {
    authority: Authority,
    ct_logs: [CtLog; 3],
    ledgers: [Ledger; 3],
    ledger_v1: LedgerV1,
    stamping: [StampingAuthority; 3],
    signer: LocalKey,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            authority: Authority::new(),
            ct_logs: std::array::from_fn(|_| CtLog::new()),
            ledgers: std::array::from_fn(|number| Ledger::new(&format!("rekor{number}.test"))),
            ledger_v1: LedgerV1::new(),
            stamping: std::array::from_fn(StampingAuthority::new),
            signer: key(KeyType::P256),
        }
    }

    /// Returns a timestamp authority for the trusted root whose root certificate has ended.
    pub(crate) fn expired_timestamps(&self) -> Value {
        self.stamping[0].trusted_and_expired()
    }

    /// Returns an authority for the trusted root whose intermediate certificate is no CA's.
    pub(crate) fn authority_without_ca(&self) -> Value {
        self.authority.trusted_without_ca()
    }

    /// Returns a trusted root that has all but the strangers, from a day before the signature on.
    pub(crate) fn trusted_root(&self) -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "certificateAuthorities": [self.authority.trusted()],
            "ctlogs": [self.ct_logs[0].trusted(), self.ct_logs[1].trusted()],
            "tlogs": [
                self.ledgers[0].trusted(),
                self.ledgers[1].trusted(),
                self.ledger_v1.trusted(),
            ],
            "timestampAuthorities": [self.stamping[0].trusted(), self.stamping[1].trusted()],
        })
    }
}

pub(crate) fn key(key_type: KeyType) -> LocalKey {
    LocalKey::generate(key_type).unwrap()
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// Returns the moment so many seconds after the certificates begin, 2026-11-01T12:00:00Z.
pub(crate) fn at(seconds: i64) -> SystemTime {
    let begin = 1_793_534_400;
    UNIX_EPOCH + Duration::from_secs(u64::try_from(begin + seconds).unwrap())
}

/// Returns a window of the trusted root, both ends in seconds after the certificates begin.
pub(crate) fn window(start: i64, end: Option<i64>) -> Value {
    let written = |seconds| {
        let time = time::OffsetDateTime::from(at(seconds));
        let format = &time::format_description::well_known::Rfc3339;
        time.format(format).unwrap()
    };
    match end {
        Some(end) => json!({"start": written(start), "end": written(end)}),
        None => json!({"start": written(start)}),
    }
}
