//! The types of issuers: what a certificate says of the holder of a token, by Fulcio's rules.
//!
//! A type is read from its entry once, when the configuration is loaded, so that what would refuse
//! every token refuses to start. Each has a file of its own.

mod email;
mod kubernetes;
mod spiffe;
mod uri;
mod username;

use chancery_certs::{SubjectAlternativeName, SubjectNameError};

use crate::config::{Entry, EntryFault};
use crate::go_url::{GoUrl, GoUrlError};
use crate::issuer::VerifiedClaims;
use crate::token::claims::{ClaimFault, Claims};

pub(crate) use email::looks_like_email;

/// Fulcio's types that are not supported yet.
const UNSUPPORTED: [&str; 6] = [
    "buildkite-job",
    "chainguard-identity",
    "ci-provider",
    "codefresh-workflow",
    "github-workflow",
    "gitlab-pipeline",
];

const SUPPORTED: [&str; 5] = ["email", "kubernetes", "spiffe", "uri", "username"];

/// How an issuer's tokens become identities.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
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
}

/// Why the entry of an issuer contradicts the rules of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KindError {
    /// The subjects' domain is not the issuer's.
    #[error(
        "its subject-domain {subject_domain:?} is not of the issuer's own domain: the host names \
         must be equal, or have the same last two labels"
    )]
    ForeignDomain {
        /// As configured.
        subject_domain: String,
    },
    /// The subjects' scheme is not the issuer's.
    #[error("its subject-domain {subject_domain:?} and its URL must have the same scheme")]
    ForeignScheme {
        /// As configured.
        subject_domain: String,
    },
    /// No usable `subject-domain`.
    #[error("its subject-domain {subject_domain:?} is not {expected}")]
    SubjectDomain {
        /// As configured.
        subject_domain: String,
        /// What it should be.
        expected: &'static str,
    },
    /// `spiffe` under meta-issuers.
    #[error(
        "type \"spiffe\" cannot be used with wildcards: name each issuer with its trust domain"
    )]
    SpiffeMeta,
    /// No usable `spiffe-trust-domain`.
    #[error("its spiffe-trust-domain {0:?} is not a trust domain such as \"example.org\"")]
    TrustDomain(String),
}

/// Why the holder of a genuine token cannot have a certificate. The issuer's or the caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// A claim's value cannot enter a certificate.
    #[error("the token's \"{claim}\" {fault}")]
    Claim {
        /// Its name.
        claim: &'static str,
        /// Why not.
        fault: ClaimFault,
    },
    /// The claim is missing or empty.
    #[error("the token has no \"{claim}\", which this issuer's certificates are for")]
    ClaimMissing {
        /// Its name.
        claim: &'static str,
    },
    /// The e-mail address is none.
    #[error("the token's \"email\" is not an e-mail address of a dotted domain in plain ASCII")]
    EmailMalformed,
    /// The issuer does not say that the address was verified.
    #[error("the token does not say that its \"email\" is verified (\"email_verified\": true)")]
    EmailNotVerified,
    /// The name cannot stand in a certificate.
    #[error(transparent)]
    Name(#[from] SubjectNameError),
    /// The subject has a domain that the issuer may not speak for.
    #[error("the token's \"sub\" is not of this issuer's {0}")]
    SubjectForeign(String),
    /// The subject is an e-mail address, which this issuer may not speak for.
    #[error("the token's \"sub\" is an e-mail address, which issuers of this type do not certify")]
    SubjectIsEmail,
    /// The subject is not of the form that the issuer's type demands.
    #[error("the token's \"sub\" {0}")]
    SubjectMalformed(String),
}

impl IdentityError {
    /// Returns the stable code of the reason.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Claim { .. } => "claim-refused",
            Self::ClaimMissing { claim: "email" } => "email-missing",
            Self::ClaimMissing { claim: "sub" } => "subject-missing",
            Self::ClaimMissing { .. } => "claim-missing",
            Self::EmailMalformed => "email-malformed",
            Self::EmailNotVerified => "email-not-verified",
            Self::Name(_) => "name-refused",
            Self::SubjectForeign(_) => "subject-foreign",
            Self::SubjectIsEmail => "subject-is-email",
            Self::SubjectMalformed(_) => "subject-malformed",
        }
    }
}

impl Kind {
    /// Reads the type of an entry whose URL, or pattern of URLs, is `address`.
    pub(crate) fn new(entry: &Entry, address: &str, is_meta: bool) -> Result<Self, EntryFault> {
        let name = entry.kind.as_deref().unwrap_or_default();
        if entry
            .issuer_claim
            .as_deref()
            .is_some_and(|claim| !claim.is_empty())
        {
            return Err(match name {
                "email" => EntryFault::IssuerClaimUnsupported,
                _ => EntryFault::IssuerClaim,
            });
        }
        match name {
            "email" => Ok(Self::Email(email::Email::new(entry))),
            "kubernetes" => Ok(Self::Kubernetes),
            "spiffe" if is_meta => Err(KindError::SpiffeMeta.into()),
            "spiffe" => Ok(Self::Spiffe(spiffe::Spiffe::new(entry)?)),
            "uri" => Ok(Self::Uri(uri::Uri::new(entry, address)?)),
            "username" => Ok(Self::Username(username::Username::new(entry, address)?)),
            _ if UNSUPPORTED.contains(&name) => {
                Err(EntryFault::TypeUnsupported(SUPPORTED.join(", ")))
            }
            _ => Err(EntryFault::TypeUnknown(
                [&SUPPORTED[..], &UNSUPPORTED].concat().join(", "),
            )),
        }
    }

    /// Returns Fulcio's name of the type.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Kubernetes => "kubernetes",
            Self::Spiffe(_) => "spiffe",
            Self::Uri(_) => "uri",
            Self::Username(_) => "username",
        }
    }

    /// Returns the claim that clients sign by default.
    pub(crate) const fn challenge_claim(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            _ => "sub",
        }
    }

    /// Finds out who the holder of the token is.
    pub(crate) fn identify(&self, claims: &VerifiedClaims) -> Result<Identity, IdentityError> {
        match self {
            Self::Email(email) => email.identify(claims),
            Self::Kubernetes => kubernetes::identify(claims),
            Self::Spiffe(spiffe) => spiffe.identify(claims),
            Self::Uri(uri) => uri.identify(claims),
            Self::Username(username) => username.identify(claims),
        }
    }
}

/// Returns a claim as a text that is not empty.
fn required<'a>(claims: &'a Claims, claim: &'static str) -> Result<&'a str, IdentityError> {
    claims
        .text(claim)
        .map_err(|fault| IdentityError::Claim { claim, fault })?
        .filter(|text| !text.is_empty())
        .ok_or(IdentityError::ClaimMissing { claim })
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

impl From<GoUrlError> for IdentityError {
    fn from(error: GoUrlError) -> Self {
        Self::SubjectMalformed(error.to_string())
    }
}

/// Reads the issuer's own URL or pattern, which has been looked at before.
fn issuer_url(address: &str) -> Result<GoUrl, EntryFault> {
    GoUrl::parse(address).map_err(|_| EntryFault::Url)
}

#[cfg(test)]
mod tests;
