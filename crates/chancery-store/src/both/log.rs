//! One log: what is read of it, and what is done to it in one statement.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use chancery_log::{
    Beyond, Delivery, Head, LogReader, LogStore, Plan, PlanRefused, SequenceError, StoreError,
    StoredTerm,
};
use chancery_tlog::{MAX_TILE_LEVEL, TILE_WIDTH, TileId, TreeHead};

use super::appending::{Prepared, begin};
use super::write::write;
use super::writers::Writers;
use super::{Pool, sql, tiles, used_tokens};
use crate::error::store_error;
use crate::limits::{BEFORE_COMMIT, COMMIT, OPERATION, timed_out, within};
use crate::rows::{self, Rows};

/// One log in this database.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) log: i64,
    /// The [`RecordedLog::binding`](crate::RecordedLog::binding) that must still hold, if any.
    pub(super) binding: Option<u64>,
    pub(super) readers: Pool,
    pub(super) writers: Arc<Writers>,
}

#[async_trait]
impl LogReader for Log {
    async fn head(&self) -> Result<Head, StoreError> {
        let query = sqlx::query_as(sql::HEAD).bind(self.log);
        rows::head(
            self.log,
            within(OPERATION, query.fetch_optional(&self.readers)).await?,
        )
    }

    async fn hash_tiles(&self, tiles: &[TileId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let query = tiles::query(self.log, tiles);
        within(OPERATION, query.fetch_all(&self.readers)).await
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        let query = sqlx::query_as::<_, (i64, Vec<u8>)>(sql::ENTRIES)
            .bind(self.log)
            .bind(bound(range.start))
            .bind(bound(range.end));
        let found = within(OPERATION, query.fetch_all(&self.readers)).await?;
        (bound(range.start)..)
            .zip(found)
            .map(|(place, (leaf_index, tile_leaf))| {
                if leaf_index != place {
                    return Err(StoreError::Inconsistent(format!(
                        "entry {place} is missing"
                    )));
                }
                Ok(tile_leaf)
            })
            .collect()
    }

    async fn issuer(&self, fingerprint: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        let query = sqlx::query_scalar(sql::ISSUER)
            .bind(self.log)
            .bind(fingerprint.as_slice());
        within(OPERATION, query.fetch_optional(&self.readers)).await
    }

    async fn find(&self, name: &str, value: &str, limit: u32) -> Result<Vec<u64>, StoreError> {
        let query = sqlx::query_scalar(sql::FIND)
            .bind(self.log)
            .bind(name)
            .bind(value)
            .bind(i64::from(limit));
        let found: Vec<i64> = within(OPERATION, query.fetch_all(&self.readers)).await?;
        let found = found.into_iter();
        found
            .map(|place| rows::unsigned("leaf_index", place))
            .collect()
    }
}

#[async_trait]
impl LogStore for Log {
    async fn sequence(&self, known: Option<TreeHead>, plan: Plan<'_>) -> Result<(), SequenceError> {
        let prepared = tokio::time::timeout(BEFORE_COMMIT, self.prepare(known, plan))
            .await
            .map_err(|_| SequenceError::NotCommitted(timed_out(BEFORE_COMMIT)))??;
        match prepared {
            Prepared::Written(transaction) => within(COMMIT, transaction.commit())
                .await
                .map_err(SequenceError::Unknown),
            Prepared::Lone(loan, lone, written) => self.write_lone(loan, *lone, written).await,
        }
    }

    async fn record(&self, deliveries: &[Delivery]) -> Result<(), StoreError> {
        let rows = Rows {
            entries: Vec::new(),
            tiles: Vec::new(),
            deliveries: deliveries.to_vec(),
            issuers: Vec::new(),
            head: None,
        };
        let transaction = tokio::time::timeout(BEFORE_COMMIT, async {
            let mut loan = self.writers.lend().await?;
            let locked = begin(&mut loan, self.log).await?;
            if self.is_rebound(&locked) {
                return Err(StoreError::Unavailable(Box::new(PlanRefused::Rebound)));
            }
            write(loan.connection(), self.log, rows)
                .await
                .map_err(store_error)?;
            Ok(loan)
        })
        .await
        .map_err(|_| timed_out(BEFORE_COMMIT))??;
        within(COMMIT, transaction.commit()).await
    }

