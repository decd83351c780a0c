//! Tokens that may be used once only.

use std::error::Error;
use std::time::SystemTime;

use async_trait::async_trait;
use chancery_identity::Principal;

use crate::error::IssueError;

/// The register of tokens that were used, shared by all processes of an installation.
#[async_trait]
pub trait UsedTokens: Send + Sync {
    /// Records the use of the token with this digest, until `expires`; returns `false` if it was
    /// recorded before. Of any number of calls with one digest at the same time, one gets `true`.
    ///
    /// # Errors
    /// The register did not answer. The use may have been recorded or not.
    async fn claim(&self, digest: [u8; 32], expires: SystemTime) -> Result<bool, UsedTokensError>;
}

/// The register of used tokens did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the register of used tokens did not answer")]
pub struct UsedTokensError(#[source] Box<dyn Error + Send + Sync>);

impl UsedTokensError {
    /// Says why.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// Records the use of the principal's token, if it may be used once only.
pub(crate) async fn claim(
    register: &dyn UsedTokens,
    principal: &Principal,
) -> Result<(), IssueError> {
    match principal.once() {
        Some(token) => record(register, token.digest(), token.expires()).await,
        None => Ok(()),
    }
}

async fn record(
    register: &dyn UsedTokens,
    digest: [u8; 32],
    expires: SystemTime,
) -> Result<(), IssueError> {
    if register.claim(digest, expires).await? {
        Ok(())
    } else {
        Err(IssueError::TokenUsed)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::error::Class;
    use crate::memory::MemoryUsedTokens;

    struct Away;

    #[async_trait]
    impl UsedTokens for Away {
        async fn claim(&self, _: [u8; 32], _: SystemTime) -> Result<bool, UsedTokensError> {
            Err(UsedTokensError::new(io::Error::other("secret address")))
        }
    }

    #[tokio::test]
    async fn a_second_use_is_refused() {
        let register = MemoryUsedTokens::default();
        let use_token = |n| record(&register, [n; 32], SystemTime::UNIX_EPOCH);
        use_token(1).await.unwrap();
        use_token(2).await.unwrap();
        let refused = use_token(1).await.unwrap_err();
        assert_eq!(
            (refused.class(), refused.code()),
            (Class::Refused, "token-used")
        );
        let sentence = "There was an error processing the identity token";
        assert_eq!(refused.fulcio_sentence(), sentence);
    }

    #[tokio::test]
    async fn no_token_is_taken_while_the_register_is_away() {
        let refused = record(&Away, [1; 32], SystemTime::UNIX_EPOCH).await;
        let refused = refused.unwrap_err();
        assert!(matches!(refused.class(), Class::Unavailable { .. }));
        assert_eq!(refused.code(), "used-tokens-unavailable");
        assert!(!refused.reason().contains("secret"));
    }
}
