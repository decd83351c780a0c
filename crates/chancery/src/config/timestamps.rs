//! The timestamp authority: its certificates, its key, and whom its clock is held against.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The timestamp authority (RFC 3161).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TimestampsConfig {
    /// Its chain in PEM: the certificate that signs first, the root last.
    pub(crate) chain: PathBuf,
    /// The key of the first certificate, on P-256 or P-384: encrypted PKCS#8 in PEM.
    pub(crate) key: PathBuf,
    /// The policy under which it stamps. Sigstore's, 1.3.6.1.4.1.57264.2, unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<String>,
    /// The NTP servers that the clock is held against. None unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ntp: Option<NtpServersConfig>,
    /// Other chains whose timestamps count: those that stamped before, and one that is going to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) also_trusted: Vec<TrustedTimestampsConfig>,
}

/// Who else tells the time. Nothing is stamped while the clock is too far from theirs, or while theirs
/// is not known.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct NtpServersConfig {
    /// HOST or HOST:PORT; three or more, if one may be wrong.
    pub(crate) servers: Vec<String>,
    /// How many must answer. More than half of them unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quorum: Option<usize>,
    /// How far the clock may be off, in milliseconds. 1000 unless said otherwise, which is what
    /// timestamps say of themselves.
    #[serde(default = "default_limit")]
    pub(crate) limit_ms: u64,
    /// Seconds between two questions; what was heard is good for ten times as long. 60 unless said
    /// otherwise.
    #[serde(default = "default_interval")]
    pub(crate) interval_s: u32,
}

/// A chain that does not stamp now, and whose timestamps count.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TrustedTimestampsConfig {
    /// The chain in PEM.
    pub(crate) chain: PathBuf,
    /// Until when it stamped, such as `2027-01-31T00:00:00Z`: timestamps of a later time do not count.
    /// Without this, the chain is one that is going to stamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
}

impl TimestampsConfig {
    /// Makes one of these two files.
    pub(crate) fn new(chain: PathBuf, key: PathBuf) -> Self {
        Self {
            chain,
            key,
            policy: None,
            ntp: None,
            also_trusted: Vec::new(),
        }
    }

    /// Makes its paths those of files in `folder`.
    pub(crate) fn resolve(&mut self, folder: &Path) {
        let others = self.also_trusted.iter_mut().map(|other| &mut other.chain);
        for path in others.chain([&mut self.chain, &mut self.key]) {
            *path = folder.join(&*path);
        }
    }
}

fn default_limit() -> u64 {
    1000
}

fn default_interval() -> u32 {
    60
}
