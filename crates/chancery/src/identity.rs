//! Where a command takes the identity configuration from, and what it makes of it.

mod entries;

use std::path::{Path, PathBuf};

use chancery_identity::{HttpPolicy, IdentityConfig, Issuers, IssuersOptions, OwnerRule};

use crate::config::{Config, read_text};
use crate::failure::{Causes, Failure};
use crate::opening::named;

/// The identity configuration: a file, and what was said about it elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct IdentitySource {
    /// A Fulcio identity configuration.
    pub(crate) file: Option<PathBuf>,
    /// Issuers besides those of the file.
    pub(crate) built_in: Option<IdentityConfig>,
    /// Shared issuers whose every user may have a certificate.
    pub(crate) any_owner: Vec<String>,
    /// Whether this is for tests on one machine, where much is allowed that is refused elsewhere.
    pub(crate) development: bool,
}

impl IdentitySource {
    /// Returns what `chancery serve` takes.
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            file: Some(config.identity_config.clone()),
            built_in: None,
            any_owner: config.any_owner.clone(),
            development: false,
        }
    }

    /// Returns what `chancery serve` would take, were its configuration to name this file.
    pub(crate) fn file(path: &Path, any_owner: Vec<String>) -> Self {
        Self {
            file: Some(path.to_owned()),
            built_in: None,
            any_owner,
            development: false,
        }
    }

    /// Reads the configuration, and refuses what must not be in force.
    pub(crate) fn read(&self) -> Result<IdentityConfig, Failure> {
        let theirs = match &self.file {
            Some(path) => Some(read_file(path)?),
            None => None,
        };
        match (theirs, self.built_in.clone()) {
            (Some(theirs), Some(built_in)) => Ok(theirs.with(built_in)),
            (Some(one), None) | (None, Some(one)) => Ok(one),
            (None, None) => Err(Failure::usage("there is no identity configuration")),
        }
    }

    /// Makes the issuers of a configuration.
    pub(crate) fn issuers(&self, identity: IdentityConfig) -> Result<Issuers, Failure> {
        let options = IssuersOptions {
            allow_http: if self.development {
                HttpPolicy::Allow
            } else {
                HttpPolicy::Refuse
            },
            owner_rule: if self.development {
                OwnerRule::Warn
            } else {
                OwnerRule::Require
            },
            ..IssuersOptions::default()
        };
        Issuers::new(identity, options).map_err(|e| Failure::configuration(Causes(&e)))
    }

    /// Finds the faults of a file that was refused: those of each issuer's entry taken by itself.
    /// Empty if the fault lies elsewhere.
    pub(crate) fn faults(&self) -> Vec<Failure> {
        let Some(Ok(text)) = self.file.as_deref().map(read_text) else {
            return Vec::new();
        };
        let documents = entries::one_by_one(&text);
        let source_name = self.file.as_deref().map(Path::display);
        let source_name = source_name.map_or_else(String::new, |name| name.to_string());
        let mut faults = Vec::new();
        for document in documents {
            let identity = IdentityConfig::parse(document.as_bytes(), &source_name);
            let made = identity
                .map_err(|e| Failure::configuration(Causes(&e)))
                .and_then(|identity| self.issuers(identity));
            faults.extend(made.err());
        }
        faults
    }
}

fn read_file(path: &Path) -> Result<IdentityConfig, Failure> {
    let text = read_text(path).map_err(|e| named(path, &e))?;
    IdentityConfig::parse(text.as_bytes(), &path.display().to_string())
        .map_err(|e| Failure::configuration(Causes(&e)))
}
