//! Appending a batch to a log: under the lock of its head, or in one statement where nobody else can
//! write.

use chancery_log::{
    Batch, IndexTerm, Plan, PlanRefused, SequenceError, ServerRun, StoreError, Tip,
};
use chancery_tlog::{RightEdge, TileId, TreeHead};

use super::log::Log;
use super::lone::Lone;
use super::write::{lock_head, stored_values, write};
use super::writers::{Loan, Written};
use super::{Connection, SOLE_WRITER, sql, tiles};
use crate::error::{connection_lost, store_error};
use crate::limits::{BEFORE_COMMIT, timed_out};
use crate::rows::{self, Rows};

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
pub(super) enum Prepared<'a> {
    /// COMMIT.
    Written(Loan<'a>),
    /// All of it, which then gives the log this head.
    Lone(Loan<'a>, Box<Lone>, Written),
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

impl Log {
    /// Everything that comes before the last call to the database.
    ///
    /// Where nobody else can write, the head that was written last is the one that is there, and a
    /// batch that builds on it can be written without asking: its compare-and-swap asks.
    pub(super) async fn prepare(
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
        let batch = match plan(tip) {
            Ok(batch) => batch,
            Err(refused) => {
                loan.wrote(written);
                loan.give_back();
                return Err(refused.into());
            }
        };
        // Nobody else can write an entry in between, either.
        let logged = self.already_logged(&mut loan, &batch).await?;
        if !logged.is_empty() {
            loan.wrote(written);
            loan.give_back();
            return Err(PlanRefused::AlreadyLogged { terms: logged }.into());
        }
        let (to, rows) = (batch.head, Rows::of(batch, from.tree));
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

    pub(super) async fn write_lone(
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
        let logged = self.already_logged(&mut loan, &batch).await?;
        if !logged.is_empty() {
            loan.roll_back().await;
            return Err(PlanRefused::AlreadyLogged { terms: logged }.into());
        }
        self.write(loan, Rows::of(batch, from), ends_ms).await
    }

    /// Returns which leaves of a batch the log may have once only, and has: the terms that find them.
    async fn already_logged(
        &self,
        loan: &mut Loan<'_>,
        batch: &Batch,
    ) -> Result<Vec<String>, SequenceError> {
        if batch.only_once.is_empty() {
            return Ok(Vec::new());
        }
        let terms = batch.only_once.iter().map(IndexTerm::leaf_hash);
        let values: Vec<_> = terms.map(|term| term.value).collect();
        let name = IndexTerm::LEAF_HASH;
        let found = stored_values(loan.connection(), self.log, name, &values).await;
        found.map_err(|e| SequenceError::NotCommitted(store_error(e)))
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

    pub(super) fn is_rebound(&self, locked: &LockedHead) -> bool {
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
