//! The register of used tokens, in the database.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use chancery_ca::{UsedTokens, UsedTokensError};
use chancery_store::Store;

/// Where the authority records the use of tokens that count once only.
pub(crate) struct StoredTokens(pub(crate) Store);

#[async_trait]
impl UsedTokens for StoredTokens {
    async fn claim(&self, digest: [u8; 32], expires: SystemTime) -> Result<bool, UsedTokensError> {
        let expires = expires.duration_since(SystemTime::UNIX_EPOCH);
        let expires_ms = expires.as_ref().map_or(0, Duration::as_millis);
        let expires_ms = u64::try_from(expires_ms).unwrap_or(u64::MAX);
        let claimed = self.0.claim_token(digest, expires_ms).await;
        claimed.map_err(UsedTokensError::new)
    }
}
