//! The list of blocked keys, put in force while serving.

use std::path::PathBuf;
use std::sync::Arc;

use chancery_ca::Authority;

use crate::config::Config;
use crate::failure::Failure;
use crate::opening::key_policy;
use crate::reload::{Fingerprint, Part};
use crate::report::counted;

/// Which keys are certified.
pub(crate) struct KeysPart {
    config: Config,
    in_force: Fingerprint,
    authority: Arc<Authority>,
}

impl KeysPart {
    /// Watches the block list that `config` names, if it names one.
    pub(crate) fn new(config: &Config, authority: Arc<Authority>) -> Option<Self> {
        let list = config.key_block_list.as_ref()?;
        Some(Self {
            config: config.clone(),
            in_force: Fingerprint::of(std::slice::from_ref(list)),
            authority,
        })
    }
}

impl Part for KeysPart {
    fn name(&self) -> &'static str {
        "key-block-list"
    }

    fn files(&self) -> Vec<PathBuf> {
        self.config.key_block_list.iter().cloned().collect()
    }

    fn reload(&mut self) -> Result<Option<String>, Failure> {
        let found = Fingerprint::of(&self.files());
        let policy = key_policy(&self.config)?;
        let blocked = counted(policy.block_list.len(), "blocked key");
        self.authority.replace_key_policy(policy);
        let changed = found != self.in_force;
        self.in_force = found;
        Ok(changed.then_some(blocked))
    }
}
