//! Who may have a certificate, in the certificate's vocabulary.

use std::time::Duration;

use chancery_certs::{FulcioExtensions, SubjectAlternativeName};

use crate::error::AuthenticateError;
use crate::issuer::VerifiedClaims;
use crate::kind::{Identity, IdentityError};
use crate::token_use::TokenUse;

/// The holder of a verified token. There is no way to one but
/// [`Issuers::authenticate`](crate::Issuers::authenticate).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    issuer: String,
    name: String,
    email: Option<String>,
    san: SubjectAlternativeName,
    extensions: FulcioExtensions,
    lifetime: Option<Duration>,
    once: Option<TokenUse>,
}

impl Principal {
    pub(crate) fn new(
        issuer: &str,
        identity: Identity,
        claims: &VerifiedClaims,
    ) -> Result<Self, AuthenticateError> {
        let subject = claims
            .text("sub")
            .map_err(|fault| IdentityError::claim("sub", fault))?
            .filter(|subject| !subject.is_empty());
        Ok(Self {
            issuer: issuer.to_owned(),
            name: identity.name,
            // Only a candidate for proofs: a claim that could not be certified is none.
            email: claims.text("email").ok().flatten().map(str::to_owned),
            san: identity.san,
            extensions: FulcioExtensions {
                issuer: identity.issuer.unwrap_or_else(|| issuer.to_owned()),
                subject: subject.map(str::to_owned),
                ..identity.extensions
            },
            lifetime: None,
            once: None,
        })
    }

    /// Adds what the issuer's entry says of the certificate, and of the token's use.
    pub(crate) fn on_terms(self, lifetime: Option<Duration>, once: Option<TokenUse>) -> Self {
        Self {
            lifetime,
            once,
            ..self
        }
    }

    /// Returns what a client signs to prove that it holds its key: the e-mail address for issuers of
    /// type `email`, the token's `sub` for all others.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the token's `email`, verified or not.
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// Returns the token's `sub`; empty if it has none, which only type `email` allows.
    pub fn subject(&self) -> &str {
        self.extensions.subject.as_deref().unwrap_or_default()
    }

    /// Returns the issuer's identifier, the token's `iss`. The certificate may name another one,
    /// which this issuer speaks for (`issuer-claim`).
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the name that the certificate is for.
    pub const fn san(&self) -> &SubjectAlternativeName {
        &self.san
    }

    /// Returns what the certificate says besides the name.
    pub const fn extensions(&self) -> &FulcioExtensions {
        &self.extensions
    }

    /// Returns how long the certificate should be valid, if the issuer's entry says so.
    pub const fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// Returns the use of the token, if the issuer's tokens may be used once only.
    pub const fn once(&self) -> Option<&TokenUse> {
        self.once.as_ref()
    }

    /// Returns the texts that a proof of possession may be over, each once: the name, the token's
    /// `email`, its `sub`. Clients choose by claim and not by issuer type.
    pub fn proof_candidates(&self) -> impl Iterator<Item = &str> {
        let name = Some(self.name());
        let email = self.email().filter(|&email| Some(email) != name);
        let subject =
            Some(self.subject()).filter(|&subject| Some(subject) != name && Some(subject) != email);
        [name, email, subject]
            .into_iter()
            .flatten()
            .filter(|candidate| !candidate.is_empty())
    }
}
