//! Submissions to the log from outside, and the external log that gets ours.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Submissions from outside: who may use this log as theirs.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SubmissionsConfig {
    /// The root certificates, in PEM, of the authorities whose certificates are taken.
    pub(crate) roots: PathBuf,
    /// How many submissions a second are taken, of all submitters together, in the long run; five
    /// times as many at once.
    #[serde(default = "default_per_second")]
    pub(crate) per_second: u32,
}

/// One CT log of somebody else's, whose SCT certificates get instead of our log's.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ExternalLogConfig {
    /// Its submission prefix, to which `/ct/v1/add-pre-chain` is appended.
    pub(crate) url: String,
    /// Its P-256 public key, in PEM.
    pub(crate) public_key: PathBuf,
    /// How long one submission may take, in milliseconds.
    #[serde(default = "default_timeout_ms")]
    pub(crate) timeout_ms: u64,
    /// What to do while it is away.
    #[serde(default)]
    pub(crate) when_away: WhenAway,
}

/// What to do while the external log is away.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WhenAway {
    /// Nothing is issued.
    #[default]
    Refuse,
    /// Our own log's SCT stands in the certificate.
    OwnSct,
}

fn default_per_second() -> u32 {
    100
}

fn default_timeout_ms() -> u64 {
    5_000
}
