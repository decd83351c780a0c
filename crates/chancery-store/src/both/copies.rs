//! Copies of a database, and the few changes to an installation's record.

use chancery_log::StoreError;
use sha2::{Digest, Sha256};
use sqlx::Executor;
use sqlx::query::Query;

use super::logs::{self, Stretch};
use super::used_tokens::begin;
use super::writers::{Loan, Writers};
use super::{Arguments, BEGIN, Connection, Driver, sql, timestamp_chains};
use crate::Issuers;
use crate::error::store_error;
use crate::instance::{CopyState, Instance, NewLog, RecordedLog};
use crate::limits::{BEFORE_COMMIT, COMMIT, timed_out, within};

/// Begins a transaction and inserts the record of another database's installation in it, with empty
/// logs; `false` if there is one already.
pub(super) async fn insert(
    connection: &mut Connection,
    of: &Instance,
    issuers: &[Issuers],
    state: CopyState,
    begun_ms: u64,
) -> sqlx::Result<bool> {
    connection.execute(BEGIN).await?;
    let inserted = sqlx::query(sql::INSERT_INSTANCE)
        .bind(of.purpose.as_str())
        .bind(of.created_ms.cast_signed())
        .bind(&*of.guard_id)
        .bind(&*of.url)
        .execute(&mut *connection)
        .await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(sql::INSERT_COPY)
        .bind(state.as_str())
        .bind(begun_ms.cast_signed())
        .execute(&mut *connection)
        .await?;
    for (position, der) in (0_i64..).zip(&of.chain) {
        sqlx::query(sql::INSERT_AUTHORITY)
            .bind(position)
            .bind(Sha256::digest(der).as_slice())
            .bind(der.as_slice())
            .execute(&mut *connection)
            .await?;
    }
    for log in of.logs.iter().chain(&of.ledgers) {
        insert_log(connection, log).await?;
    }
    for chain in &of.timestamp_chains {
        timestamp_chains::insert(connection, chain).await?;
    }
    for Issuers { log, certificates } in issuers {
        for (fingerprint, der) in certificates {
            sqlx::query(sql::INSERT_ISSUER)
                .bind(*log)
                .bind(fingerprint.as_slice())
                .bind(der.as_slice())
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(true)
}

async fn insert_log(connection: &mut Connection, log: &RecordedLog) -> sqlx::Result<()> {
    let new = NewLog {
        name: log.name.clone(),
        origin: log.origin.clone(),
        log_id: log.log_id,
        public_key: log.public_key.clone(),
        witness_key: log.witness_key.clone(),
        readers: log.readers,
    };
    let stretch = Stretch {
        created_ms: log.created_ms,
        begins_ms: log.begins_ms,
        guard_id: log.guard_id.as_deref(),
        kind: log.kind,
    };
    logs::insert(connection, log.log, &new, &stretch).await?;
    if let Some(ends_ms) = log.ends_ms {
        sqlx::query(sql::END_LOG)
            .bind(log.log)
            .bind(ends_ms.cast_signed())
            .execute(&mut *connection)
            .await?;
    }
    if let Some(retired_ms) = log.retired_ms {
        sqlx::query(sql::RETIRE_LOG)
            .bind(log.log)
            .bind(retired_ms.cast_signed())
            .execute(&mut *connection)
            .await?;
    }
    if let Some(checkpoint) = &log.final_checkpoint {
        sqlx::query(sql::PUT_FINAL_CHECKPOINT)
            .bind(log.log)
            .bind(checkpoint.as_slice())
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Runs a statement that changes one row or none, in a transaction of its own, and tells which.
pub(super) async fn change(
    writers: &Writers,
    query: Query<'_, Driver, Arguments>,
) -> Result<bool, StoreError> {
    in_transaction(writers, async |loan| run(loan, query).await).await
}

/// Retires a log, and tells the processes that are bound to it; `false` if it is retired already.
pub(super) async fn retire_log(
    writers: &Writers,
    log: i64,
    now_ms: u64,
) -> Result<bool, StoreError> {
    let retire = sqlx::query(sql::RETIRE_LOG)
        .bind(log)
        .bind(now_ms.cast_signed());
    let rebind_and_retire =
        async |loan: &mut Loan<'_>| Ok(rebind(loan, log).await? && run(loan, retire).await?);
    in_transaction(writers, rebind_and_retire).await
}

/// Puts another guard in the place of a log's, its own or the instance's, and tells the processes
/// that are bound to it; `false` if its guard is not `from`.
pub(super) async fn replace_guard(
    writers: &Writers,
    log: i64,
    from: &str,
    to: &str,
) -> Result<bool, StoreError> {
    let replacing = |statement| {
        let query = sqlx::query(statement).bind(log);
        query.bind(from.to_owned()).bind(to.to_owned())
    };
    let replace = async |loan: &mut Loan<'_>| {
        // It locks nothing where the guard is the log's own.
        if run(loan, replacing(sql::REPLACE_GUARD)).await? {
            return run(loan, sqlx::query(sql::REBIND_GUARDED)).await;
        }
        Ok(rebind(loan, log).await? && run(loan, replacing(sql::REPLACE_LOG_GUARD)).await?)
    };
    in_transaction(writers, replace).await
}

/// Tells the processes of a log that what they are bound to changes, which they find out under the
/// lock of its head. That is taken here, before the log's record is touched: whoever needs both takes
/// them in this order.
async fn rebind(loan: &mut Loan<'_>, log: i64) -> sqlx::Result<bool> {
    run(loan, sqlx::query(sql::REBIND).bind(log)).await
}

/// Runs a statement, and tells whether it changed anything.
async fn run(loan: &mut Loan<'_>, query: Query<'_, Driver, Arguments>) -> sqlx::Result<bool> {
    let done = query.execute(loan.connection()).await?;
    Ok(done.rows_affected() > 0)
}

/// Does what `change` does in one transaction, or nothing where it says so.
async fn in_transaction(
    writers: &Writers,
    change: impl AsyncFnOnce(&mut Loan<'_>) -> sqlx::Result<bool>,
) -> Result<bool, StoreError> {
    let (loan, changed) = tokio::time::timeout(BEFORE_COMMIT, async {
        let mut loan = begin(writers).await?;
        let changed = change(&mut loan).await.map_err(store_error)?;
        Ok::<_, StoreError>((loan, changed))
    })
    .await
    .map_err(|_| timed_out(BEFORE_COMMIT))??;
    if changed {
        within(COMMIT, loan.commit()).await?;
    } else {
        loan.roll_back().await;
    }
    Ok(changed)
}
