//! What a source proves about itself from its hash tiles.

use chancery_tlog::{TreeHead, verify_consistency};

use super::{CopyError, Side};
use crate::proofs::consistency_proof;
use crate::read::{ReadError, stored_edge};
use crate::store::LogReader;

/// Requires that the source's tiles are those of a tree with this head, which may have grown since.
pub(super) async fn require_head(source: &dyn LogReader, head: &TreeHead) -> Result<(), CopyError> {
    let edge = stored_edge(source, head).await;
    let edge = edge
        .map_err(CopyError::source)?
        .map_err(|what| CopyError::Damaged {
            side: Side::Source,
            what,
        })?;
    require_same(edge.tree_head(), head)
}

/// Requires that a tree of the size to reach is the one to reach.
pub(super) fn require_same(found: TreeHead, to: &TreeHead) -> Result<(), CopyError> {
    if found == *to {
        Ok(())
    } else {
        Err(CopyError::OtherTree { found, to: *to })
    }
}

/// Requires that one head is a prefix of the other, by a proof from the source's hash tiles.
///
/// # Errors
///
/// It is not; or the source is damaged or does not answer.
pub async fn require_prefix(
    source: &dyn LogReader,
    smaller: &TreeHead,
    larger: &TreeHead,
) -> Result<(), CopyError> {
    if *smaller == TreeHead::EMPTY || smaller == larger {
        return Ok(());
    }
    let proof = consistency_proof(source, smaller.tree_size, larger.tree_size).await;
    let proof = proof.map_err(|e| match e {
        ReadError::Store(e) => CopyError::source(e),
        other => CopyError::Damaged {
            side: Side::Source,
            what: other.to_string(),
        },
    })?;
    verify_consistency(smaller, larger, &proof).map_err(|_| CopyError::NotPrefix {
        smaller: *smaller,
        larger: *larger,
    })
}
