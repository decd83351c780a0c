//! The stable codes that this crate puts on refusals.

/// Why no certificate was issued, in one word that never changes.
///
/// Refused tokens have the codes of [`AuthenticateError`](chancery_identity::AuthenticateError).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReasonCode {
    /// `ca-not-valid`
    CaNotValid,
    /// `clock-jumped`
    ClockJumped,
    /// `csr-malformed`
    CsrMalformed,
    /// `external-log-unavailable`
    ExternalLogUnavailable,
    /// `identity-not-certifiable`
    IdentityNotCertifiable,
    /// `internal`
    Internal,
    /// `key-blocked`
    KeyBlocked,
    /// `key-insecure`
    KeyInsecure,
    /// `key-malformed`
    KeyMalformed,
    /// `log-halted`
    LogHalted,
    /// `log-unavailable`
    LogUnavailable,
    /// `overloaded`
    Overloaded,
    /// `proof-invalid`
    ProofInvalid,
    /// `shutting-down`
    ShuttingDown,
    /// `signing-algorithm-not-permitted`
    SigningAlgorithmNotPermitted,
    /// `token-used`
    TokenUsed,
    /// `used-tokens-unavailable`
    UsedTokensUnavailable,
}

impl ReasonCode {
    /// Every code, in alphabetical order.
    pub const ALL: [Self; Self::UsedTokensUnavailable as usize + 1] = [
        Self::CaNotValid,
        Self::ClockJumped,
        Self::CsrMalformed,
        Self::ExternalLogUnavailable,
        Self::IdentityNotCertifiable,
        Self::Internal,
        Self::KeyBlocked,
        Self::KeyInsecure,
        Self::KeyMalformed,
        Self::LogHalted,
        Self::LogUnavailable,
        Self::Overloaded,
        Self::ProofInvalid,
        Self::ShuttingDown,
        Self::SigningAlgorithmNotPermitted,
        Self::TokenUsed,
        Self::UsedTokensUnavailable,
    ];

    /// Returns the code as answers and metrics show it.
    pub const fn as_str(self) -> &'static str {
        self.text().0
    }

    /// Returns what it means and what to do, in one sentence.
    pub const fn meaning(self) -> &'static str {
        self.text().1
    }

    const fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::CaNotValid => (
                "ca-not-valid",
                "the CA's own certificate is not valid now; its operator must renew it",
            ),
            Self::ClockJumped => (
                "clock-jumped",
                "the server's clock jumped between certificate and log entry; try again",
            ),
            Self::CsrMalformed => (
                "csr-malformed",
                "the certificate signing request cannot be read",
            ),
            Self::ExternalLogUnavailable => (
                "external-log-unavailable",
                "the external log that certificates must be in is away or gives no receipt; try again",
            ),
            Self::IdentityNotCertifiable => (
                "identity-not-certifiable",
                "the token was accepted, but holds values that cannot stand in a certificate",
            ),
            Self::Internal => (
                "internal",
                "the server failed; its log tells why under the answer's x-request-id",
            ),
            Self::KeyBlocked => (
                "key-blocked",
                "the key is on the operator's block list; make a new one",
            ),
            Self::KeyInsecure => (
                "key-insecure",
                "the key is of a kind or size that is not accepted, or anybody can sign with it",
            ),
            Self::KeyMalformed => (
                "key-malformed",
                "there is no public key in the request, or it cannot be read",
            ),
            Self::LogHalted => (
                "log-halted",
                "the log is halted until an operator has looked at it",
            ),
            Self::LogUnavailable => (
                "log-unavailable",
                "the log did not take the entry; try again",
            ),
            Self::Overloaded => ("overloaded", "too many requests wait already; try again"),
            Self::ProofInvalid => (
                "proof-invalid",
                "the signature is not over the token's name, or not by the key in the request",
            ),
            Self::ShuttingDown => ("shutting-down", "the server is shutting down; try again"),
            Self::SigningAlgorithmNotPermitted => (
                "signing-algorithm-not-permitted",
                "the operator did not permit this kind of key with this hash",
            ),
            Self::TokenUsed => (
                "token-used",
                "the token was used before, be it in a request that failed, and its issuer's tokens \
                 count once; get a new one",
            ),
            Self::UsedTokensUnavailable => (
                "used-tokens-unavailable",
                "the server could not look up whether the token was used before; try again",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once_in_alphabetical_order() {
        assert!(
            ReasonCode::ALL
                .map(ReasonCode::as_str)
                .is_sorted_by(|a, b| a < b)
        );
        for (place, code) in ReasonCode::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, place);
            assert!(!code.meaning().ends_with('.') && code.meaning().len() > 20);
        }
    }
}
