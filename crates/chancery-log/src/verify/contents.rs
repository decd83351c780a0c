//! What the log does not know of its entries, and a verification asks its caller for.

use std::fmt::Debug;

use chancery_tlog::ct::TileLeaf;

use crate::IndexTerm;

/// What entries mean. Called from several threads at once; each method may take some hundred
/// microseconds.
///
/// An `Err` says what is wrong, for the operator, and makes a finding.
pub trait Contents: Debug + Send + Sync {
    /// Checks what the Merkle tree does not cover of an entry: a data tile holds more than is
    /// hashed, such as the precertificate. `issuer` is the certificate that its chain begins with,
    /// where it is stored.
    fn check_entry(&self, leaf: &TileLeaf, issuer: Option<&[u8]>) -> Result<(), String>;

    /// Returns the terms that the entry was indexed by, without the one that the log itself adds.
    fn terms(&self, leaf: &TileLeaf) -> Result<Vec<IndexTerm>, String>;

    /// Checks that what was handed out belongs to the entry.
    fn check_delivery(&self, leaf: &TileLeaf, body: &[u8]) -> Result<(), String>;
}
