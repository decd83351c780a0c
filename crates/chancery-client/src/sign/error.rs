//! Why nothing was signed: who is at fault, what they said, and what can be done.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::SigningConfigError;
use super::artifact::ArtifactError;
use super::statement::StatementError;
use crate::rfc3339::rfc3339;
use crate::token::IdentityToken;
use crate::verify::VerifyError;

/// The services that take part in a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// Issues the certificate.
    Authority,
    /// Publishes the signature.
    Ledger,
    /// Says when it was made.
    Timestamps,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authority => "the certificate authority",
            Self::Ledger => "the ledger",
            Self::Timestamps => "the timestamp authority",
        })
    }
}

/// Why nothing was signed. All who wait for one certificate are told the same.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SignError {
    /// Nobody can be asked.
    #[error(transparent)]
    Config(#[from] SigningConfigError),
    /// What was to be signed could not be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// What was to be attested is no statement.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The token counts no more, and a certificate was needed.
    #[error("the identity token ended at {}; log in again, or give a fresh one", rfc3339(*.expired))]
    TokenExpired {
        /// When it ended.
        expired: SystemTime,
    },
    /// The token is not for the authority, which could show it to whomever it is for.
    #[error(
        "the identity token is for {found}, and not for the audience {wanted:?} alone, so it is not \
         sent to {service}, who could use it elsewhere; give one for {wanted:?}, or name the audience \
         that the authority wants",
        service = Service::Authority
    )]
    Audience {
        /// For whom the token has to be.
        wanted: String,
        /// For whom it is, in words, cut off if that is long.
        found: String,
    },
    /// A token must not be sent where anybody on the way could read it.
    #[error("{service} at {url} is not asked: it wants https, or http on this machine itself")]
    Insecure {
        /// Which service.
        service: Service,
        /// Where it is said to be.
        url: String,
    },
    /// The service could not be asked, or broke off, also when it was asked again.
    #[error("{service} at {url} cannot be reached; see whether it runs, and sign again")]
    Away {
        /// Which service.
        service: Service,
        /// Where it is.
        url: String,
        /// What stood in the way.
        source: Arc<reqwest::Error>,
    },
    /// The service answered that it does not do it.
    #[error("{service} at {url} answered {status}: {said}; {}", advice(*.service, *.status))]
    Refused {
        /// Which service.
        service: Service,
        /// Where it is.
        url: String,
        /// The status of HTTP.
        status: u16,
        /// What it said, cut off if it is long.
        said: String,
    },
    /// What the service answered is not what was asked for, or nobody whom the trusted root names
    /// answered. Nothing was handed out.
    #[error(
        "{service} at {url} answered what does not verify: {why}; do not use it before its operator \
         has explained this, and see whether the trusted root is this instance's and current"
    )]
    Untrusted {
        /// Which service.
        service: Service,
        /// Where it is.
        url: String,
        /// What does not hold.
        why: String,
    },
    /// The certificate was not valid when a signature under it was stamped, and neither was another one:
    /// the services are slow, or their clocks are apart.
    #[error(
        "{service} at {url} says that it was {}, when the certificate was not valid, each time that \
         it was asked; see whether its clock and the certificate authority's are right",
        rfc3339(*.time),
        service = Service::Timestamps
    )]
    Untimely {
        /// Where the timestamp authority is.
        url: String,
        /// What time it stamped last.
        time: SystemTime,
    },
    /// The bundle does not verify with the trusted root, although each answer does by itself. Nothing was
    /// handed out.
    #[error(
        "the bundle does not verify with the trusted root; see whether that is this instance's and \
         current"
    )]
    Unverified(#[from] VerifyError),
    /// This machine makes no keys, signatures or connections.
    #[error("this machine could not {0}")]
    Machine(&'static str),
}

impl SignError {
    pub(super) fn audience(token: &IdentityToken, wanted: &str) -> Self {
        let audiences = token.audiences().map(|one| format!("{one:?}"));
        let found: String = audiences.collect::<Vec<_>>().join(", ");
        Self::Audience {
            wanted: wanted.to_owned(),
            found: match found.is_empty() {
                true => "no audience".to_owned(),
                false => found.chars().take(300).collect(),
            },
        }
    }
}

fn advice(service: Service, status: u16) -> &'static str {
    match (service, status) {
        (Service::Authority, 400 | 401 | 403) => {
            "see whether the token is fresh, its audience is the one that the authority wants, and its \
             issuer is one that the authority takes"
        }
        (_, 429) => "wait, and sign fewer at once",
        (Service::Ledger, 405) => {
            "the ledger is frozen: refresh what is trusted with `chancery client refresh`"
        }
        (_, 500..) => "it may be back later; ask its operator",
        _ => "ask its operator",
    }
}
