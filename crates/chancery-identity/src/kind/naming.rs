//! Where a certified name comes from, if the entry does not leave it to the type.
//!
//! `identity-claim` names another claim for the one that the type certifies. A
//! `subject-alternative-name-template` makes the name of claims, of the entry's `template-values`
//! and of `issuer`, so that two issuers never certify equal names. What comes out obeys the rules
//! of the type; what clients sign stays the same.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::ci_provider::{Recipe, RecipeError};
use crate::claim_path::ClaimPath;
use crate::claim_texts::{ClaimTexts, scalar};
use crate::config::Entry;
use crate::issuer::VerifiedClaims;
use crate::kind::{IdentityError, KindError, required};
use crate::token::claims::{ClaimFault, certifiable_text};

/// What messages call the certified name.
pub(super) const NAME: &str = "name";

/// Values that a template has besides the claims, and that no token or entry can set.
const RESERVED: [&str; 3] = ["issuer", "namespace", "serviceaccount"];

/// Where the name comes from.
#[derive(Debug, Clone)]
pub(super) enum Naming {
    /// From where the type says.
    Type,
    Claim(ClaimPath),
    Template(Box<NameTemplate>),
}

#[derive(Debug, Clone)]
pub(super) struct NameTemplate {
    recipe: Recipe,
    defaults: BTreeMap<String, String>,
    values: BTreeMap<String, String>,
}

impl Naming {
    /// Reads the keys of an entry. `defaults` are those of its provider.
    pub(super) fn new(
        entry: &Entry,
        defaults: Option<&BTreeMap<String, String>>,
    ) -> Result<Self, KindError> {
        let values = template_values(entry)?;
        let template = entry.name_template.as_ref().map(|template| &template.0);
        let recipe = match template {
            Some(template) => {
                Recipe::parse(template).map_err(|error| KindError::Template(error.to_string()))?
            }
            None => None,
        };
        let claim = entry
            .identity_claim
            .as_deref()
            .filter(|claim| !claim.is_empty());
        match (recipe, claim) {
            (Some(_), Some(_)) => Err(KindError::NameTwice),
            (Some(recipe), None) => Ok(Self::Template(Box::new(NameTemplate {
                recipe,
                defaults: defaults.cloned().unwrap_or_default(),
                values,
            }))),
            (None, Some(claim)) => {
                let path = ClaimPath::parse_name_or_path(claim);
                path.map(Self::Claim).map_err(|reason| KindError::Path {
                    key: "identity-claim",
                    reason,
                })
            }
            (None, None) => Ok(Self::Type),
        }
    }

    /// Returns the token's `sub`, which clients sign, and what is certified in its place: itself,
    /// unless the entry says otherwise.
    pub(super) fn subject<'a>(
        &self,
        claims: &'a VerifiedClaims,
    ) -> Result<(&'a str, Cow<'a, str>), IdentityError> {
        let name = required(claims, "sub")?;
        let subject = self.text(claims, &[])?;
        Ok((name, subject.map_or(Cow::Borrowed(name), Cow::Owned)))
    }

    /// Returns the template, if the name comes from one.
    pub(super) fn recipe(&self) -> Option<&Recipe> {
        match self {
            Self::Template(template) => Some(&template.recipe),
            Self::Type | Self::Claim(_) => None,
        }
    }

    /// Returns the text to certify, unless the type says what it is. `own` are values that the type
    /// gives a template.
    pub(super) fn text(
        &self,
        claims: &VerifiedClaims,
        own: &[(&str, &str)],
    ) -> Result<Option<String>, IdentityError> {
        match self {
            Self::Type => Ok(None),
            Self::Claim(path) => Ok(Some(claim_text(path, claims)?)),
            Self::Template(template) => template.text(claims, own).map(Some),
        }
    }
}

impl NameTemplate {
    fn text(&self, claims: &VerifiedClaims, own: &[(&str, &str)]) -> Result<String, IdentityError> {
        let mut texts = ClaimTexts::new(&self.defaults)
            .with_claims(claims)
            .with_values(&self.values);
        texts.set("issuer", claims.issuer().unwrap_or_default());
        for (name, value) in own {
            texts.set(name, *value);
        }
        let not_made = |reason| IdentityError::not_made(NAME, reason);
        let text = self.recipe.make(&texts).map_err(not_made)?;
        certifiable_text(&text).map_err(|fault| not_made(RecipeError::Unfit(fault)))?;
        Ok(text)
    }
}

/// Returns the values that an entry sets for its templates.
pub(super) fn template_values(entry: &Entry) -> Result<BTreeMap<String, String>, KindError> {
    let values = entry.template_values.iter().flatten();
    values
        .map(|(name, value)| {
            if RESERVED.contains(&name.as_str()) {
                return Err(KindError::TemplateValueReserved(name.clone()));
            }
            Ok((name.clone(), value.0.clone()))
        })
        .collect()
}

/// Returns a claim that is to enter a certificate: a text, a truth value or a number, not empty.
pub(super) fn claim_text(
    path: &ClaimPath,
    claims: &VerifiedClaims,
) -> Result<String, IdentityError> {
    let value = path
        .find(claims)
        .ok_or_else(|| IdentityError::missing(path))?;
    let text = scalar(value).ok_or_else(|| IdentityError::claim(path, ClaimFault::NotText))?;
    certifiable_text(&text).map_err(|fault| IdentityError::claim(path, fault))?;
    if text.is_empty() {
        return Err(IdentityError::missing(path));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
