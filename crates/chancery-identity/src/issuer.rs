//! One issuer: from a token that claims to be its own to the identity of the holder.

use std::ops::Deref;
use std::sync::Arc;
use std::time::SystemTime;

use crate::error::AuthenticateError;
use crate::key_cache::KeyCache;
use crate::principal::Principal;
use crate::signature::{self, SignatureError};
use crate::terms::Terms;
use crate::token::UnverifiedToken;
use crate::token::claims::{Claims, ClaimsError};

/// What an issuer has signed. Only [`Issuer`] makes it, out of a token whose signature it verified.
pub(crate) struct VerifiedClaims(Claims);

impl Deref for VerifiedClaims {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        &self.0
    }
}

impl VerifiedClaims {
    /// Takes claims as if they had been verified: to tell their sender what would become of them,
    /// and for nothing else.
    pub(crate) const fn supposed(claims: Claims) -> Self {
        Self(claims)
    }
}

#[cfg(test)]
impl VerifiedClaims {
    /// Makes claims that nobody has signed, for the tests of the types.
    pub(crate) fn of_test(members: &serde_json::Value) -> Self {
        Self(Claims::new(members.as_object().unwrap().clone()))
    }
}

/// An issuer of tokens: one entry, or several that tokens choose from by their audience.
pub(crate) struct Issuer(Vec<TermsAndKeys>);

/// What an entry says of an issuer, and the issuer's keys, which entries may share.
pub(crate) struct TermsAndKeys {
    pub(crate) terms: Arc<Terms>,
    pub(crate) keys: Arc<KeyCache>,
}

impl Issuer {
    pub(crate) const fn new(entries: Vec<TermsAndKeys>) -> Self {
        Self(entries)
    }

    /// Finds out who holds the token. What can be refused without asking the issuer is refused
    /// first: a stranger's token causes no request.
    pub(crate) async fn authenticate(
        &self,
        token: UnverifiedToken<'_>,
        now: SystemTime,
    ) -> Result<Principal, AuthenticateError> {
        signature::algorithm(&token)?;
        let entry = self.choose(&token.claims)?;
        entry.terms.require_time(&token.claims, now)?;
        verify(&entry.keys, &token).await?;
        let claims = VerifiedClaims(token.claims);
        entry.terms.rules().check(&claims)?;
        let principal = entry.terms.identify(entry.keys.issuer(), &claims)?;
        entry.terms.admit(&principal)?;
        Ok(principal)
    }

    /// Returns the entry that the token is for: of two, which only a token for several audiences
    /// can mean, the one that the configuration names first.
    pub(crate) fn choose(&self, claims: &Claims) -> Result<&TermsAndKeys, ClaimsError> {
        let entries = self.entries();
        for entry in entries {
            if claims.is_for(entry.terms.audiences())? {
                return Ok(entry);
            }
        }
        let expected = entries.iter().flat_map(|entry| entry.terms.audiences());
        Err(claims.for_others(expected))
    }

    pub(crate) fn entries(&self) -> &[TermsAndKeys] {
        &self.0
    }

    /// Tells whether the issuer has ever answered.
    pub(crate) fn is_known(&self) -> bool {
        self.0.iter().any(|entry| entry.keys.is_filled())
    }
}

/// Verifies that the issuer signed the token.
pub(crate) async fn verify(
    cache: &Arc<KeyCache>,
    token: &UnverifiedToken<'_>,
) -> Result<(), AuthenticateError> {
    let unavailable = |reason| AuthenticateError::unavailable(cache.issuer(), reason);
    let keys = cache.keys().await.map_err(unavailable)?;
    let verified = match signature::verify(token, &keys) {
        Err(error) if may_be_a_new_key(token, &error) => {
            match cache.newer_than(&keys).await.map_err(unavailable)? {
                Some(newer) => signature::verify(token, &newer),
                None => Err(error),
            }
        }
        verified => verified,
    };
    Ok(verified?)
}

/// A token that names no key cannot tell a new key from a forgery; asking is bounded either way.
fn may_be_a_new_key(token: &UnverifiedToken<'_>, error: &SignatureError) -> bool {
    match error {
        SignatureError::AlgorithmRefused { .. } => false,
        SignatureError::KeyUnknown => true,
        SignatureError::SignatureInvalid => token.header.kid.is_none(),
    }
}
