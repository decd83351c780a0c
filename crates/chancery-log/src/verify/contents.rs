//! What the log does not know of its entries, and a verification asks its caller for.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::{IndexTerm, StoreError, StoredLeaf};

/// What entries mean. Called from several threads at once; each method may take some hundred
/// microseconds.
///
/// An `Err` with a text says what is wrong, for the operator, and makes a finding.
#[async_trait]
pub trait Contents: Debug + Send + Sync {
    /// Checks what the Merkle tree does not cover of an entry: a data tile holds more than is
    /// hashed, such as the precertificate. `issuer` is the certificate that its chain begins with,
    /// where it is stored.
    fn check_entry(
        &self,
        leaf_index: u64,
        leaf: &StoredLeaf,
        issuer: Option<&[u8]>,
    ) -> Result<(), String>;

    /// Returns the terms that the entry was indexed by, without the one that the log itself adds.
    fn terms(&self, leaf: &StoredLeaf) -> Result<Vec<IndexTerm>, String>;

    /// Checks that what was handed out belongs to the entry.
    fn check_delivery(&self, leaf: &StoredLeaf, body: &[u8]) -> Result<(), String>;

    /// Holds entries against what other logs have of them, where they are tied to any. They are a
    /// stretch of the log, as its tiles hold them, of which each was checked by itself. Returns the
    /// places of those with which something is wrong, and what.
    ///
    /// # Errors
    ///
    /// When another log cannot be read.
    async fn check_ties(&self, entries: &[TiedEntry<'_>]) -> Result<Vec<Untied>, StoreError> {
        let _ = entries;
        Ok(Vec::new())
    }
}

/// An entry's place in the log, and its bytes as a tile holds them.
pub type TiedEntry<'a> = (u64, &'a [u8]);

/// An entry's place in the log, and what is wrong with what it is tied to.
pub type Untied = (u64, String);