    async fn deliveries(&self, range: Range<u64>) -> Result<Vec<Delivery>, StoreError> {
        let query = sqlx::query_as(sql::DELIVERIES)
            .bind(self.log)
            .bind(bound(range.start))
            .bind(bound(range.end));
        let found = within(OPERATION, query.fetch_all(&self.readers)).await?;
        found.into_iter().map(rows::delivery).collect()
    }

    async fn terms(
        &self,
        after: Option<&StoredTerm>,
        limit: u32,
    ) -> Result<Vec<StoredTerm>, StoreError> {
        let (name, value, leaf_index) = match after {
            Some(term) => (&*term.name, &*term.value, bound(term.leaf_index)),
            None => ("", "", -1),
        };
        let query = sqlx::query_as(sql::TERMS)
            .bind(self.log)
            .bind(name)
            .bind(value)
            .bind(leaf_index)
            .bind(i64::from(limit));
        let found = within(OPERATION, query.fetch_all(&self.readers)).await?;
        found.into_iter().map(rows::term).collect()
    }

    async fn beyond(&self, tree_size: u64) -> Result<Beyond, StoreError> {
        let places = |sql: &'static str| {
            let query = sqlx::query_scalar(sql);
            query.bind(self.log).bind(bound(tree_size))
        };
        let tiles = (0..=MAX_TILE_LEVEL).fold(
            sqlx::query_as(sql::TILES_BEYOND).bind(self.log),
            |query, level| query.bind(bound(tiles_at(level, tree_size))),
        );
        let (entries, deliveries, tiles) = within(OPERATION, async {
            Ok((
                places(sql::ENTRIES_BEYOND).fetch_all(&self.readers).await?,
                places(sql::DELIVERIES_BEYOND)
                    .fetch_all(&self.readers)
                    .await?,
                tiles.fetch_all(&self.readers).await?,
            ))
        })
        .await?;
        let unsigned = |places: Vec<i64>| -> Result<_, StoreError> {
            let places = places.into_iter();
            places
                .map(|place| rows::unsigned("leaf_index", place))
                .collect()
        };
        Ok(Beyond {
            entries: unsigned(entries)?,
            deliveries: unsigned(deliveries)?,
            hash_tiles: tiles
                .into_iter()
                .map(rows::tile_id)
                .collect::<Result<_, _>>()?,
        })
    }

    async fn pruned_below(&self) -> Result<u64, StoreError> {
        let query = sqlx::query_scalar(sql::PRUNED_BELOW).bind(self.log);
        let found: Option<i64> = within(OPERATION, query.fetch_optional(&self.readers)).await?;
        rows::unsigned("pruned_below", found.unwrap_or_default())
    }

    async fn prune(&self, below: u64) -> Result<(), StoreError> {
        let from = self.pruned_below().await?;
        let transaction = tokio::time::timeout(BEFORE_COMMIT, async {
            let mut loan = used_tokens::begin(&self.writers).await?;
            let set = sqlx::query(sql::SET_PRUNED_BELOW).bind(self.log);
            let set = set.bind(bound(below)).execute(loan.connection()).await;
            if set.map_err(store_error)?.rows_affected() > 0 {
                let delete = sqlx::query(sql::DELETE_ENTRIES).bind(self.log);
                let delete = delete.bind(bound(from)).bind(bound(below));
                let deleted = delete.execute(loan.connection()).await;
                deleted.map_err(store_error)?;
            }
            Ok::<_, StoreError>(loan)
        })
        .await
        .map_err(|_| timed_out(BEFORE_COMMIT))??;
        within(COMMIT, transaction.commit()).await
    }

    async fn issuers(&self) -> Result<Vec<([u8; 32], Vec<u8>)>, StoreError> {
        let query = sqlx::query_as(sql::ISSUERS).bind(self.log);
        let found: Vec<(Vec<u8>, Vec<u8>)> =
            within(OPERATION, query.fetch_all(&self.readers)).await?;
        found
            .into_iter()
            .map(|(fingerprint, der)| Ok((rows::digest("fingerprint", fingerprint)?, der)))
            .collect()
    }
}

/// A bound of a range as a column holds it: nothing lies beyond 2^63.
fn bound(leaf_index: u64) -> i64 {
    i64::try_from(leaf_index).unwrap_or(i64::MAX)
}

/// How many tiles a tree has at a level.
fn tiles_at(level: u8, tree_size: u64) -> u64 {
    let leaves_below = TILE_WIDTH.checked_pow(u32::from(level));
    let hashes = leaves_below.map_or(0, |leaves| tree_size / leaves);
    hashes.div_ceil(TILE_WIDTH)
}
