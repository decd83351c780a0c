//! What get-entries says of an entry that the tree does not hash: the precertificate and the chain.

use std::collections::HashMap;

use bytes::Bytes;
use chancery_log::{ReadError, Snapshot};
use chancery_tlog::ct::{TileLeaf, extra_data};

use super::super::refuse;
use crate::error::ApiError;

/// The certificates of a log's chains, read once each.
pub(super) struct Chains<'a> {
    log: &'a Snapshot,
    read: HashMap<[u8; 32], Bytes>,
}

impl<'a> Chains<'a> {
    pub(super) fn of(log: &'a Snapshot) -> Self {
        Self {
            log,
            read: HashMap::new(),
        }
    }

    /// Returns the entry's `extra_data`.
    pub(super) async fn extra_data(&mut self, leaf: &TileLeaf) -> Result<Vec<u8>, ApiError> {
        for fingerprint in leaf.chain_fingerprints() {
            if !self.read.contains_key(fingerprint) {
                let found = self.log.issuer(fingerprint).await.map_err(refuse)?;
                let found = found.ok_or_else(|| {
                    let name = hex::encode(fingerprint);
                    contradiction(leaf, &format!("issuer {name} is not stored"))
                })?;
                self.read.insert(*fingerprint, found);
            }
        }
        let named = leaf.chain_fingerprints().iter();
        let chain: Vec<&[u8]> = named
            .filter_map(|fingerprint| self.read.get(fingerprint))
            .map(|der| &der[..])
            .collect();
        extra_data(leaf.entry(), &chain).map_err(|e| contradiction(leaf, &e.to_string()))
    }
}

fn contradiction(leaf: &TileLeaf, what: &str) -> ApiError {
    let index = leaf.leaf_index().get();
    refuse(ReadError::Inconsistent(format!("entry {index}: {what}")))
}
