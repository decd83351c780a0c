//! The issuers that are trusted: which one a token's `iss` means, and what it says then.

mod set;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use crate::config::{ConfigError, IdentityConfig};
use crate::error::AuthenticateError;
use crate::explain::{self, Explanation, Reach};
use crate::in_cluster::InCluster;
use crate::issuers::set::Lasting;
use crate::key_cache::Timings;
use crate::principal::Principal;
use crate::token::UnverifiedToken;

pub(crate) use crate::issuers::set::Set;

/// Whether issuers may be asked over plain HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HttpPolicy {
    /// All may, for development.
    Allow,
    /// Only those whose entry says `allow-http: true`.
    #[default]
    Refuse,
}

/// What happens to a shared issuer, such as github.com's, whose entry neither has allow rules that
/// pin an owner nor says `any-owner: true`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OwnerRule {
    /// The configuration is refused.
    #[default]
    Require,
    /// It is logged, for development.
    Warn,
}

/// How issuers are asked, and what is demanded of their entries.
#[derive(Debug, Clone, Copy, Default)]
pub struct IssuersOptions {
    /// Whether issuers on `http://` are accepted.
    pub allow_http: HttpPolicy,
    /// Whether shared issuers need an owner rule.
    pub owner_rule: OwnerRule,
    /// Where the credentials for the cluster are that this server runs in.
    pub in_cluster: InCluster,
    /// How long they are waited for and believed.
    pub timings: Timings,
}

/// What is said in public about an issuer: the fields of Fulcio's `GET /api/v2/configuration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerDescription {
    /// The issuer's URL, or the pattern of URLs.
    pub address: IssuerAddress,
    /// What the `aud` of a token must hold: the entry's client id, or the first of its audiences.
    pub audience: String,
    /// All audiences of the entry, of which one suffices.
    pub audiences: Vec<String>,
    /// The claim that clients sign to prove that they hold their key.
    pub challenge_claim: String,
    /// The trust domain of type `spiffe`, else empty.
    pub spiffe_trust_domain: String,
    /// Fulcio's name of the issuer's type.
    pub issuer_type: &'static str,
    /// The domain of the subjects of the types `uri` and `username`, else empty.
    pub subject_domain: String,
    /// Whether e-mail addresses are believed without `email_verified`.
    pub skip_email_verification: bool,
}

/// Which issuers a description is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuerAddress {
    /// The one with this URL.
    Url(String),
    /// All whose URLs match this pattern.
    Wildcard(String),
}

/// All trusted issuers. Making them asks nobody; each is asked when its first token comes, and one
/// that cannot be reached is in nobody else's way.
pub struct Issuers {
    set: ArcSwap<Set>,
    lasting: Lasting,
    /// Held while one configuration takes another's place.
    replacing: Mutex<()>,
}

impl Issuers {
    /// Makes the issuers of a configuration, and does no network.
    ///
    /// # Errors
    /// The first entry that contradicts a rule.
    pub fn new(config: IdentityConfig, options: IssuersOptions) -> Result<Self, ConfigError> {
        let lasting = Lasting::new(options);
        let set = Set::new(&config, &lasting, None)?;
        Ok(Self {
            set: ArcSwap::from_pointee(set),
            lasting,
            replacing: Mutex::default(),
        })
    }

    /// Puts another configuration in the place of the present one, under the same options, and does
    /// no network. Tokens that are being looked at are judged by the old one to the end, all others
    /// by the new one. Keys are kept where the way to them is the same, and so is what has been
    /// counted against rate limits that are the same.
    ///
    /// # Errors
    /// As in [`Self::new`]; the present configuration then stays in force.
    pub fn replace(&self, config: IdentityConfig) -> Result<(), ConfigError> {
        let _alone = self
            .replacing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let set = Set::new(&config, &self.lasting, Some(&self.set.load()))?;
        self.set.store(Arc::new(set));
        Ok(())
    }

    /// Finds out who holds a token, at the time `now`.
    ///
    /// # Errors
    /// See [`AuthenticateError`]: its class tells whether the sender or the issuer is at fault.
    pub async fn authenticate(
        &self,
        token: &str,
        now: SystemTime,
    ) -> Result<Principal, AuthenticateError> {
        let token = UnverifiedToken::parse(token)?;
        let name = token.claims.issuer()?;
        let issuer = self.set.load().find(name)?;
        issuer.authenticate(token, now).await
    }

    /// Says what becomes of a token at the time `now`, and why. Nobody is certified for it, and
    /// nothing is counted against rate limits.
    pub async fn explain(&self, token: &str, now: SystemTime, reach: Reach) -> Explanation {
        let set = self.set.load_full();
        explain::explain(&set, token, now, reach).await
    }

    /// Returns what may be said in public about each issuer, those with wildcards last.
    pub fn configured(&self) -> Arc<[IssuerDescription]> {
        Arc::clone(&self.set.load().descriptions)
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Issuers")
            .field("configured", &self.configured())
            .finish_non_exhaustive()
    }
}
