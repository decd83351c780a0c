//! The timestamp authority's chains: which there are, and which one the installation stamps with.

use chancery_log::StoreError;
use sha2::{Digest, Sha256};

use super::used_tokens::begin_alone;
use super::writers::{Loan, Writers};
use super::{Arguments, Connection, Driver, permit_log_record, sql};
use crate::error::store_error;
use crate::instance::{RecordedTimestampChain, StampWith};
use crate::limits::{BEFORE_COMMIT, COMMIT, timed_out, within};
use crate::rows;

/// A chain as it is stored: certificates, then when it was recorded, begins and ends.
pub(super) type ChainRow = (Vec<u8>, i64, Option<i64>, Option<i64>);

/// Reads the record of a chain.
pub(super) fn read(row: ChainRow) -> Result<RecordedTimestampChain, StoreError> {
    let (certificates, recorded_ms, begins_ms, ends_ms) = row;
    let time = |column, value: Option<i64>| {
        let value = value.map(|time| rows::unsigned(column, time));
        value.transpose()
    };
    Ok(RecordedTimestampChain {
        certificates,
        recorded_ms: rows::unsigned("recorded_ms", recorded_ms)?,
        begins_ms: time("begins_ms", begins_ms)?,
        ends_ms: time("ends_ms", ends_ms)?,
    })
}

/// Inserts a chain as another database has it, unless it is there.
pub(super) async fn insert(
    connection: &mut Connection,
    chain: &RecordedTimestampChain,
) -> sqlx::Result<()> {
    sqlx::query(sql::INSERT_TIMESTAMP_CHAIN)
        .bind(fingerprint(&chain.certificates))
        .bind(chain.certificates.as_slice())
        .bind(chain.recorded_ms.cast_signed())
        .bind(chain.begins_ms.map(u64::cast_signed))
        .bind(chain.ends_ms.map(u64::cast_signed))
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes a chain known, and its end no later than `ends_ms`.
pub(super) async fn record(
    writers: &Writers,
    certificates: &[u8],
    ends_ms: Option<u64>,
    now_ms: u64,
) -> Result<(), StoreError> {
    let record = async |loan: &mut Loan<'_>| {
        insert_known(loan, certificates, now_ms).await?;
        if let Some(ends_ms) = ends_ms {
            run(loan, end(certificates, ends_ms)).await?;
        }
        Ok(())
    };
    in_turn(writers, record).await
}

/// Makes a chain the one that the installation stamps with, if it may be.
pub(super) async fn stamp_with(
    writers: &Writers,
    certificates: &[u8],
    now_ms: u64,
    until_ms: u64,
) -> Result<StampWith, StoreError> {
    let take_over = async |loan: &mut Loan<'_>| {
        let rows: Vec<ChainRow> = sqlx::query_as(sql::TIMESTAMP_CHAINS)
            .fetch_all(loan.connection())
            .await
            .map_err(store_error)?;
        let known = rows.into_iter().map(read);
        let known = known.collect::<Result<Vec<_>, _>>()?;
        let judged = StampWith::judge(&known, certificates);
        if !matches!(judged, StampWith::First | StampWith::TookOver) {
            return Ok(judged);
        }
        for before in known.iter().filter(|chain| chain.is_in_use()) {
            run(loan, end(&before.certificates, until_ms)).await?;
        }
        insert_known(loan, certificates, now_ms).await?;
        let begin = sqlx::query(sql::BEGIN_TIMESTAMP_CHAIN)
            .bind(fingerprint(certificates))
            .bind(now_ms.cast_signed());
        run(loan, begin).await?;
        Ok(judged)
    };
    in_turn(writers, take_over).await
}

async fn insert_known(
    loan: &mut Loan<'_>,
    certificates: &[u8],
    now_ms: u64,
) -> Result<(), StoreError> {
    let chain = RecordedTimestampChain {
        certificates: certificates.to_vec(),
        recorded_ms: now_ms,
        begins_ms: None,
        ends_ms: None,
    };
    insert(loan.connection(), &chain).await.map_err(store_error)
}

fn end(certificates: &[u8], ends_ms: u64) -> sqlx::query::Query<'static, Driver, Arguments> {
    sqlx::query(sql::END_TIMESTAMP_CHAIN)
        .bind(fingerprint(certificates))
        .bind(ends_ms.cast_signed())
}

async fn run(
    loan: &mut Loan<'_>,
    query: sqlx::query::Query<'_, Driver, Arguments>,
) -> Result<(), StoreError> {
    query
        .execute(loan.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}

fn fingerprint(certificates: &[u8]) -> Vec<u8> {
    Sha256::digest(certificates).to_vec()
}

/// Does what `change` does in one transaction, and lets nobody else change chains meanwhile.
async fn in_turn<T>(
    writers: &Writers,
    change: impl AsyncFnOnce(&mut Loan<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let (loan, changed) = tokio::time::timeout(BEFORE_COMMIT, async {
        let mut loan = writers.lend().await?;
        let access = writers.access();
        let permitted = permit_log_record(loan.connection(), access, true).await;
        permitted.map_err(store_error)?;
        begin_alone(&mut loan).await?;
        let changed = change(&mut loan).await;
        let forbidden = permit_log_record(loan.connection(), access, false).await;
        forbidden.map_err(store_error)?;
        match changed {
            Ok(changed) => Ok((loan, changed)),
            Err(error) => {
                loan.roll_back().await;
                Err(error)
            }
        }
    })
    .await
    .map_err(|_| timed_out(BEFORE_COMMIT))??;
    within(COMMIT, loan.commit()).await?;
    Ok(changed)
}
