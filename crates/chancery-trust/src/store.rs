//! What a database does for a repository.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::tuf::{Files, MetadataVersion};
use crate::update::Update;

/// Where a repository is kept. Nothing in it is ever changed or taken away, and none of it is
/// trusted when it is read.
#[async_trait]
pub trait TrustStore: Send + Sync + Debug {
    /// Returns the newest version of timestamp; `None` if nothing was published.
    ///
    /// # Errors
    /// [`TrustStoreError::Unavailable`].
    async fn newest(&self) -> Result<Option<MetadataVersion>, TrustStoreError>;

    /// Reads what is stored; `None` if nothing was published.
    ///
    /// # Errors
    /// [`TrustStoreError::Unavailable`].
    async fn files(&self) -> Result<Option<Files>, TrustStoreError>;

    /// Adds files, all or none, if [`Update::after`] still is the newest timestamp.
    ///
    /// # Errors
    /// [`TrustStoreError::Overtaken`] if it is not: read again what is there.
    async fn add(&self, update: &Update) -> Result<(), TrustStoreError>;
}

/// Why a store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum TrustStoreError {
    /// Somebody else has published in between.
    #[error("somebody else has published trust metadata in between")]
    Overtaken,
    /// The store could not be asked, or its answer was lost.
    #[error("the trust metadata cannot be reached: {0}")]
    Unavailable(String),
}
