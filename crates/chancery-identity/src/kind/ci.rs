//! The types of CI providers: `ci-provider`, which a configuration describes, and the older ones,
//! which [`built_in`](crate::ci_provider::built_in) does.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_certs::SubjectAlternativeName;
use serde_json::Value;

use crate::ci_provider::built_in::{BuiltIn, Declared, Rule};
use crate::ci_provider::{CiProvider, Recipe};
use crate::claim_texts::ClaimTexts;
use crate::config::Entry;
use crate::go_url::GoUrl;
use crate::issuer::VerifiedClaims;
use crate::kind::naming::{NAME, Naming, template_values};
use crate::kind::{Identity, IdentityError, KindError, email, required};
use crate::token::claims::Claims;

/// The rules for one issuer.
#[derive(Debug, Clone)]
pub(super) struct Ci {
    provider: Arc<CiProvider>,
    /// What the type demands of the claims; nothing of those of `ci-provider`.
    built_in: Option<&'static BuiltIn>,
    /// They win over claims of the same name: the operator's word about his own installation.
    values: BTreeMap<String, String>,
}

impl Ci {
    /// Reads an entry of type `ci-provider`.
    pub(super) fn configured(entry: &Entry) -> Result<Self, KindError> {
        let name = entry.ci_provider.as_deref().unwrap_or_default();
        let provider = entry.provider.find(name)?;
        let has_template = entry
            .name_template
            .as_ref()
            .is_some_and(|template| !template.0.trim().is_empty());
        if provider.name().is_none() && !has_template {
            return Err(KindError::ProviderNameless(name.to_owned()));
        }
        Ok(Self {
            provider,
            built_in: None,
            values: template_values(entry)?,
        })
    }

    /// Reads an entry of one of the older types.
    pub(super) fn built_in(built_in: &'static BuiltIn, entry: &Entry) -> Result<Self, KindError> {
        Ok(Self {
            provider: Arc::new(built_in.provider()),
            built_in: Some(built_in),
            values: template_values(entry)?,
        })
    }

    /// Returns Fulcio's name of the type.
    pub(super) fn name(&self) -> &'static str {
        self.built_in
            .map_or("ci-provider", |built_in| built_in.name)
    }

    /// Returns the defaults of the templates.
    pub(super) fn defaults(&self) -> &BTreeMap<String, String> {
        self.provider.defaults()
    }

    /// Returns how all values are made; the name in its own way only if the entry has no other.
    pub(super) fn recipes(&self) -> impl Iterator<Item = &Recipe> {
        self.provider.recipes()
    }

    pub(super) fn identify(
        &self,
        claims: &VerifiedClaims,
        naming: &Naming,
    ) -> Result<Identity, IdentityError> {
        let name = self.signed_name(claims)?.to_owned();
        let texts = self.texts(claims)?;
        let text = match (naming.text(claims, &[])?, self.provider.name()) {
            (Some(text), _) => text,
            (None, Some(recipe)) => recipe
                .make(&texts)
                .map_err(|reason| IdentityError::not_made(NAME, reason))?,
            // Refused when the entry was read.
            (None, None) => String::new(),
        };
        Ok(Identity {
            name,
            san: url_name(&text)?,
            extensions: self.provider.extensions(&texts)?,
            issuer: None,
        })
    }

    /// Returns what a client signs.
    fn signed_name<'a>(&self, claims: &'a VerifiedClaims) -> Result<&'a str, IdentityError> {
        let subject = required(claims, "sub")?;
        if self.built_in.is_none_or(|built_in| !built_in.signs_email) {
            return Ok(subject);
        }
        let is_verified = email::is_verified(claims)?;
        let email = claims
            .text("email")
            .map_err(|fault| IdentityError::claim("email", fault))?;
        match email.filter(|email| !email.is_empty()) {
            None => Ok(subject),
            Some(email) if is_verified => Ok(email),
            Some(_) => Err(IdentityError::EmailNotVerified),
        }
    }

    fn texts(&self, claims: &VerifiedClaims) -> Result<ClaimTexts, IdentityError> {
        let mut texts = ClaimTexts::new(self.provider.defaults());
        match self.built_in {
            None => texts = texts.with_claims(claims),
            Some(built_in) => {
                for declared in built_in.claims {
                    read(*declared, claims, &mut texts)?;
                }
                texts.set("issuer", claims.issuer().unwrap_or_default());
            }
        }
        Ok(texts.with_values(&self.values))
    }
}

/// Makes the name of a URL, encoded as Go does it.
pub(super) fn url_name(text: &str) -> Result<SubjectAlternativeName, IdentityError> {
    let url = GoUrl::parse(text).map_err(|error| IdentityError::NameNotUrl(error.to_string()))?;
    Ok(SubjectAlternativeName::uri(&url.to_string())?)
}

/// Reads a claim that a type knows.
fn read(declared: Declared, claims: &Claims, texts: &mut ClaimTexts) -> Result<(), IdentityError> {
    let Declared { name, rule } = declared;
    let value = claims.get(name);
    let malformed = |expected: &str| IdentityError::ClaimMalformed {
        claim: name,
        expected: expected.to_owned(),
    };
    match rule {
        Rule::Required | Rule::Optional | Rule::OneOf(_) => {
            let text = optional_text(value).ok_or_else(|| malformed("a text"))?;
            match (text, rule) {
                ("", Rule::Optional) if texts.texts().contains_key(name) => {}
                ("", Rule::Required | Rule::OneOf(_)) => return Err(IdentityError::missing(name)),
                (text, Rule::OneOf(known)) if !known.contains(&text) => {
                    return Err(malformed(&known.join(" or ")));
                }
                (text, _) => texts.set(name, text),
            }
        }
        Rule::Integer => {
            let number = value.ok_or_else(|| IdentityError::missing(name))?.as_i64();
            if number.is_none_or(|number| number == 0) {
                return Err(malformed("a whole number other than 0"));
            }
        }
        Rule::OptionalTexts => {
            let has_texts = |value: &Value| {
                let members = value.as_object()?;
                let mut values = members.values().map(Some);
                values
                    .all(|value| optional_text(value).is_some())
                    .then_some(())
            };
            if value.is_some_and(|value| has_texts(value).is_none()) {
                return Err(malformed("an object of texts"));
            }
        }
        Rule::OptionalObject(member) => {
            let is_object =
                |value: &Value| value.is_object() && optional_text(value.get(member)).is_some();
            if value.is_some_and(|value| !is_object(value)) {
                return Err(malformed(&format!(
                    "an object in which {member:?} is a text"
                )));
            }
        }
    }
    Ok(())
}

/// Returns a text, empty if it is missing or null; nothing if it is no text.
pub(super) fn optional_text(value: Option<&Value>) -> Option<&str> {
    match value {
        None | Some(Value::Null) => Some(""),
        Some(value) => value.as_str(),
    }
}

#[cfg(test)]
mod tests;
