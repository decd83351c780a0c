//! What an instance says is to be trusted, as it is handed out.

use std::time::SystemTime;

use chancery_trust::documents::TrustedRoot;

use super::Instance;
use super::update::Documents;

/// What an instance's operators have signed, verified when it was asked for. Nothing else makes one.
#[derive(Clone, Debug)]
pub struct Trust {
    pub(super) instance: Instance,
    pub(super) root_version: u64,
    pub(super) expires: SystemTime,
    pub(super) documents: Documents,
    pub(super) stale: Option<Stale>,
}

/// Why something older is used, which has not expired.
#[derive(Debug, Clone)]
pub struct Stale {
    /// What stood in the way, in words.
    pub why: String,
}

impl Trust {
    /// Returns which instance's it is.
    #[must_use]
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Returns the version of the instance's newest root.
    #[must_use]
    pub fn root_version(&self) -> u64 {
        self.root_version
    }

    /// Returns when the first of the metadata expires: until then they can be used without the
    /// instance's server.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        self.expires
    }

    /// Returns whose word counts.
    #[must_use]
    pub fn trusted_root(&self) -> &TrustedRoot {
        &self.documents.trusted_root
    }

    /// Returns `trusted_root.json` byte for byte as it is signed, for other programs.
    #[must_use]
    pub fn trusted_root_json(&self) -> &[u8] {
        &self.documents.trusted_root_json
    }

    /// Returns `signing_config.v0.2.json` byte for byte as it is signed, from which
    /// [`SigningServices::choose`](crate::sign::SigningServices::choose) chooses whom to ask; `None` if
    /// the instance has none.
    #[must_use]
    pub fn signing_config(&self) -> Option<&[u8]> {
        self.documents.signing_config.as_deref()
    }

    /// Returns why this is not the newest, if the instance was to be asked and could not.
    #[must_use]
    pub fn stale(&self) -> Option<&Stale> {
        self.stale.as_ref()
    }
}
