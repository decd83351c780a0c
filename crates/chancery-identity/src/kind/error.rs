//! Why an issuer's entry contradicts the rules of its type, and why a token does.

use chancery_certs::SubjectNameError;

use crate::ci_provider::RecipeError;
use crate::claim_path::ClaimPathError;
use crate::go_url::GoUrlError;
use crate::token::claims::ClaimFault;

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
    /// `identity-claim` with a type whose names come of several claims.
    #[error(
        "identity-claim cannot be used with its type, whose names are made of several claims; use \
         subject-alternative-name-template"
    )]
    IdentityClaim,
    /// Two keys that say where the name comes from.
    #[error("it has identity-claim and subject-alternative-name-template; use one of them")]
    NameTwice,
    /// A path to a claim that is none.
    #[error("its {key} {reason}")]
    Path {
        /// The entry's key.
        key: &'static str,
        /// Why not.
        reason: ClaimPathError,
    },
    /// `ci-provider` is missing.
    #[error("its ci-provider is missing; name one of those under ci-issuer-metadata")]
    ProviderMissing,
    /// The provider makes no name.
    #[error("its ci-provider {0:?} has no subject-alternative-name-template")]
    ProviderNameless(String),
    /// The provider is not described.
    #[error(
        "its ci-provider {provider:?} is neither under ci-issuer-metadata nor known without; the \
         nearest is {nearest:?}"
    )]
    ProviderUnknown {
        /// As configured.
        provider: String,
        /// The nearest that there is, as a hint.
        nearest: String,
    },
    /// `spiffe` under meta-issuers.
    #[error(
        "type \"spiffe\" cannot be used with wildcards: name each issuer with its trust domain"
    )]
    SpiffeMeta,
    /// No usable `subject-domain`.
    #[error("its subject-domain {subject_domain:?} is not {expected}")]
    SubjectDomain {
        /// As configured.
        subject_domain: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The template of its own does not parse.
    #[error("its subject-alternative-name-template does not parse: {0}")]
    Template(String),
    /// A value of a name that is always the token's.
    #[error("its template-values has {0:?}, which always comes from the token")]
    TemplateValueReserved(String),
    /// A value that nothing uses.
    #[error(
        "its template-values has {0:?}, which none of its templates uses; correct the name, or add \
         a subject-alternative-name-template"
    )]
    TemplateValueUnused(String),
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
        /// Its name, or the path to it.
        claim: String,
        /// Why not.
        fault: ClaimFault,
    },
    /// The claim is not of the form that the issuer's type demands.
    #[error("the token's \"{claim}\" is not {expected}")]
    ClaimMalformed {
        /// Its name.
        claim: &'static str,
        /// What it should be.
        expected: String,
    },
    /// The claim is missing or empty.
    #[error("the token has no \"{claim}\", which this issuer's certificates are for")]
    ClaimMissing {
        /// Its name, or the path to it.
        claim: String,
    },
    /// The e-mail address is none.
    #[error("the token's e-mail address is not one of a dotted domain in plain ASCII")]
    EmailMalformed,
    /// The issuer does not say that the address was verified.
    #[error("the token does not say that its \"email\" is verified (\"email_verified\": true)")]
    EmailNotVerified,
    /// A template makes too much of a token.
    #[error("the extension {part} would have {octets} octets, more than is certified")]
    ExtensionTooLong {
        /// The extension's key.
        part: &'static str,
        /// The length of its value.
        octets: usize,
    },
    /// The name cannot stand in a certificate.
    #[error(transparent)]
    Name(#[from] SubjectNameError),
    /// The name that the token yields is no URL.
    #[error("the name that the token yields is no URL: it {0}")]
    NameNotUrl(String),
    /// The name or an extension cannot be made of the token.
    #[error("the certificate's {part} cannot be made from the token: {reason}")]
    NotMade {
        /// The extension's key, or "name".
        part: &'static str,
        /// Why not.
        reason: RecipeError,
    },
    /// The subject has a domain that the issuer may not speak for.
    #[error("the token's subject is not of this issuer's {0}")]
    SubjectForeign(String),
    /// The subject is an e-mail address, which this issuer may not speak for.
    #[error("the token's subject is an e-mail address, which issuers of this type do not certify")]
    SubjectIsEmail,
    /// The subject is not of the form that the issuer's type demands.
    #[error("the token's subject {0}")]
    SubjectMalformed(String),
}

impl IdentityError {
    /// Returns the stable code of the reason.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::ClaimMissing { claim } => match claim.as_str() {
                "email" => "email-missing",
                "sub" => "subject-missing",
                _ => "claim-missing",
            },
            Self::NotMade { reason, .. } => match reason {
                RecipeError::ClaimMissing { .. } => "claim-missing",
                RecipeError::ClaimUnusable { .. } => "claim-refused",
                RecipeError::Render(_) => "template-failed",
                RecipeError::Unfit(_) | RecipeError::Url(_) => "name-refused",
            },
            Self::Claim { .. } | Self::ClaimMalformed { .. } | Self::ExtensionTooLong { .. } => {
                "claim-refused"
            }
            Self::EmailMalformed => "email-malformed",
            Self::EmailNotVerified => "email-not-verified",
            Self::Name(_) | Self::NameNotUrl(_) => "name-refused",
            Self::SubjectForeign(_) => "subject-foreign",
            Self::SubjectIsEmail => "subject-is-email",
            Self::SubjectMalformed(_) => "subject-malformed",
        }
    }

    pub(crate) fn claim(claim: impl ToString, fault: ClaimFault) -> Self {
        let claim = claim.to_string();
        Self::Claim { claim, fault }
    }

    pub(crate) fn missing(claim: impl ToString) -> Self {
        let claim = claim.to_string();
        Self::ClaimMissing { claim }
    }

    pub(crate) const fn not_made(part: &'static str, reason: RecipeError) -> Self {
        Self::NotMade { part, reason }
    }
}

impl From<GoUrlError> for IdentityError {
    fn from(error: GoUrlError) -> Self {
        Self::SubjectMalformed(error.to_string())
    }
}
