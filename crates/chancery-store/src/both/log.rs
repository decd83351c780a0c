//! One log.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use chancery_log::{
    Beyond, Delivery, Head, LogReader, LogStore, Plan, PlanRefused, SequenceError, ServerRun,
    StoreError, StoredTerm, Tip,
};
use chancery_tlog::{MAX_TILE_LEVEL, RightEdge, TILE_WIDTH, TileId, TreeHead};

use super::lone::Lone;
use super::write::{lock_head, write};
use super::writers::{Loan, Writers, Written};
use super::{Connection, Pool, SOLE_WRITER, sql, tiles, used_tokens};
use crate::error::{connection_lost, store_error};
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

/// What [`lock_head`] found.
pub(super) struct LockedHead {
    pub(super) row: Option<rows::HeadRow>,
    /// What the times of the log's entries are all before.
    pub(super) ends_ms: Option<i64>,
    pub(super) database_time_ms: Option<i64>,
    /// When the server was started, in microseconds since the Unix epoch, and what the log is
    /// bound to: where it is a server.
    pub(super) server: Option<(i64, i64)>,
}

/// What is left to do for a batch.
enum Prepared<'a> {
    /// COMMIT.
    Written(Loan<'a>),
    /// All of it, which then gives the log this head.
    Lone(Loan<'a>, Box<Lone>, Written),
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

/// Begins a transaction and locks the log's head in it. An idle connection that has died since its
/// last use is replaced: nothing has been asked of it yet.
pub(super) async fn begin(loan: &mut Loan<'_>, log: i64) -> Result<LockedHead, StoreError> {
    let locked = match lock_head(loan.connection(), log).await {
        Err(error) if loan.reused() && connection_lost(&error) => {
            loan.renew().await?;
            lock_head(loan.connection(), log).await
        }
        other => other,
    };
    locked.map_err(store_error)
}

/// What the times of a log's entries are all before.
fn ends_ms(locked: &LockedHead) -> Result<Option<u64>, StoreError> {
    let ends_ms = locked.ends_ms.map(|time| rows::unsigned("ends_ms", time));
    ends_ms.transpose()
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

impl Log {
    /// Everything that comes before the last call to the database.
    ///
    /// Where nobody else can write, the head that was written last is the one that is there, and a
    /// batch that builds on it can be written without asking: its compare-and-swap asks.
    async fn prepare(
        &self,
        known: Option<TreeHead>,
        plan: Plan<'_>,
    ) -> Result<Prepared<'_>, SequenceError> {
        let loan = self.writers.lend().await;
        let mut loan = loan.map_err(SequenceError::NotCommitted)?;
        let written = loan.take_written(self.log);
        let is_there = |written: &Written| SOLE_WRITER && Some(written.head.tree) == known;
        let Some(written) = written.filter(is_there) else {
            return self.write_batch(loan, known, plan).await;
        };
        let from = written.head;
        let tip = Tip {
            head: from,
            ends_ms: written.ends_ms,
            edge_tiles: None,
            database_time_ms: None,
            server_run: None,
        };
        let (to, rows) = match plan(tip) {
            Ok(batch) => (batch.head, Rows::of(batch, from.tree)),
            Err(refused) => {
                loan.wrote(written);
                loan.give_back();
                return Err(refused.into());
            }
        };
        let rows = match Lone::of(rows) {
            Ok(lone) => {
                let written = Written {
                    head: to,
                    ..written
                };
                return Ok(Prepared::Lone(loan, Box::new(lone), written));
            }
            Err(rows) => *rows,
        };
        let locked = begin(&mut loan, self.log).await;
        let ends_ms = locked.and_then(|locked| ends_ms(&locked));
        let ends_ms = ends_ms.map_err(SequenceError::NotCommitted)?;
        if ends_ms.is_some_and(|ends_ms| ends_ms <= to.timestamp_ms) {
            loan.roll_back().await;
            return Err(PlanRefused::Ended.into());
        }
        self.write(loan, rows, ends_ms).await
    }

    async fn write_lone(
        &self,
        mut loan: Loan<'_>,
        lone: Lone,
        written: Written,
    ) -> Result<(), SequenceError> {
        let writing = lone.write(loan.connection(), self.log);
        let wrote = tokio::time::timeout(BEFORE_COMMIT, writing).await;
        match wrote {
            Ok(Ok(())) => {}
            Ok(Err(e)) if Lone::found_ended(&e) => {
                loan.give_back();
                return Err(PlanRefused::Ended.into());
            }
            // Whatever it says, it may have been said after the commit.
            Ok(Err(e)) => return Err(SequenceError::Unknown(store_error(e))),
            Err(_) => return Err(SequenceError::Unknown(timed_out(BEFORE_COMMIT))),
        }
        loan.wrote(written);
        loan.give_back();
        Ok(())
    }

    /// The head stays locked until the loan ends.
    async fn write_batch<'a>(
        &self,
        mut loan: Loan<'a>,
        known: Option<TreeHead>,
        plan: Plan<'_>,
    ) -> Result<Prepared<'a>, SequenceError> {
        let locked = begin(&mut loan, self.log).await;
        let locked = locked.map_err(SequenceError::NotCommitted)?;
        if self.is_rebound(&locked) {
            loan.roll_back().await;
            return Err(PlanRefused::Rebound.into());
        }
        let tip = self.tip(&mut loan, known, locked).await;
        let tip = tip.map_err(SequenceError::NotCommitted)?;
        let (from, ends_ms) = (tip.head.tree, tip.ends_ms);
        let batch = match plan(tip) {
            Ok(batch) => batch,
            Err(refused) => {
                loan.roll_back().await;
                return Err(refused.into());
            }
        };
        self.write(loan, Rows::of(batch, from), ends_ms).await
    }

    async fn write<'a>(
        &self,
        mut loan: Loan<'a>,
        rows: Rows,
        ends_ms: Option<u64>,
    ) -> Result<Prepared<'a>, SequenceError> {
        let head = rows.head.map(|swap| swap.to);
        for issuer in &rows.issuers {
            let inserted = sqlx::query(sql::INSERT_ISSUER)
                .bind(self.log)
                .bind(issuer.fingerprint().as_slice())
                .bind(&issuer.der()[..])
                .execute(loan.connection());
            let inserted = inserted.await.map_err(store_error);
            inserted.map_err(SequenceError::NotCommitted)?;
        }
        let replaced = write(loan.connection(), self.log, rows).await;
        let replaced = replaced.map_err(store_error);
        self.require_one(replaced.map_err(SequenceError::NotCommitted)?)?;
        if let Some(head) = head {
            let log = self.log;
            loan.wrote(Written { log, head, ends_ms });
        }
        Ok(Prepared::Written(loan))
    }

    fn require_one(&self, replaced: u64) -> Result<(), SequenceError> {
        if replaced == 1 {
            return Ok(());
        }
        Err(SequenceError::NotCommitted(StoreError::Inconsistent(
            format!(
                "{replaced} heads of log {} were replaced under its lock, not 1",
                self.log
            ),
        )))
    }

    fn is_rebound(&self, locked: &LockedHead) -> bool {
        match (self.binding, locked.server) {
            (Some(binding), Some((_, found))) => u64::try_from(found) != Ok(binding),
            _ => false,
        }
    }

    async fn tip(
        &self,
        loan: &mut Loan<'_>,
        known: Option<TreeHead>,
        locked: LockedHead,
    ) -> Result<Tip, StoreError> {
        let ends_ms = ends_ms(&locked)?;
        let head = rows::head(self.log, locked.row)?;
        let edge_tiles = match known {
            Some(known) if known == head.tree => None,
            _ => {
                let tiles = self.edge_tiles(loan.connection(), head.tree.tree_size);
                Some(tiles.await?)
            }
        };
        let database_time_ms = match locked.database_time_ms {
            Some(time) => Some(rows::unsigned("the database's clock", time)?),
            None => None,
        };
        Ok(Tip {
            head,
            ends_ms,
            edge_tiles,
            database_time_ms,
            server_run: locked.server.map(|(started_us, _)| ServerRun {
                started_us,
                connection: loan.number(),
            }),
        })
    }

    async fn edge_tiles(
        &self,
        connection: &mut Connection,
        tree_size: u64,
    ) -> Result<Vec<(TileId, Vec<u8>)>, StoreError> {
        let needed = RightEdge::tiles_needed(tree_size);
        let query = tiles::query(self.log, &needed);
        let found = query.fetch_all(connection).await.map_err(store_error)?;
        let present = |(tile, hashes): (TileId, Option<Vec<u8>>)| match hashes {
            Some(hashes) => Ok((tile, hashes)),
            None => Err(StoreError::Inconsistent(format!(
                "hash tile {} of level {} is missing at the right edge of log {}",
                tile.index, tile.level, self.log
            ))),
        };
        needed.into_iter().zip(found).map(present).collect()
    }
}
