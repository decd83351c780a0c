//! One batch of a copy: entries read, parsed strictly, and hashed.

use std::collections::HashSet;
use std::ops::Range;

use chancery_tlog::RightEdge;
use sha2::{Digest, Sha256};

use super::{BATCH, CopyError, Copying, Side};
use crate::form::{Form, StoredLeaf};
use crate::leaf::{Delivery, IndexTerm, IssuerCertificate};
use crate::store::{Batch, Head, NewEntry};

impl Copying<'_> {
    /// Makes the batch that follows `head`, and appends it to `edge`. Nothing is written.
    pub(super) async fn next_batch(
        &self,
        edge: &mut RightEdge,
        head: &Head,
        known: &mut HashSet<[u8; 32]>,
    ) -> Result<Batch, CopyError> {
        let begin = head.tree.tree_size;
        let leaves = self.next_leaves(begin).await?;
        let mut timestamp_ms = head.timestamp_ms + 1;
        let mut hashes = Vec::with_capacity(leaves.len());
        let mut entries = Vec::with_capacity(leaves.len());
        let mut issuers = Vec::new();
        for (leaf_index, (leaf, tile_leaf)) in (begin..).zip(leaves) {
            let foreign = |what: String| CopyError::Entry { leaf_index, what };
            for fingerprint in leaf.chain_fingerprints() {
                if known.insert(*fingerprint) {
                    issuers.push(self.issuer(leaf_index, fingerprint).await?);
                }
            }
            let mut terms = (self.terms)(&leaf).map_err(|e| foreign(e.to_string()))?;
            timestamp_ms = timestamp_ms.max(leaf.timestamp_ms().unwrap_or(0));
            let hash = leaf.leaf_hash();
            terms.push(IndexTerm::leaf_hash(&hash));
            hashes.push(hash);
            entries.push(NewEntry {
                leaf_index,
                tile_leaf,
                terms,
            });
        }
        let tiles = edge.append(&hashes);
        let tree = edge.tree_head();
        if tree.tree_size == self.to.tree.tree_size {
            timestamp_ms = timestamp_ms.max(self.to.timestamp_ms);
        }
        Ok(Batch {
            head: Head { tree, timestamp_ms },
            entries,
            tiles,
            deliveries: self.deliveries(begin..tree.tree_size).await?,
            issuers,
            // A copy is what its source is.
            only_once: Vec::new(),
        })
    }

    /// Reads from the source a certificate that an entry names and the target lacks.
    async fn issuer(
        &self,
        leaf_index: u64,
        fingerprint: &[u8; 32],
    ) -> Result<IssuerCertificate, CopyError> {
        let named = hex::encode(fingerprint);
        let found = self.source.issuer(fingerprint).await;
        let Some(der) = found.map_err(CopyError::source)? else {
            return Err(CopyError::Entry {
                leaf_index,
                what: format!("it names the issuer {named}, which neither log has"),
            });
        };
        let issuer = IssuerCertificate::new(der);
        if issuer.fingerprint() == fingerprint {
            return Ok(issuer);
        }
        Err(CopyError::Damaged {
            side: Side::Source,
            what: format!("what it has for issuer {named} does not have that digest"),
        })
    }

    /// Reads the next entries from the source: at least one, and no more than a batch. They end
    /// where a batch of the source did, if that can be seen, so that heads get the times they had.
    async fn next_leaves(&self, begin: u64) -> Result<Vec<(StoredLeaf, Vec<u8>)>, CopyError> {
        let end = self.to.tree.tree_size.min(begin.saturating_add(BATCH));
        let stored = self.source.entries(begin..end).await;
        let stored = stored.map_err(CopyError::source)?;
        let mut leaves = Vec::with_capacity(stored.len());
        for (leaf_index, bytes) in (begin..end).zip(stored) {
            leaves.push((parse(self.form, leaf_index, &bytes)?, bytes));
        }
        let Some((last, _)) = leaves.last() else {
            return Err(CopyError::Damaged {
                side: Side::Source,
                what: format!("entry {begin} is missing"),
            });
        };
        let last_ms = last.timestamp_ms();
        if begin + (leaves.len() as u64) < self.to.tree.tree_size {
            let earlier = |(leaf, _): &(StoredLeaf, _)| leaf.timestamp_ms() != last_ms;
            if let Some(place) = leaves.iter().rposition(earlier) {
                leaves.truncate(place + 1);
            }
        }
        Ok(leaves)
    }

    pub(super) async fn deliveries(&self, range: Range<u64>) -> Result<Vec<Delivery>, CopyError> {
        let Some(source) = self.deliveries else {
            return Ok(Vec::new());
        };
        let found = source.deliveries(range).await.map_err(CopyError::source)?;
        let altered = |delivery: &&Delivery| *Sha256::digest(&delivery.body) != delivery.sha256;
        match found.iter().find(altered) {
            None => Ok(found),
            Some(delivery) => Err(CopyError::Damaged {
                side: Side::Source,
                what: format!(
                    "the certificate recorded for entry {} does not have the digest beside it",
                    delivery.leaf_index
                ),
            }),
        }
    }
}

/// Parses an entry as a data tile holds it: nothing may follow, and it stands in its place.
pub(super) fn parse(form: Form, leaf_index: u64, bytes: &[u8]) -> Result<StoredLeaf, CopyError> {
    form.parse(leaf_index, bytes)
        .map_err(|wrong| CopyError::Entry {
            leaf_index,
            what: format!("it {wrong}"),
        })
}
