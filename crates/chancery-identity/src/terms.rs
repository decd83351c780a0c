//! The terms of one entry of the configuration: whose tokens are taken, and what becomes of them.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::config::{Entry, EntryFault};
use crate::error::AuthenticateError;
use crate::issuer::VerifiedClaims;
use crate::kind::Kind;
use crate::limits::Limiter;
use crate::principal::Principal;
use crate::rules::Rules;
use crate::token::claims::{Claims, ClaimsError};
use crate::token_use::TokenUse;

/// What one entry says, besides how its issuer's keys are found.
pub(crate) struct Terms {
    /// At least one of these must be an audience of the token.
    audiences: Vec<String>,
    kind: Kind,
    rules: Rules,
    max_age: Option<Duration>,
    lifetime: Option<Duration>,
    once_only: bool,
    limiter: Option<Arc<Limiter>>,
}

impl Terms {
    /// Reads the terms of an entry whose URL, or pattern of URLs, is `address`. What has been
    /// counted `before`, in another configuration's entries of that address, counts on.
    pub(crate) fn new(
        entry: &Entry,
        address: &str,
        is_meta: bool,
        before: &[Arc<Self>],
    ) -> Result<Self, EntryFault> {
        let kind = Kind::new(entry, address, is_meta)?;
        let rules = Rules::new(entry.allow.clone(), entry.deny.clone());
        if entry.rate_limit.is_some_and(|limit| limit.is_empty()) {
            return Err(EntryFault::RateLimitEmpty);
        }
        let seconds = |seconds: NonZeroU32| Duration::from_secs(u64::from(seconds.get()));
        let audiences = audiences(entry)?;
        Ok(Self {
            limiter: entry.rate_limit.map(|limit| {
                let mut limiters = before
                    .iter()
                    .filter_map(|terms| terms.limiter_of(&audiences));
                let counting = limiters.find(|limiter| limiter.limit() == limit);
                counting.map_or_else(|| Arc::new(Limiter::new(limit)), Arc::clone)
            }),
            audiences,
            kind,
            rules: rules.map_err(EntryFault::RuleTwice)?,
            max_age: entry.max_token_age_s.map(seconds),
            lifetime: entry.certificate_lifetime_s.map(seconds),
            once_only: entry.once_only,
        })
    }

    fn limiter_of(&self, audiences: &[String]) -> Option<&Arc<Limiter>> {
        let own = |audience| self.audiences.contains(audience);
        let limiter = self.limiter.as_ref();
        limiter.filter(|_| audiences.iter().any(own))
    }

    pub(crate) fn audiences(&self) -> impl Iterator<Item = &str> + Clone {
        self.audiences.iter().map(String::as_str)
    }

    pub(crate) const fn kind(&self) -> &Kind {
        &self.kind
    }

    pub(crate) const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Refuses a token that is not for now, or that has no identifier and needs one.
    pub(crate) fn require_time(&self, claims: &Claims, now: SystemTime) -> Result<(), ClaimsError> {
        claims.require_time(now)?;
        if let Some(most) = self.max_age {
            claims.require_age(now, most)?;
        }
        if self.once_only {
            claims.token_id()?;
        }
        Ok(())
    }

    /// Says who the holder of a token is.
    pub(crate) fn identify(
        &self,
        issuer: &str,
        claims: &VerifiedClaims,
    ) -> Result<Principal, AuthenticateError> {
        let identity = self.kind.identify(claims)?;
        let once = match self.once_only {
            false => None,
            true => {
                let end = claims.end(self.max_age)?;
                Some(TokenUse::new(issuer, claims.token_id()?, end))
            }
        };
        let principal = Principal::new(issuer, identity, claims)?;
        Ok(principal.on_terms(self.lifetime, once))
    }

    /// Counts a request against the rate limits. Only the holder of a verified token gets here, so
    /// that nobody can spend what is another's.
    pub(crate) fn admit(&self, principal: &Principal) -> Result<(), AuthenticateError> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        let identity = principal.san().to_string();
        let spent = limiter.spend(principal.issuer(), &identity, Instant::now());
        spent.map_err(AuthenticateError::rate_limited)
    }
}

/// Returns the client id and the further audiences, each once.
fn audiences(entry: &Entry) -> Result<Vec<String>, EntryFault> {
    let more = entry.audiences.as_deref().unwrap_or_default();
    if more.iter().any(|audience| audience.trim().is_empty()) {
        return Err(EntryFault::AudienceEmpty);
    }
    let client_id = entry.client_id.as_ref();
    let client_id = client_id.filter(|audience| !audience.trim().is_empty());
    let mut audiences: Vec<String> = Vec::new();
    for audience in client_id.into_iter().chain(more) {
        if !audiences.contains(audience) {
            audiences.push(audience.clone());
        }
    }
    match audiences.is_empty() {
        true => Err(EntryFault::ClientId),
        false => Ok(audiences),
    }
}
