//! The root of a stored log from its entries alone.

use chancery_tlog::{RightEdge, TreeHead};

use super::batch::parse;
use super::proof::require_same;
use super::{BATCH, CopyError, Side};
use crate::form::Form;
use crate::store::LogReader;

/// Reads every entry below `head`, strictly, and requires that they hash to it: streaming, in
/// memory that does not grow with the log.
///
/// # Errors
///
/// An entry that is missing or is not one, another root, or a source that does not answer.
pub async fn recompute(log: &dyn LogReader, form: Form, head: &TreeHead) -> Result<(), CopyError> {
    let mut edge = RightEdge::empty();
    while edge.tree_size() < head.tree_size {
        let begin = edge.tree_size();
        let end = head.tree_size.min(begin + BATCH);
        let stored = log.entries(begin..end).await.map_err(CopyError::source)?;
        let mut hashes = Vec::with_capacity(stored.len());
        for (leaf_index, bytes) in (begin..end).zip(&stored) {
            hashes.push(parse(form, leaf_index, bytes)?.leaf_hash());
        }
        if hashes.is_empty() {
            return Err(CopyError::Damaged {
                side: Side::Source,
                what: format!("entry {begin} is missing"),
            });
        }
        edge.append(&hashes);
    }
    require_same(edge.tree_head(), head)
}
