//! The tokens that were used and may not be used again.

use chancery_log::StoreError;
use sqlx::Executor;

use super::writers::{Loan, Writers};
use super::{BEGIN, sql};
use crate::UsedToken;
use crate::error::{connection_lost, store_error};
use crate::limits::{BEFORE_COMMIT, COMMIT, timed_out, within};

/// Records the use of a token; `false` if it was recorded before.
pub(super) async fn claim(
    writers: &Writers,
    digest: &[u8; 32],
    expires_ms: u64,
) -> Result<bool, StoreError> {
    let expires_ms = i64::try_from(expires_ms).unwrap_or(i64::MAX);
    let (loan, is_first) = tokio::time::timeout(BEFORE_COMMIT, async {
        let mut loan = begin(writers).await?;
        let inserted = sqlx::query(sql::CLAIM_TOKEN)
            .bind(digest.as_slice())
            .bind(expires_ms)
            .fetch_all(loan.connection())
            .await
            .map_err(store_error)?;
        Ok::<_, StoreError>((loan, !inserted.is_empty()))
    })
    .await
    .map_err(|_| timed_out(BEFORE_COMMIT))??;
    within(COMMIT, loan.commit()).await?;
    Ok(is_first)
}

/// Records the uses of tokens that another database knows of, in one transaction.
pub(super) async fn put(writers: &Writers, tokens: &[UsedToken]) -> Result<(), StoreError> {
    let loan = tokio::time::timeout(BEFORE_COMMIT, async {
        let mut loan = begin(writers).await?;
        for token in tokens {
            sqlx::query(sql::INSERT_USED_TOKEN)
                .bind(token.digest.as_slice())
                .bind(i64::try_from(token.expires_ms).unwrap_or(i64::MAX))
                .execute(loan.connection())
                .await
                .map_err(store_error)?;
        }
        Ok::<_, StoreError>(loan)
    })
    .await
    .map_err(|_| timed_out(BEFORE_COMMIT))??;
    within(COMMIT, loan.commit()).await
}

/// Begins a transaction. An idle connection that has died since its last use is replaced: nothing
/// has been asked of it yet.
pub(super) async fn begin(writers: &Writers) -> Result<Loan<'_>, StoreError> {
    let mut loan = writers.lend().await?;
    begin_on(&mut loan).await?;
    Ok(loan)
}

/// Begins a transaction on a connection that was lent for it, beside which no other of these runs:
/// each decides what it writes by what the one before has left.
pub(super) async fn begin_alone(loan: &mut Loan<'_>) -> Result<(), StoreError> {
    begin_on(loan).await?;
    let locked = loan.connection().execute(sql::LOCK_INSTANCE).await;
    locked.map(drop).map_err(store_error)
}

/// Begins a transaction on a connection that was lent for it.
pub(super) async fn begin_on(loan: &mut Loan<'_>) -> Result<(), StoreError> {
    match loan.connection().execute(BEGIN).await {
        Err(error) if loan.reused() && connection_lost(&error) => {
            loan.renew().await?;
            let begun = loan.connection().execute(BEGIN).await;
            begun.map_err(store_error)?;
        }
        other => {
            other.map_err(store_error)?;
        }
    }
    Ok(())
}
