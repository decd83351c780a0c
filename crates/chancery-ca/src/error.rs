//! Why no certificate was issued, and what a caller may be told of it.

use std::time::Duration;

use chancery_certs::CertifyError;
use chancery_identity::{AuthenticateError, FailureClass};
use chancery_log::{AppendError, SctError};
use chancery_tlog::ct::EntryError;

use crate::external_log::ExternalLogError;
use crate::issuer::CaSignError;
use crate::possession::PossessionError;
use crate::reason_code::ReasonCode;
use crate::used_tokens::UsedTokensError;

/// Why no certificate was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The task was aborted from outside; its effect is unknown.
    #[error("the act was aborted")]
    Aborted,
    /// The log did not take the entry.
    #[error("the log did not take the entry")]
    Append(#[from] AppendError),
    /// The identity does not fit a certificate, or the CA cannot issue now.
    #[error("the certificate could not be drawn up")]
    Certify(#[from] CertifyError),
    /// The precertificate does not fit a log entry.
    #[error("the precertificate does not fit a log entry")]
    Entry(#[from] EntryError),
    /// The external log gave no SCT. Our own log has the entry, and nothing is handed out for it.
    #[error("the external log gave no SCT")]
    ExternalLog(#[from] ExternalLogError),
    /// The entry's time lies outside the certificate's validity: the clock jumped in between.
    #[error("the log entry's time lies outside the certificate's validity")]
    OutsideValidity,
    /// As many acts are under way as there may be.
    #[error("too many acts are under way")]
    Overloaded,
    /// Possession of the key was not proven.
    #[error("possession was not proven")]
    Possession(#[from] PossessionError),
    /// The log did not sign the receipt.
    #[error("the log did not sign the receipt")]
    Sct(#[from] SctError),
    /// The CA's key did not sign.
    #[error("the CA did not sign")]
    Sign(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The token was refused, or its issuer is away.
    #[error("the token was refused")]
    Token(#[from] AuthenticateError),
    /// The token may be used once only, and was.
    #[error("the token was used before")]
    TokenUsed,
    /// Nobody could say whether the token was used before.
    #[error("the token's use was not recorded")]
    UsedTokens(#[from] UsedTokensError),
}

impl From<CaSignError> for IssueError {
    fn from(e: CaSignError) -> Self {
        Self::Sign(Box::new(e))
    }
}

/// Who is at fault, and whether to try again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// We are; nothing is known to help.
    Internal,
    /// The caller is, for asking too often; the same request may succeed later.
    Limited {
        /// When to try again.
        retry_after: Duration,
    },
    /// The caller is; the same request will be refused again.
    Refused,
    /// Something that we need is away; the same request may succeed later.
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
}

const SOON: Duration = Duration::from_secs(1);
/// Where only an operator can help.
const LATER: Duration = Duration::from_secs(60);

/// Tells whether other values in the token would make a certificate possible.
fn is_callers_fault(error: &CertifyError) -> bool {
    matches!(
        error,
        CertifyError::Extension(_) | CertifyError::SubjectKey(_)
    )
}

impl IssueError {
    /// Returns who is at fault.
    pub fn class(&self) -> Class {
        match self {
            Self::Aborted | Self::Entry(_) | Self::Sct(_) | Self::Sign(_) => Class::Internal,
            Self::Append(AppendError::Halted(_)) => Class::Unavailable { retry_after: LATER },
            Self::Append(_)
            | Self::ExternalLog(ExternalLogError::Away(_))
            | Self::OutsideValidity
            | Self::Overloaded
            | Self::Possession(PossessionError::Busy)
            | Self::UsedTokens(_) => Class::Unavailable { retry_after: SOON },
            Self::Certify(CertifyError::IssuerNotValid { .. }) | Self::ExternalLog(_) => {
                Class::Unavailable { retry_after: LATER }
            }
            Self::Certify(e) if is_callers_fault(e) => Class::Refused,
            Self::Certify(_) => Class::Internal,
            Self::Possession(_) | Self::TokenUsed => Class::Refused,
            Self::Token(e) => match e.class() {
                FailureClass::Limited { retry_after } => Class::Limited { retry_after },
                FailureClass::Refused => Class::Refused,
                FailureClass::Unavailable { retry_after } => Class::Unavailable { retry_after },
            },
        }
    }

    /// Returns a stable code for the reason: a [`ReasonCode`], or the token's.
    pub fn code(&self) -> &'static str {
        let code = match self {
            Self::Aborted | Self::Entry(_) | Self::Sct(_) | Self::Sign(_) => ReasonCode::Internal,
            Self::Append(AppendError::Closing) => ReasonCode::ShuttingDown,
            Self::Append(AppendError::Halted(_)) => ReasonCode::LogHalted,
            Self::Append(AppendError::PoolFull) | Self::Overloaded => ReasonCode::Overloaded,
            Self::Append(
                AppendError::Ended | AppendError::AlreadyLogged | AppendError::Unavailable(_),
            ) => ReasonCode::LogUnavailable,
            Self::Certify(e) if is_callers_fault(e) => ReasonCode::IdentityNotCertifiable,
            Self::Certify(CertifyError::IssuerNotValid { .. }) => ReasonCode::CaNotValid,
            Self::Certify(_) => ReasonCode::Internal,
            Self::ExternalLog(_) => ReasonCode::ExternalLogUnavailable,
            Self::OutsideValidity => ReasonCode::ClockJumped,
            Self::Possession(e) => e.code(),
            Self::Token(e) => return e.code(),
            Self::TokenUsed => ReasonCode::TokenUsed,
            Self::UsedTokens(_) => ReasonCode::UsedTokensUnavailable,
        };
        code.as_str()
    }

    /// Returns the sentence that Fulcio says in this case, which clients' users know.
    pub fn fulcio_sentence(&self) -> &'static str {
        match self {
            Self::Aborted | Self::Certify(_) | Self::Sign(_) => {
                "error communicating with CA backend"
            }
            Self::Append(_)
            | Self::Entry(_)
            | Self::ExternalLog(_)
            | Self::OutsideValidity
            | Self::Sct(_) => "Error entering certificate in CTL",
            Self::Overloaded => "The server is overloaded",
            Self::Possession(e) => e.fulcio_sentence(),
            Self::Token(_) | Self::TokenUsed | Self::UsedTokens(_) => {
                "There was an error processing the identity token"
            }
        }
    }

    /// Returns the reason as the caller may read it. Nothing internal is in it.
    pub fn reason(&self) -> String {
        match self {
            Self::Aborted | Self::Entry(_) | Self::Sct(_) | Self::Sign(_) => {
                "internal error".to_owned()
            }
            Self::Append(AppendError::PoolFull) | Self::Overloaded => {
                ReasonCode::Overloaded.meaning().to_owned()
            }
            Self::Append(AppendError::Closing) => "the server is shutting down".to_owned(),
            Self::Append(AppendError::Halted(_)) => {
                "the log is halted until an operator has looked at it".to_owned()
            }
            Self::Append(_) => "the log is unavailable; try again".to_owned(),
            Self::ExternalLog(ExternalLogError::Away(_)) => {
                "the external log that certificates must be in is away; try again".to_owned()
            }
            Self::ExternalLog(_) => {
                "the external log that certificates must be in gives no receipt; its operator or \
                 this server's must see to it"
                    .to_owned()
            }
            Self::OutsideValidity => "the server's clock jumped; try again".to_owned(),
            Self::Certify(e) if is_callers_fault(e) => e.to_string(),
            Self::Certify(CertifyError::IssuerNotValid { .. }) => {
                "the CA's own certificate is not valid now".to_owned()
            }
            Self::Certify(_) => "internal error".to_owned(),
            Self::Possession(e) => e.to_string(),
            Self::Token(e) => e.to_string(),
            Self::TokenUsed => ReasonCode::TokenUsed.meaning().to_owned(),
            Self::UsedTokens(_) => ReasonCode::UsedTokensUnavailable.meaning().to_owned(),
        }
    }
}

impl PossessionError {
    fn code(&self) -> ReasonCode {
        match self {
            Self::BlockedKey => ReasonCode::KeyBlocked,
            Self::Busy => ReasonCode::Overloaded,
            Self::Csr(_) => ReasonCode::CsrMalformed,
            Self::InsecureKey(_) => ReasonCode::KeyInsecure,
            Self::Key(_) => ReasonCode::KeyMalformed,
            Self::NotPermitted { .. } | Self::UnrecognizedAlgorithm(_) => {
                ReasonCode::SigningAlgorithmNotPermitted
            }
            Self::Proof(_) => ReasonCode::ProofInvalid,
        }
    }

    fn fulcio_sentence(&self) -> &'static str {
        match self {
            Self::BlockedKey | Self::InsecureKey(_) => {
                "The public key supplied in the request is insecure"
            }
            Self::Busy => "The public key supplied in the request could not be checked",
            Self::Csr(_) => "The certificate signing request could not be parsed",
            Self::Key(_) => "The public key supplied in the request could not be parsed",
            Self::NotPermitted { .. } => "signing algorithm not permitted",
            Self::Proof(_) => "The signature supplied in the request could not be verified",
            Self::UnrecognizedAlgorithm(_) => "unrecognized signature algorithm",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_budget_is_told_from_a_service_that_is_away() {
        let retry_after = Duration::from_secs(7);
        let limited = IssueError::Token(AuthenticateError::RateLimited {
            whose: chancery_identity::Whose::Identity,
            retry_after,
        });
        assert_eq!(limited.class(), Class::Limited { retry_after });
    }

    #[test]
    fn a_key_that_nobody_had_time_for_may_come_again() {
        let busy = IssueError::Possession(PossessionError::Busy);
        assert_eq!(busy.class(), Class::Unavailable { retry_after: SOON });
        assert_eq!(busy.code(), "overloaded");
    }
}
