//! The types of issuers: what a certificate says of the holder of a token, by Fulcio's rules.
//!
//! A type is read from its entry once, when the configuration is loaded, so that what would refuse
//! every token refuses to start. Each has a file of its own, but for those of CI providers, which
//! are data.

mod ci;
mod email;
mod error;
mod kubernetes;
mod naming;
mod spiffe;
mod uri;
mod username;

use chancery_certs::{FulcioExtensions, SubjectAlternativeName};

use crate::ci_provider::built_in::{BUILT_IN, BuiltIn};
use crate::config::{Entry, EntryFault};
use crate::go_url::GoUrl;
use crate::issuer::VerifiedClaims;
use crate::kind::naming::Naming;
use crate::token::claims::Claims;

pub(crate) use email::looks_like_email;
pub use error::{IdentityError, KindError};

/// Fulcio's types but for the [`BUILT_IN`] ones.
const TYPES: [&str; 6] = [
    "ci-provider",
    "email",
    "kubernetes",
    "spiffe",
    "uri",
    "username",
];

/// How an issuer's tokens become identities.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    rules: Rules,
    naming: Naming,
}

#[derive(Debug, Clone)]
enum Rules {
    Ci(ci::Ci),
    Email(email::Email),
    Kubernetes,
    Spiffe(spiffe::Spiffe),
    Uri(uri::Uri),
    Username(username::Username),
}

/// Who the holder of a token is.
#[derive(Debug)]
pub(crate) struct Identity {
    /// What a proof of possession is over, unless the client signs another claim.
    pub(crate) name: String,
    pub(crate) san: SubjectAlternativeName,
    /// All but issuer and subject.
    pub(crate) extensions: FulcioExtensions,
    /// What the certificate calls the issuer, if not by the token's `iss`.
    pub(crate) issuer: Option<String>,
}

impl Identity {
    fn new(name: &str, san: SubjectAlternativeName) -> Self {
        Self {
            name: name.to_owned(),
            san,
            extensions: FulcioExtensions::default(),
            issuer: None,
        }
    }
}

impl Kind {
    /// Reads the type of an entry whose URL, or pattern of URLs, is `address`.
    pub(crate) fn new(entry: &Entry, address: &str, is_meta: bool) -> Result<Self, EntryFault> {
        let name = entry.kind.as_deref().unwrap_or_default();
        let has_issuer_claim = entry
            .issuer_claim
            .as_deref()
            .is_some_and(|claim| !claim.is_empty());
        if has_issuer_claim && name != "email" {
            return Err(EntryFault::IssuerClaim);
        }
        let rules = Rules::new(name, entry, address, is_meta)?;
        let defaults = match &rules {
            Rules::Ci(ci) => Some(ci.defaults()),
            _ => None,
        };
        let naming = Naming::new(entry, defaults)?;
        if matches!(
            (&rules, &naming),
            (Rules::Ci(_) | Rules::Kubernetes, Naming::Claim(_))
        ) {
            return Err(KindError::IdentityClaim.into());
        }
        let kind = Self { rules, naming };
        for value in naming::template_values(entry)?.into_keys() {
            if !kind.uses(&value) {
                return Err(KindError::TemplateValueUnused(value).into());
            }
        }
        Ok(kind)
    }

    /// Tells whether a template has a place for the value of that name. A misspelt one would leave
    /// the default, and so certify the names of another service.
    fn uses(&self, value: &str) -> bool {
        let of_type = match &self.rules {
            Rules::Ci(ci) => ci.recipes().any(|recipe| recipe.uses(value)),
            _ => false,
        };
        of_type
            || self
                .naming
                .recipe()
                .is_some_and(|recipe| recipe.uses(value))
    }

    /// Returns Fulcio's name of the type.
    pub(crate) fn name(&self) -> &'static str {
        match &self.rules {
            Rules::Ci(ci) => ci.name(),
            Rules::Email(_) => "email",
            Rules::Kubernetes => "kubernetes",
            Rules::Spiffe(_) => "spiffe",
            Rules::Uri(_) => "uri",
            Rules::Username(_) => "username",
        }
    }

    /// Returns the claim that clients sign by default.
    pub(crate) const fn challenge_claim(&self) -> &'static str {
        match self.rules {
            Rules::Email(_) => "email",
            _ => "sub",
        }
    }

    /// Finds out who the holder of the token is.
    pub(crate) fn identify(&self, claims: &VerifiedClaims) -> Result<Identity, IdentityError> {
        let naming = &self.naming;
        match &self.rules {
            Rules::Ci(ci) => ci.identify(claims, naming),
            Rules::Email(email) => email.identify(claims, naming),
            Rules::Kubernetes => kubernetes::identify(claims, naming),
            Rules::Spiffe(spiffe) => spiffe.identify(claims, naming),
            Rules::Uri(uri) => uri.identify(claims, naming),
            Rules::Username(username) => username.identify(claims, naming),
        }
    }
}

impl Rules {
    fn new(name: &str, entry: &Entry, address: &str, is_meta: bool) -> Result<Self, EntryFault> {
        if let Some(built_in) = BuiltIn::by_type(name) {
            return Ok(Self::Ci(ci::Ci::built_in(built_in, entry)?));
        }
        match name {
            "ci-provider" => Ok(Self::Ci(ci::Ci::configured(entry)?)),
            "email" => Ok(Self::Email(email::Email::new(entry)?)),
            "kubernetes" => Ok(Self::Kubernetes),
            "spiffe" if is_meta => Err(KindError::SpiffeMeta.into()),
            "spiffe" => Ok(Self::Spiffe(spiffe::Spiffe::new(entry)?)),
            "uri" => Ok(Self::Uri(uri::Uri::new(entry, address)?)),
            "username" => Ok(Self::Username(username::Username::new(entry, address)?)),
            _ => {
                let built_in = BUILT_IN.iter().map(|built_in| built_in.name);
                let known: Vec<&str> = TYPES.into_iter().chain(built_in).collect();
                Err(EntryFault::TypeUnknown(known.join(", ")))
            }
        }
    }
}

/// Returns a claim as a text that is not empty.
fn required<'a>(claims: &'a Claims, claim: &'static str) -> Result<&'a str, IdentityError> {
    claims
        .text(claim)
        .map_err(|fault| IdentityError::claim(claim, fault))?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| IdentityError::missing(claim))
}

/// Refuses subjects of a domain that the issuer has nothing to do with: the host names are equal, or
/// agree in their last two labels. That is Fulcio's rule, which knows no public suffixes.
fn require_own_domain(subject_domain: &str, subject: &str, issuer: &str) -> Result<(), KindError> {
    let last_two = |host: &str| {
        let mut labels = host.rsplit('.').map(str::to_owned);
        Some((labels.next()?, labels.next()?))
    };
    let related = last_two(subject).is_some_and(|labels| Some(labels) == last_two(issuer));
    if subject == issuer || related {
        return Ok(());
    }
    Err(KindError::ForeignDomain {
        subject_domain: subject_domain.into(),
    })
}

/// Reads the issuer's own URL or pattern, which has been looked at before.
fn issuer_url(address: &str) -> Result<GoUrl, EntryFault> {
    GoUrl::parse(address).map_err(|_| EntryFault::Url)
}

#[cfg(test)]
mod tests;
