//! Why a token does not get its sender a certificate.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use crate::key_cache::Unavailable;
use crate::kind::IdentityError;
use crate::limits::{Spent, Whose};
use crate::rules::RuleRefusal;
use crate::signature::SignatureError;
use crate::token::TokenError;
use crate::token::claims::ClaimsError;

/// Why a token was not accepted. The text is for its sender: it says what was wrong and what to do,
/// and holds no part of the token but single claims, quoted and cut.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// The token is for somebody else, or not for now.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// The token is genuine, but its holder cannot have a certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The issuer's keys are not known, and the issuer cannot be asked now.
    #[error(
        "the issuer {issuer} cannot be used at the moment; the token may be good, try again in \
         {} s", .retry_after.as_secs()
    )]
    IssuerUnavailable {
        /// The issuer's identifier, as configured or as the token has it.
        issuer: String,
        /// When to try again; at least one second.
        retry_after: Duration,
        /// What went wrong: for the log, not for the caller, who could learn from it what else
        /// answers in the network behind this server.
        #[source]
        cause: Arc<dyn Error + Send + Sync>,
    },
    /// The issuer is not configured.
    #[error("tokens of the issuer {found} are not accepted here{}", hint(.nearest.as_deref()))]
    IssuerUnknown {
        /// The token's `iss`, quoted.
        found: String,
        /// A configured issuer, or a pattern, that it differs from in case, in scheme, in a slash at
        /// the end or in the cluster's domain only.
        nearest: Option<String>,
    },
    /// The token is good, but its holder or issuer has asked too often.
    #[error(
        "too many certificates were asked for by {}; try again in {} s",
        of(*.whose),
        .retry_after.as_secs()
    )]
    RateLimited {
        /// Whose limit is reached.
        whose: Whose,
        /// When to try again; at least one second.
        retry_after: Duration,
    },
    /// The token is genuine, but the operator's rules refuse it.
    #[error(transparent)]
    Rule(#[from] RuleRefusal),
    /// The signature is not the issuer's.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// What was sent is not a token.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureClass {
    /// The sender's, who has asked too often: the same token may be accepted later.
    Limited {
        /// When to try again; at least one second.
        retry_after: Duration,
    },
    /// The sender's: the same token will be refused again.
    Refused,
    /// Ours or the issuer's: the same token may be accepted later.
    Unavailable {
        /// When to try again; at least one second.
        retry_after: Duration,
    },
}

impl AuthenticateError {
    /// Returns the stable code of the reason, in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Claims(error) => error.code(),
            Self::Identity(error) => error.code(),
            Self::IssuerUnavailable { .. } => "issuer-unavailable",
            Self::IssuerUnknown { .. } => "issuer-unknown",
            Self::RateLimited { .. } => "rate-limited",
            Self::Rule(refusal) => refusal.code(),
            Self::Signature(error) => error.code(),
            Self::Token(error) => error.code(),
        }
    }

    /// Returns whose fault it is, and when to try again.
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::IssuerUnavailable { retry_after, .. } => FailureClass::Unavailable {
                retry_after: *retry_after,
            },
            Self::RateLimited { retry_after, .. } => FailureClass::Limited {
                retry_after: *retry_after,
            },
            _ => FailureClass::Refused,
        }
    }

    pub(crate) fn unavailable(issuer: &str, reason: Unavailable) -> Self {
        Self::IssuerUnavailable {
            issuer: issuer.to_owned(),
            retry_after: whole_seconds(reason.retry_after),
            cause: reason.cause,
        }
    }

    pub(crate) fn rate_limited(spent: Spent) -> Self {
        Self::RateLimited {
            whose: spent.whose,
            retry_after: whole_seconds(spent.retry_after),
        }
    }
}

/// Rounds up to what Retry-After can say, at least one second.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs_f64().ceil() as u64).max(Duration::from_secs(1))
}

const fn of(whose: Whose) -> &'static str {
    match whose {
        Whose::Identity => "this identity",
        Whose::Issuer => "the holders of this issuer's tokens",
    }
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| match nearest.contains('*') {
        true => format!("; those of {nearest} are, but it must be such to the letter"),
        false => format!("; {nearest} is, but the two must be the same to the letter"),
    })
}
