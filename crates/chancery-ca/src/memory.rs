//! A register of used tokens in memory, for tests.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;

use crate::used_tokens::{UsedTokens, UsedTokensError};

/// A register that one process fills, and nobody clears.
#[derive(Debug, Default)]
pub struct MemoryUsedTokens(Mutex<BTreeSet<[u8; 32]>>);

#[async_trait]
impl UsedTokens for MemoryUsedTokens {
    async fn claim(&self, digest: [u8; 32], _: SystemTime) -> Result<bool, UsedTokensError> {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(used.insert(digest))
    }
}
