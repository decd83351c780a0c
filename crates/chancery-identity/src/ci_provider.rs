//! CI providers: how the claims of a build's token become a certificate's name and extensions.
//!
//! A configuration describes its providers under `ci-issuer-metadata`; those that Fulcio has types
//! for are described by [`built_in`] in the same terms, and some that many use by [`known`].

pub(crate) mod built_in;
mod extension;
mod known;
mod metadata;
mod recipe;

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_certs::FulcioExtensions;

use crate::ci_provider::extension::{Extension, ExtensionKey};
use crate::ci_provider::known::known;
use crate::claim_texts::ClaimTexts;
use crate::kind::{IdentityError, KindError};

pub(crate) use metadata::{ProviderEntry, Scalar, ScalarMap};
pub(crate) use recipe::Recipe;
pub use recipe::RecipeError;

/// The most octets of an extension's value, as crate `chancery-certs` has it. A claim in a token of
/// 16 KiB is shorter, but a template can repeat it.
const MAX_VALUE: usize = 16 * 1024;

/// A provider whose templates have been parsed.
#[derive(Debug, Clone)]
pub(crate) struct CiProvider {
    defaults: BTreeMap<String, String>,
    name: Option<Recipe>,
    /// In the order of their numbers.
    extensions: Vec<(&'static Extension, Recipe)>,
}

/// What an entry's `ci-provider` leads to.
#[derive(Debug, Clone)]
pub(crate) enum ProviderLink {
    Known(Arc<CiProvider>),
    /// To nothing; with the nearest that there is, as a hint.
    Unknown(String),
}

/// What is wrong with a provider of `ci-issuer-metadata`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderFault {
    /// No extension of Fulcio's.
    #[error("extension-templates has the unknown key {key:?}; the nearest known is {nearest:?}")]
    ExtensionUnknown {
        /// As configured.
        key: String,
        /// A known key.
        nearest: &'static str,
    },
    /// The same extension by its two names.
    #[error("extension-templates has {0:?} twice")]
    ExtensionTwice(&'static str),
    /// A template that does not parse.
    #[error("the template of {key} does not parse: {reason}")]
    Template {
        /// Of which key.
        key: String,
        /// Where and what.
        reason: String,
    },
}

impl CiProvider {
    /// Parses the templates of an entry.
    pub(crate) fn new(entry: &ProviderEntry) -> Result<Self, ProviderFault> {
        let mut extensions = Vec::new();
        for (key, value) in entry.extensions() {
            let extension = match ExtensionKey::parse(key) {
                Ok(ExtensionKey::Extension(extension)) => extension,
                Ok(ExtensionKey::Ignored) => continue,
                Err(nearest) => {
                    return Err(ProviderFault::ExtensionUnknown {
                        key: key.to_owned(),
                        nearest,
                    });
                }
            };
            let same = |(other, _): &(&Extension, Recipe)| other.name == extension.name;
            if extensions.iter().any(same) {
                return Err(ProviderFault::ExtensionTwice(extension.name));
            }
            if let Some(recipe) = parse(&format!("extension-templates.{key}"), value)? {
                extensions.push((extension, recipe));
            }
        }
        extensions.sort_by_key(|(extension, _)| extension.position());
        Ok(Self {
            defaults: entry.defaults(),
            name: parse("subject-alternative-name-template", entry.name())?,
            extensions,
        })
    }

    /// Returns the values of what neither the token nor the issuer's entry sets.
    pub(crate) const fn defaults(&self) -> &BTreeMap<String, String> {
        &self.defaults
    }

    /// Returns how the certified name is made; only an incomplete entry does not say.
    pub(crate) const fn name(&self) -> Option<&Recipe> {
        self.name.as_ref()
    }

    /// Returns how all values are made.
    pub(crate) fn recipes(&self) -> impl Iterator<Item = &Recipe> {
        let extensions = self.extensions.iter().map(|(_, recipe)| recipe);
        self.name.iter().chain(extensions)
    }

    /// Makes the extensions. Those that come out empty are left out.
    pub(crate) fn extensions(&self, texts: &ClaimTexts) -> Result<FulcioExtensions, IdentityError> {
        let mut extensions = FulcioExtensions::default();
        for (extension, recipe) in &self.extensions {
            let part = extension.name;
            let value = recipe
                .make(texts)
                .map_err(|reason| IdentityError::not_made(part, reason))?;
            if value.len() > MAX_VALUE {
                let octets = value.len();
                return Err(IdentityError::ExtensionTooLong { part, octets });
            }
            if !value.is_empty() {
                extension.set(&mut extensions, value);
            }
        }
        Ok(extensions)
    }
}

impl ProviderLink {
    /// Finds the provider of that name.
    pub(crate) fn new(name: &str, providers: &BTreeMap<String, Arc<CiProvider>>) -> Self {
        if let Some(provider) = providers.get(name).or_else(|| known().get(name)) {
            return Self::Known(Arc::clone(provider));
        }
        let nearest = providers
            .keys()
            .chain(known().keys())
            .min_by_key(|known| strsim::damerau_levenshtein(known, name));
        Self::Unknown(nearest.cloned().unwrap_or_default())
    }

    /// Returns the provider, which the entry calls `name`.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<CiProvider>, KindError> {
        match self {
            Self::Known(provider) => Ok(Arc::clone(provider)),
            Self::Unknown(_) if name.is_empty() => Err(KindError::ProviderMissing),
            Self::Unknown(nearest) => Err(KindError::ProviderUnknown {
                provider: name.to_owned(),
                nearest: nearest.clone(),
            }),
        }
    }
}

impl Default for ProviderLink {
    fn default() -> Self {
        Self::new("", &BTreeMap::new())
    }
}

fn parse(key: &str, text: &str) -> Result<Option<Recipe>, ProviderFault> {
    Recipe::parse(text).map_err(|error| ProviderFault::Template {
        key: key.to_owned(),
        reason: error.to_string(),
    })
}
