//! The logs of an installation: their records, and adding one that follows the newest.

use chancery_log::StoreError;
use chancery_tlog::TreeHead;

use super::used_tokens::begin_on;
use super::writers::{Loan, Writers};
use super::{Connection, permit_log_record, sql};
use crate::error::{AddLogError, store_error};
use crate::instance::{LogKind, NewLedger, NewLog, NextLog, Readers, RecordedLog};
use crate::limits::{BEFORE_COMMIT, COMMIT, timed_out, within};
use crate::rows;

/// When a log was made, and from when it takes entries.
pub(super) struct Stretch<'a> {
    pub(super) created_ms: u64,
    pub(super) begins_ms: u64,
    /// The id of a guard of its own.
    pub(super) guard_id: Option<&'a str>,
    pub(super) kind: LogKind,
}

/// Inserts an empty log.
pub(super) async fn insert(
    connection: &mut Connection,
    log: i64,
    new: &NewLog,
    stretch: &Stretch<'_>,
) -> sqlx::Result<()> {
    let created_ms = stretch.created_ms.cast_signed();
    sqlx::query(sql::INSERT_LOG)
        .bind(log)
        .bind(&*new.name)
        .bind(&*new.origin)
        .bind(new.log_id.as_slice())
        .bind(new.public_key.as_slice())
        .bind(new.witness_key.as_slice())
        .bind(new.readers.as_str())
        .bind(created_ms)
        .bind(stretch.begins_ms.cast_signed())
        .bind(stretch.guard_id)
        .bind(stretch.kind.as_str())
        .execute(&mut *connection)
        .await?;
    sqlx::query(sql::INSERT_HEAD)
        .bind(log)
        .bind(TreeHead::EMPTY.tree_size.cast_signed())
        .bind(TreeHead::EMPTY.root_hash.as_bytes().as_slice())
        .bind(created_ms)
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds a log, and ends the one that it follows.
pub(super) async fn add(writers: &Writers, next: &NextLog) -> Result<i64, AddLogError> {
    insert_with(writers, async |loan| insert_next(loan, next).await).await
}

/// Adds a ledger.
pub(super) async fn add_ledger(writers: &Writers, new: &NewLedger) -> Result<i64, AddLogError> {
    insert_with(writers, async |loan| insert_ledger(loan, new).await).await
}

/// Ends a ledger, and tells whether it had no end yet.
pub(super) async fn end_ledger(
    writers: &Writers,
    log: i64,
    ends_ms: u64,
) -> Result<bool, StoreError> {
    let (loan, ended) = tokio::time::timeout(BEFORE_COMMIT, async {
        let mut loan = writers.lend().await?;
        let access = writers.access();
        let permit = permit_log_record(loan.connection(), access, true).await;
        permit.map_err(store_error)?;
        begin_on(&mut loan).await?;
        let ended = sqlx::query(sql::END_LEDGER)
            .bind(log)
            .bind(ends_ms.cast_signed())
            .execute(loan.connection())
            .await;
        let forbid = permit_log_record(loan.connection(), access, false).await;
        forbid.map_err(store_error)?;
        let ended = ended.map_err(store_error)?.rows_affected();
        Ok::<_, StoreError>((loan, ended))
    })
    .await
    .map_err(|_| timed_out(BEFORE_COMMIT))??;
    within(COMMIT, loan.commit()).await?;
    Ok(ended > 0)
}

async fn insert_with(
    writers: &Writers,
    insert: impl AsyncFnOnce(&mut Loan<'_>) -> Result<i64, AddLogError>,
) -> Result<i64, AddLogError> {
    let (loan, log) = tokio::time::timeout(BEFORE_COMMIT, async {
        let mut loan = writers.lend().await?;
        let access = writers.access();
        permit_log_record(loan.connection(), access, true)
            .await
            .map_err(store_error)?;
        begin_on(&mut loan).await?;
        let inserted = insert(&mut loan).await;
        permit_log_record(loan.connection(), access, false)
            .await
            .map_err(store_error)?;
        match inserted {
            Ok(log) => Ok((loan, log)),
            Err(e) => {
                loan.roll_back().await;
                Err(e)
            }
        }
    })
    .await
    .map_err(|_| timed_out(BEFORE_COMMIT))??;
    within(COMMIT, loan.commit()).await?;
    Ok(log)
}

/// Every batch of the older log waits for its head's lock, which the first statement takes.
async fn insert_next(loan: &mut Loan<'_>, next: &NextLog) -> Result<i64, AddLogError> {
    let begins_ms = next.begins_ms.cast_signed();
    let ended = sqlx::query(sql::END_LOG)
        .bind(next.after)
        .bind(begins_ms)
        .execute(loan.connection())
        .await
        .map_err(store_error)?;
    let newest: Option<i64> = sqlx::query_scalar(sql::NEWEST_LOG)
        .fetch_one(loan.connection())
        .await
        .map_err(store_error)?;
    if newest != Some(next.after) {
        return Err(AddLogError::Followed);
    }
    let beyond: i64 = sqlx::query_scalar(sql::LOGS_BEYOND)
        .bind(next.after)
        .bind(begins_ms)
        .fetch_one(loan.connection())
        .await
        .map_err(store_error)?;
    if beyond > 0 {
        return Err(AddLogError::NotAfter);
    }
    if ended.rows_affected() != 1 {
        return Err(AddLogError::TooLate);
    }
    let log = next_number(loan).await?;
    let stretch = Stretch {
        created_ms: next.now_ms,
        begins_ms: next.begins_ms,
        guard_id: Some(&next.guard_id),
        kind: LogKind::Issuance,
    };
    let inserted = insert(loan.connection(), log, &next.log, &stretch).await;
    inserted.map_err(store_error)?;
    let copied = sqlx::query(sql::COPY_ISSUERS)
        .bind(log)
        .bind(next.after)
        .execute(loan.connection())
        .await;
    copied.map_err(store_error)?;
    Ok(log)
}

async fn insert_ledger(loan: &mut Loan<'_>, new: &NewLedger) -> Result<i64, AddLogError> {
    let log = next_number(loan).await?;
    let stretch = Stretch {
        created_ms: new.now_ms,
        begins_ms: new.now_ms,
        guard_id: Some(&new.guard_id),
        kind: LogKind::Ledger,
    };
    let inserted = insert(loan.connection(), log, &new.log, &stretch).await;
    inserted.map_err(store_error)?;
    Ok(log)
}

async fn next_number(loan: &mut Loan<'_>) -> Result<i64, AddLogError> {
    let next = sqlx::query_scalar(sql::NEXT_LOG).fetch_one(loan.connection());
    Ok(next.await.map_err(store_error)?)
}

/// A log as it is stored: number, name, origin, id, key, witness key and readers, then when it was
/// made, begins, ends and was retired, then binding, guard, final checkpoint and kind.
pub(super) type LogRow = (
    i64,
    String,
    String,
    Vec<u8>,
    Vec<u8>,
    Vec<u8>,
    String,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    i64,
    Option<String>,
    Option<Vec<u8>>,
    String,
);

/// Reads the record of a log.
pub(super) fn read(row: LogRow) -> Result<RecordedLog, StoreError> {
    let (log, name, origin, log_id, public_key, witness_key, readers, ..) = row;
    let (.., created_ms, begins_ms, ends_ms, retired_ms, binding, guard_id, final_checkpoint, kind) =
        row;
    let optional = |column, value: Option<i64>| {
        let value = value.map(|time| rows::unsigned(column, time));
        value.transpose()
    };
    Ok(RecordedLog {
        log,
        name,
        origin,
        log_id: rows::digest("log_id", log_id)?,
        public_key,
        witness_key,
        readers: Readers::parse(&readers)?,
        created_ms: rows::unsigned("created_ms", created_ms)?,
        begins_ms: rows::unsigned("begins_ms", begins_ms)?,
        ends_ms: optional("ends_ms", ends_ms)?,
        retired_ms: optional("retired_ms", retired_ms)?,
        binding: rows::unsigned("binding", binding)?,
        guard_id,
        final_checkpoint,
        kind: LogKind::parse(&kind)?,
    })
}
