//! One issuer: from a token that claims to be its own to the identity of the holder.

use std::ops::Deref;
use std::sync::Arc;
use std::time::SystemTime;

use crate::error::AuthenticateError;
use crate::key_cache::KeyCache;
use crate::kind::Kind;
use crate::principal::Principal;
use crate::signature::{self, SignatureError};
use crate::token::UnverifiedToken;
use crate::token::claims::Claims;

/// What an issuer has signed. Only [`Issuer`] makes it, out of a token whose signature it verified.
pub(crate) struct VerifiedClaims(Claims);

impl Deref for VerifiedClaims {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        &self.0
    }
}

#[cfg(test)]
impl VerifiedClaims {
    /// Makes claims that nobody has signed, for the tests of the types.
    pub(crate) fn of_test(members: &serde_json::Value) -> Self {
        Self(Claims::new(members.as_object().unwrap().clone()))
    }
}

/// An issuer of tokens, with its rules and its keys.
pub(crate) struct Issuer {
    audience: Arc<str>,
    kind: Arc<Kind>,
    keys: Arc<KeyCache>,
}

impl Issuer {
    pub(crate) const fn new(audience: Arc<str>, kind: Arc<Kind>, keys: Arc<KeyCache>) -> Self {
        Self {
            audience,
            kind,
            keys,
        }
    }

    /// Finds out who holds the token. What can be refused without asking the issuer is refused
    /// first: a stranger's token causes no request.
    pub(crate) async fn authenticate(
        &self,
        token: UnverifiedToken<'_>,
        now: SystemTime,
    ) -> Result<Principal, AuthenticateError> {
        signature::algorithm(&token)?;
        token.claims.require_audience(&self.audience)?;
        token.claims.require_time(now)?;
        let claims = self.verify(token).await?;
        let identity = self.kind.identify(&claims)?;
        Principal::new(self.keys.issuer(), identity, &claims)
    }

    /// Tells whether the issuer has ever answered.
    pub(crate) fn is_known(&self) -> bool {
        self.keys.is_filled()
    }

    async fn verify(
        &self,
        token: UnverifiedToken<'_>,
    ) -> Result<VerifiedClaims, AuthenticateError> {
        let unavailable = |reason| AuthenticateError::unavailable(self.keys.issuer(), reason);
        let keys = self.keys.keys().await.map_err(unavailable)?;
        let verified = match signature::verify(&token, &keys) {
            Err(error) if may_be_a_new_key(&token, &error) => {
                match self.keys.newer_than(&keys).await.map_err(unavailable)? {
                    Some(newer) => signature::verify(&token, &newer),
                    None => Err(error),
                }
            }
            verified => verified,
        };
        verified?;
        Ok(VerifiedClaims(token.claims))
    }
}

/// A token that names no key cannot tell a new key from a forgery; asking is bounded either way.
fn may_be_a_new_key(token: &UnverifiedToken<'_>, error: &SignatureError) -> bool {
    match error {
        SignatureError::AlgorithmRefused { .. } => false,
        SignatureError::KeyUnknown => true,
        SignatureError::SignatureInvalid => token.header.kid.is_none(),
    }
}
