//! Between rows and the log's types.

use std::borrow::Cow;

use chancery_log::{Batch, Delivery, Head, NewEntry, StoreError, StoredTerm};
use chancery_tlog::{Hash, TileWrite, TreeHead};
use sha2::{Digest, Sha256};

/// All that one transaction writes.
pub(crate) struct Rows {
    pub(crate) entries: Vec<NewEntry>,
    pub(crate) tiles: Vec<TileWrite>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) head: Option<HeadSwap>,
}

impl Rows {
    /// The rows of a batch that builds on `from`.
    pub(crate) fn of(batch: Batch, from: TreeHead) -> Self {
        Self {
            entries: batch.entries,
            tiles: batch.tiles,
            deliveries: batch.deliveries,
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

/// A term's value as it is stored.
///
/// PostgreSQL refuses index rows of more than 2704 bytes and U+0000 in text. A name in a token,
/// which a stranger chose, must not be able to stop a batch, so such values stand as their digest.
pub(crate) fn term_value(value: &str) -> Cow<'_, str> {
    const LONGEST: usize = 1024;
    if value.len() <= LONGEST && !value.contains('\0') {
        return Cow::Borrowed(value);
    }
    Cow::Owned(format!(
        "sha256:{}",
        hex::encode(Sha256::digest(value.as_bytes()))
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_postgresql_would_refuse_stands_as_its_digest() {
        assert_eq!(term_value("alice@example.com"), "alice@example.com");
        let digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(term_value("abc").len(), 3);
        assert_eq!(term_value("a\0c").len(), digest.len());
        assert_eq!(term_value(&"a".repeat(1025)).len(), digest.len());
        assert_ne!(term_value(&"a".repeat(1025)), term_value(&"a".repeat(1026)));
    }

    #[test]
    fn a_damaged_head_is_an_inconsistency() {
        assert!(head(1, Some((0, vec![0; 32], 5))).is_ok());
        for row in [None, Some((-1, vec![0; 32], 5)), Some((0, vec![0; 31], 5))] {
            assert!(matches!(head(1, row), Err(StoreError::Inconsistent(_))));
        }
    }
}
