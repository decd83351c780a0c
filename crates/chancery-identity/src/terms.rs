//! The terms of one entry of the configuration: whose tokens are taken, and what becomes of them.

use crate::config::{Entry, EntryFault};
use crate::error::AuthenticateError;
use crate::issuer::VerifiedClaims;
use crate::kind::Kind;
use crate::principal::Principal;
use crate::rules::Rules;

/// What one entry says, besides how its issuer's keys are found.
pub(crate) struct Terms {
    /// At least one of these must be an audience of the token.
    audiences: Vec<String>,
    kind: Kind,
    rules: Rules,
}

impl Terms {
    /// Reads the terms of an entry whose URL, or pattern of URLs, is `address`.
    pub(crate) fn new(entry: &Entry, address: &str, is_meta: bool) -> Result<Self, EntryFault> {
        let kind = Kind::new(entry, address, is_meta)?;
        let rules = Rules::new(entry.allow.clone(), entry.deny.clone());
        Ok(Self {
            audiences: audiences(entry)?,
            kind,
            rules: rules.map_err(EntryFault::RuleTwice)?,
        })
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

    /// Says who the holder of a token is.
    pub(crate) fn identify(
        &self,
        issuer: &str,
        claims: &VerifiedClaims,
    ) -> Result<Principal, AuthenticateError> {
        let identity = self.kind.identify(claims)?;
        Principal::new(issuer, identity, claims)
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
