//! What is recorded of a log that has ended: that it is retired, and its final checkpoint.

use chancery_log::StoreError;
use chancery_tlog::TreeHead;

use super::appending::{LockedHead, begin};
use super::sql;
use super::writers::{Loan, Writers};
use crate::error::store_error;
use crate::limits::{BEFORE_COMMIT, COMMIT, timed_out, within};
use crate::rows;

/// Retires a log whose end is so long ago, by the clock of the server where there is one, which all
/// processes share, and by `now_ms` otherwise; `false` if it is not, or is retired already.
pub(super) async fn retire(
    writers: &Writers,
    log: i64,
    grace_ms: u64,
    now_ms: u64,
) -> Result<bool, StoreError> {
    let now_ms = now_ms.cast_signed();
    change_under_lock(writers, log, async |loan, locked| {
        let now_ms = locked.database_time_ms.unwrap_or(now_ms);
        let over_ms = locked
            .ends_ms
            .map(|ends| ends.saturating_add_unsigned(grace_ms));
        if over_ms.is_none_or(|over_ms| over_ms > now_ms) {
            return Ok(0);
        }
        let retire = sqlx::query(sql::RETIRE_LOG).bind(log).bind(now_ms);
        let retired = retire.execute(loan.connection()).await?.rows_affected();
        if retired > 0 {
            let rebind = sqlx::query(sql::REBIND).bind(log);
            rebind.execute(loan.connection()).await?;
        }
        Ok(retired)
    })
    .await
}

/// Keeps the checkpoint of a retired log's head; `false` if its head is another one, or the log is
/// not retired, or has its final checkpoint already.
pub(super) async fn put_final_checkpoint(
    writers: &Writers,
    log: i64,
    tree: &TreeHead,
    checkpoint: &[u8],
) -> Result<bool, StoreError> {
    change_under_lock(writers, log, async |loan, locked| {
        let head = locked.row.and_then(|row| rows::head(log, Some(row)).ok());
        if head.is_none_or(|head| head.tree != *tree) {
            return Ok(0);
        }
        let put = sqlx::query(sql::PUT_FINAL_CHECKPOINT)
            .bind(log)
            .bind(checkpoint);
        Ok(put.execute(loan.connection()).await?.rows_affected())
    })
    .await
}

/// Changes something of a log while its head is locked, and tells whether any row was.
async fn change_under_lock(
    writers: &Writers,
    log: i64,
    change: impl AsyncFnOnce(&mut Loan<'_>, LockedHead) -> sqlx::Result<u64>,
) -> Result<bool, StoreError> {
    let (loan, changed) = tokio::time::timeout(BEFORE_COMMIT, async {
        let mut loan = writers.lend().await?;
        let locked = begin(&mut loan, log).await?;
        let changed = change(&mut loan, locked).await.map_err(store_error)?;
        Ok::<_, StoreError>((loan, changed))
    })
    .await
    .map_err(|_| timed_out(BEFORE_COMMIT))??;
    within(COMMIT, loan.commit()).await?;
    Ok(changed > 0)
}
