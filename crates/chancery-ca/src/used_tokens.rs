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
    let Some(token) = principal.once() else {
        return Ok(());
    };
    if register.claim(token.digest(), token.expires()).await? {
        Ok(())
    } else {
        Err(IssueError::TokenUsed)
    }
}
