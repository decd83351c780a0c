//! The ledger: signatures over artifacts, entered as Rekor v2 has them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{GuardConfig, WitnessesConfig};

/// The ledger. There is none unless it is named.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LedgerConfig {
    /// The checkpoint's first line: the bare host name at which clients reach the ledger, in lower
    /// case, without scheme, port and path. Fixed for ever.
    pub(crate) origin: String,
    /// The ledger's Ed25519 key: encrypted PKCS#8 in PEM.
    pub(crate) key: PathBuf,
    /// The ledger's own guard against rollback of the database.
    pub(crate) guard: GuardConfig,
    /// Whose signatures are entered.
    #[serde(default)]
    pub(crate) accept: LedgerAccept,
    /// How many new entries a second are taken, of all clients together, in the long run; five times
    /// as many at once.
    #[serde(default = "default_per_second")]
    pub(crate) per_second: u32,
    /// Whether DSSE envelopes are taken as such, as older clients send them.
    #[serde(default = "super::yes")]
    pub(crate) dsse: bool,
    /// Who cosigns the ledger's checkpoints, if anybody. The policy names this ledger's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) witnesses: Option<WitnessesConfig>,
    /// Ledgers before this one, which are read, and take entries until `chancery ledger freeze` ends
    /// them. One that is frozen can be left out: it needs neither key nor guard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) former: Vec<FormerLedgerConfig>,
}

/// A ledger that another has followed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct FormerLedgerConfig {
    /// Its host name, as it was.
    pub(crate) origin: String,
    /// Its key: encrypted PKCS#8 in PEM.
    pub(crate) key: PathBuf,
    /// Its guard.
    pub(crate) guard: GuardConfig,
}

/// Whose signatures are entered.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LedgerAccept {
    /// Those under a certificate that is in this instance's own log, byte for byte, while it is
    /// valid.
    #[default]
    LoggedCertificate,
    /// Those under any certificate.
    AnyCertificate,
    /// Those of any key.
    AnyKey,
}

impl LedgerConfig {
    /// Returns a ledger that says no more than it must.
    pub(crate) fn new(origin: String, key: PathBuf, guard: GuardConfig) -> Self {
        Self {
            origin,
            key,
            guard,
            accept: LedgerAccept::default(),
            per_second: default_per_second(),
            dsse: true,
            witnesses: None,
            former: Vec::new(),
        }
    }

    /// Returns this ledger and those before it, each as the only one, by their host names.
    pub(crate) fn find(&self, origin: &str) -> Option<Self> {
        if self.origin == origin {
            return Some(self.clone());
        }
        let former = self.former.iter().find(|former| former.origin == origin)?;
        Some(Self {
            origin: former.origin.clone(),
            key: former.key.clone(),
            guard: former.guard.clone(),
            former: Vec::new(),
            ..self.clone()
        })
    }
}

fn default_per_second() -> u32 {
    200
}
