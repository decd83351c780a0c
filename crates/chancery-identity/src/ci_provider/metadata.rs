//! A provider's entry under `ci-issuer-metadata`, as it is written.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

/// Templates of one provider. Keys that are not known are ignored, as in the whole file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ProviderEntry {
    #[serde(rename = "default-template-values", alias = "DefaultTemplateValues")]
    defaults: Option<ScalarMap>,
    #[serde(rename = "extension-templates", alias = "ExtensionTemplates")]
    extensions: Option<ScalarMap>,
    #[serde(
        rename = "subject-alternative-name-template",
        alias = "SubjectAlternativeNameTemplate"
    )]
    name: Scalar,
}

/// Texts by name.
pub(crate) type ScalarMap = BTreeMap<String, Scalar>;

/// A text, which YAML may take for something else: `7` and `true` are texts to Fulcio, and so here;
/// nothing is the empty text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scalar(pub(crate) String);

impl ProviderEntry {
    pub(super) fn defaults(&self) -> BTreeMap<String, String> {
        let defaults = self.defaults.iter().flatten();
        defaults
            .map(|(name, value)| (name.clone(), value.0.clone()))
            .collect()
    }

    pub(super) fn extensions(&self) -> impl Iterator<Item = (&str, &str)> {
        let extensions = self.extensions.iter().flatten();
        extensions.map(|(key, value)| (key.as_str(), value.0.as_str()))
    }

    pub(super) fn name(&self) -> &str {
        &self.name.0
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The reader has lost how a number with a fraction was written.
        formatter.write_str("a text (put a number with a fraction in quotation marks)")
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::default())
    }
}
