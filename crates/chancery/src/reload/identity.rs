//! The identity configuration and the files that it names, put in force while serving.

use std::path::PathBuf;
use std::sync::Arc;

use chancery_ca::Authority;

use crate::failure::{Causes, Failure};
use crate::identity::{Identity, IdentitySource};
use crate::reload::Part;

/// Whose tokens are taken.
pub(crate) struct IdentityPart {
    source: IdentitySource,
    in_force: Identity,
    /// What the configuration names that was read last, even if it was refused: the file that it
    /// lacked may come.
    files: Vec<PathBuf>,
    authority: Arc<Authority>,
}

impl IdentityPart {
    /// Watches what `source` names. `in_force` is what `authority` was opened with.
    pub(crate) fn new(
        source: IdentitySource,
        in_force: Identity,
        authority: Arc<Authority>,
    ) -> Self {
        Self {
            source,
            files: in_force.document.files().to_vec(),
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
        self.source
            .file
            .iter()
            .chain(&self.files)
            .cloned()
            .collect()
    }

    fn reload(&mut self) -> Result<Option<String>, Failure> {
        if let Some(document) = self.source.document() {
            self.files = document.files().to_vec();
        }
        let found = self.source.read()?;
        if found.document == self.in_force.document {
            return Ok(None);
        }
        let changes = found.document.changes_since(&self.in_force.document);
        self.authority
            .issuers()
            .replace(found.config.clone())
            .map_err(|e| Failure::configuration(Causes(&e)))?;
        found.warn();
        self.in_force = found;
        Ok(Some(changes))
    }
}
