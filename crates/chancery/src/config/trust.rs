//! `trust`: the keys with which a server signs, and the root that it trusts.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What clients trust. The keys for root and targets are not here: they are needed by operators,
/// for `chancery trust`, and nowhere else.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TrustConfig {
    /// The root metadata that are trusted here: whatever the database holds is verified from them
    /// on. `chancery trust publish` puts a newer root in their place.
    pub(crate) root: PathBuf,
    /// The key for snapshots: encrypted PKCS#8 in PEM, with the passphrase of the log's keys.
    pub(crate) snapshot_key: PathBuf,
    /// The key for timestamps, in the same form.
    pub(crate) timestamp_key: PathBuf,
    /// The issuers where people log in, for clients that open a browser: their names to the letter,
    /// as their tokens have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) login: Vec<String>,
}

impl TrustConfig {
    /// Makes its paths those of files in `folder`.
    pub(crate) fn resolve(&mut self, folder: &Path) {
        for path in [
            &mut self.root,
            &mut self.snapshot_key,
            &mut self.timestamp_key,
        ] {
            *path = folder.join(&*path);
        }
    }
}
