//! Between rows and the log's types.

use chancery_log::{Batch, Delivery, Head, IssuerCertificate, NewEntry, StoreError, StoredTerm};
use chancery_tlog::{Hash, TileId, TileWrite, TreeHead};

/// All that one transaction writes.
pub(crate) struct Rows {
    pub(crate) entries: Vec<NewEntry>,
    pub(crate) tiles: Vec<TileWrite>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) issuers: Vec<IssuerCertificate>,
    pub(crate) head: Option<HeadSwap>,
}

impl Rows {
    /// The rows of a batch that builds on `from`.
    pub(crate) fn of(batch: Batch, from: TreeHead) -> Self {
        Self {
            entries: batch.entries,
            tiles: batch.tiles,
            deliveries: batch.deliveries,
            issuers: batch.issuers,
            head: Some(HeadSwap {
                from,
                to: batch.head,
            }),
        }
    }
}

/// A compare-and-swap of the head.
#[derive(Clone, Copy)]
pub(crate) struct HeadSwap {
    pub(crate) from: TreeHead,
    pub(crate) to: Head,
}

/// `tree_size`, `root_hash`, `timestamp_ms`.
pub(crate) type HeadRow = (i64, Vec<u8>, i64);

/// Reads a head.
pub(crate) fn head(log: i64, row: Option<HeadRow>) -> Result<Head, StoreError> {
    let (tree_size, root_hash, timestamp_ms) =
        row.ok_or_else(|| StoreError::Inconsistent(format!("log {log} has no head")))?;
    let tree_size = unsigned("tree_size", tree_size)?;
    let root_hash = Hash::from(digest("root_hash", root_hash)?);
    Ok(Head {
        tree: TreeHead {
            tree_size,
            root_hash,
        },
        timestamp_ms: unsigned("timestamp_ms", timestamp_ms)?,
    })
}

/// Reads `leaf_index`, `sha256`, `body` of a delivery.
pub(crate) fn delivery(
    (leaf_index, sha256, body): (i64, Vec<u8>, Vec<u8>),
) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        leaf_index: unsigned("leaf_index", leaf_index)?,
        sha256: digest("sha256", sha256)?,
        body: body.into(),
    })
}

/// Reads `name`, `value`, `leaf_index` of a term.
pub(crate) fn term(
    (name, value, leaf_index): (String, String, i64),
) -> Result<StoredTerm, StoreError> {
    Ok(StoredTerm {
        name,
        value,
        leaf_index: unsigned("leaf_index", leaf_index)?,
    })
}

/// Reads `level`, `tile_index` of a hash tile.
pub(crate) fn tile_id((level, index): (i64, i64)) -> Result<TileId, StoreError> {
    Ok(TileId {
        level: u8::try_from(level)
            .map_err(|_| StoreError::Inconsistent(format!("level is {level}")))?,
        index: unsigned("tile_index", index)?,
    })
}

/// Reads a number that is never negative.
pub(crate) fn unsigned(column: &str, value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::Inconsistent(format!("{column} is {value}")))
}

/// Reads a SHA-256 digest.
pub(crate) fn digest(column: &str, value: Vec<u8>) -> Result<[u8; 32], StoreError> {
    <[u8; 32]>::try_from(value).map_err(|value| {
        StoreError::Inconsistent(format!("{column} has {} bytes, not 32", value.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_head_is_an_inconsistency() {
        assert!(head(1, Some((0, vec![0; 32], 5))).is_ok());
        for row in [None, Some((-1, vec![0; 32], 5)), Some((0, vec![0; 31], 5))] {
            assert!(matches!(head(1, row), Err(StoreError::Inconsistent(_))));
        }
    }
}
