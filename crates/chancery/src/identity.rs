//! Where a command takes the identity configuration from, and what it makes of it.

mod document;

use std::path::{Path, PathBuf};

use chancery_identity::{
    ConfigError, HttpPolicy, IdentityConfig, Issuers, IssuersOptions, OwnerRule,
};

use crate::config::{Config, read_text};
use crate::failure::{Causes, Failure};
pub(crate) use crate::identity::document::Document;
use crate::reading::named;

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

/// An identity configuration that was read.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) config: IdentityConfig,
    /// The file as it was, for telling what changes.
    pub(crate) document: Document,
}

impl Identity {
    /// Logs what an operator should look at, though it stops nothing.
    pub(crate) fn warn(&self) {
        for warning in self.config.warnings() {
            tracing::warn!("{warning}");
        }
    }
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

    /// Reads the configuration and the files that it names.
    pub(crate) fn read(&self) -> Result<Identity, Failure> {
        let theirs = self.file.as_deref().map(read_file).transpose()?;
        let (mut config, document) = match (theirs, self.built_in.clone()) {
            (Some((theirs, document)), Some(built_in)) => (theirs.with(built_in), document),
            (Some(theirs), None) => theirs,
            (None, Some(built_in)) => (built_in, Document::default()),
            (None, None) => return Err(Failure::usage("there is no identity configuration")),
        };
        for issuer in &self.any_owner {
            config
                .accept_any_owner(issuer)
                .map_err(|e| Failure::configuration(format!("any-owner: {e}")))?;
        }
        Ok(Identity { config, document })
    }

    /// Returns the file as a tree, if it can be read as one.
    pub(crate) fn document(&self) -> Option<Document> {
        let path = self.file.as_deref()?;
        Document::read(&read_text(path).ok()?, folder(path))
    }

    /// Makes the issuers of a configuration.
    pub(crate) fn issuers(&self, config: IdentityConfig) -> Result<Issuers, Failure> {
        let (allow_http, owner_rule) = if self.development {
            (HttpPolicy::Allow, OwnerRule::Warn)
        } else {
            (HttpPolicy::Refuse, OwnerRule::Require)
        };
        let options = IssuersOptions {
            allow_http,
            owner_rule,
            ..IssuersOptions::default()
        };
        Issuers::new(config, options).map_err(|e| Failure::configuration(Causes(&e)))
    }

    /// Finds the faults of a file that was refused: those of each issuer taken by itself. Empty if
    /// the fault lies elsewhere.
    pub(crate) fn faults(&self) -> Vec<Failure> {
        let (Some(document), Some(path)) = (self.document(), &self.file) else {
            return Vec::new();
        };
        let judge = |one: String| {
            let mut config = parse(one.as_bytes(), path)?;
            for issuer in &self.any_owner {
                // It is some other document's issuer.
                let _ = config.accept_any_owner(issuer);
            }
            self.issuers(config)
        };
        let documents = document.one_by_one().into_iter();
        documents.filter_map(|one| judge(one).err()).collect()
    }
}

fn read_file(path: &Path) -> Result<(IdentityConfig, Document), Failure> {
    let text = read_text(path).map_err(|e| named(path, &e))?;
    // The tree first: should a file that it names change in between, the tree is the older one, and
    // the change is seen at the next look.
    let document = Document::read(&text, folder(path)).unwrap_or_default();
    let config = parse(text.as_bytes(), path)?;
    Ok((config, document))
}

/// Reads a configuration with the files that it names, which are relative to its own.
fn parse(text: &[u8], path: &Path) -> Result<IdentityConfig, Failure> {
    let refused = |e: ConfigError| Failure::configuration(Causes(&e));
    let config = IdentityConfig::parse(text, &path.display().to_string()).map_err(refused)?;
    config.with_files(folder(path)).map_err(refused)
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new("."))
}
