//! One database: its schema, its installation, its logs.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_log::{LogStore, StoreError};
use chancery_tlog::TreeHead;
use chancery_trust::store::TrustStore;
use sha2::{Digest, Sha256};
use sqlx::Executor;
use sqlx::migrate::Migrator;

use super::log::Log;
use super::logs::{self, LogRow, Stretch};
use super::timestamp_chains::{self, ChainRow};
use super::trust::{self, Trust};
use super::writers::Writers;
use super::{
    BEGIN, Connection, Pool, copies, durability, endings, one_file, place, server, sql,
    tables_exist, time_ms, used_tokens,
};
use crate::error::{AddLogError, CreateError, DurabilityError, SchemaError};
use crate::guard::Place;
use crate::instance::{
    CopyState, Instance, LogKind, NewInstance, NewLedger, NextLog, Purpose, RecordedLog, StampWith,
};
use crate::limits::{COMMIT, OPERATION, within};
use crate::server::ServerChange;
use crate::{Issuers, TrustHistory, UsedToken, migrate, rows};

/// The number of the log that an installation begins with.
const FIRST_LOG: i64 = 1;

/// One database.
pub(crate) struct Database {
    pub(super) migrator: Migrator,
    pub(super) readers: Pool,
    pub(super) writers: Arc<Writers>,
}

#[async_trait]
impl crate::Database for Database {
    async fn migrate(&self) -> Result<(), SchemaError> {
        let mut loan = self.writers.lend().await?;
        migrate::apply(&self.migrator, loan.connection()).await?;
        loan.give_back();
        Ok(())
    }

    async fn check_schema(&self) -> Result<(), SchemaError> {
        let mut loan = self.writers.lend().await?;
        if !within(OPERATION, tables_exist(loan.connection())).await? {
            return Err(SchemaError::Missing);
        }
        migrate::check(&self.migrator, loan.connection()).await?;
        loan.give_back();
        Ok(())
    }

    async fn check_durability(&self) -> Result<(), DurabilityError> {
        let mut loan = self.writers.lend().await?;
        durability::check(loan.connection()).await?;
        loan.give_back();
        Ok(())
    }

    async fn note_server(&self) -> Result<Option<ServerChange>, StoreError> {
        let mut loan = self.writers.lend().await?;
        let change = within(OPERATION, server::note(loan.connection())).await?;
        loan.give_back();
        Ok(change)
    }

    async fn create_instance(&self, new: &NewInstance) -> Result<(), CreateError> {
        let mut loan = self.writers.lend().await?;
        if within(OPERATION, insert_instance(loan.connection(), new)).await? {
            return Ok(within(COMMIT, loan.commit()).await?);
        }
        loan.roll_back().await;
        Err(CreateError::Exists)
    }

    async fn instance(&self) -> Result<Option<Instance>, StoreError> {
        within(OPERATION, async {
            let instance = sqlx::query_as(sql::INSTANCE)
                .fetch_optional(&self.readers)
                .await?;
            let chain = sqlx::query_scalar(sql::AUTHORITIES)
                .fetch_all(&self.readers)
                .await?;
            let logs = sqlx::query_as(sql::LOGS).fetch_all(&self.readers).await?;
            let copy = sqlx::query_scalar(sql::COPY)
                .fetch_optional(&self.readers)
                .await?;
            let stamping = sqlx::query_as(sql::TIMESTAMP_CHAINS)
                .fetch_all(&self.readers)
                .await?;
            Ok((instance, chain, logs, copy, stamping))
        })
        .await
        .and_then(|(instance, chain, logs, copy, stamping)| match instance {
            Some(instance) => read_instance(instance, chain, logs, copy, stamping).map(Some),
            None => Ok(None),
        })
    }

    async fn place(&self) -> Result<Place, StoreError> {
        let mut loan = self.writers.lend().await?;
        let found = within(OPERATION, place::of(loan.connection())).await?;
        loan.give_back();
        Ok(found)
    }

    async fn claim_token(&self, digest: &[u8; 32], expires_ms: u64) -> Result<bool, StoreError> {
        used_tokens::claim(&self.writers, digest, expires_ms).await
    }

    async fn create_copy(
        &self,
        of: &Instance,
        issuers: &[Issuers],
        state: CopyState,
        begun_ms: u64,
    ) -> Result<(), CreateError> {
        let mut loan = self.writers.lend().await?;
        let inserted = copies::insert(loan.connection(), of, issuers, state, begun_ms);
        if within(OPERATION, inserted).await? {
            return Ok(within(COMMIT, loan.commit()).await?);
        }
        loan.roll_back().await;
        Err(CreateError::Exists)
    }

    async fn finish_copy(&self, state: CopyState) -> Result<bool, StoreError> {
        let statement = match state {
            CopyState::UnfinishedRestore => sql::FINISH_RESTORE,
            CopyState::UnfinishedBackup | CopyState::Backup => sql::FINISH_BACKUP,
        };
        copies::change(&self.writers, sqlx::query(statement)).await
    }

    async fn add_log(&self, next: &NextLog) -> Result<i64, AddLogError> {
        logs::add(&self.writers, next).await
    }

    async fn end_ledger(&self, log: i64, ends_ms: u64) -> Result<bool, StoreError> {
        logs::end_ledger(&self.writers, log, ends_ms).await
    }

    async fn add_ledger(&self, new: &NewLedger) -> Result<i64, AddLogError> {
        logs::add_ledger(&self.writers, new).await
    }

    async fn retire_log(&self, log: i64, now_ms: u64) -> Result<bool, StoreError> {
        copies::retire_log(&self.writers, log, now_ms).await
    }

    async fn retire_ended_log(
        &self,
        log: i64,
        grace_ms: u64,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        endings::retire(&self.writers, log, grace_ms, now_ms).await
    }

    async fn put_final_checkpoint(
        &self,
        log: i64,
        tree: &TreeHead,
        checkpoint: &[u8],
    ) -> Result<bool, StoreError> {
        endings::put_final_checkpoint(&self.writers, log, tree, checkpoint).await
    }

    async fn time_ms(&self, process_ms: u64) -> Result<u64, StoreError> {
        let process_ms = process_ms.cast_signed();
        let time = within(OPERATION, time_ms(&self.readers, process_ms)).await?;
        rows::unsigned("the database's clock", time)
    }

    async fn replace_guard(&self, log: i64, from: &str, to: &str) -> Result<bool, StoreError> {
        copies::replace_guard(&self.writers, log, from, to).await
    }

    async fn used_tokens(&self, after: &[u8], limit: u32) -> Result<Vec<UsedToken>, StoreError> {
        let query = sqlx::query_as::<_, (Vec<u8>, i64)>(sql::USED_TOKENS)
            .bind(after.to_vec())
            .bind(i64::from(limit));
        let found = within(OPERATION, query.fetch_all(&self.readers)).await?;
        let read = |(digest, expires_ms)| {
            Ok(UsedToken {
                digest: rows::digest("digest", digest)?,
                expires_ms: rows::unsigned("expires_ms", expires_ms)?,
            })
        };
        found.into_iter().map(read).collect()
    }

    async fn put_used_tokens(&self, tokens: &[UsedToken]) -> Result<(), StoreError> {
        used_tokens::put(&self.writers, tokens).await
    }

    async fn seal(&self) -> Result<(), StoreError> {
        let mut loan = self.writers.lend().await?;
        self.readers.close().await;
        within(OPERATION, one_file(loan.connection())).await?;
        loan.give_back();
        Ok(())
    }

    fn log_store(&self, log: i64, binding: Option<u64>) -> Arc<dyn LogStore> {
        let readers = self.readers.clone();
        Arc::new(Log {
            log,
            binding,
            readers,
            writers: Arc::clone(&self.writers),
        })
    }

    async fn record_timestamp_chain(
        &self,
        certificates: &[u8],
        ends_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        timestamp_chains::record(&self.writers, certificates, ends_ms, now_ms).await
    }

    async fn stamp_with(
        &self,
        certificates: &[u8],
        now_ms: u64,
        until_ms: u64,
    ) -> Result<StampWith, StoreError> {
        timestamp_chains::stamp_with(&self.writers, certificates, now_ms, until_ms).await
    }

    fn trust(&self) -> Arc<dyn TrustStore> {
        Arc::new(Trust {
            readers: self.readers.clone(),
            writers: Arc::clone(&self.writers),
        })
    }

    async fn trust_history(&self) -> Result<TrustHistory, StoreError> {
        trust::history(&self.readers).await
    }

    async fn put_trust_history(&self, history: &TrustHistory) -> Result<(), StoreError> {
        trust::put_history(&self.writers, history).await
    }

    async fn close(&self) {
        // A pool waits for its connections to come back, and one of them may wait for the server.
        let _ = tokio::time::timeout(OPERATION, self.readers.close()).await;
        // Last: SQLite moves its write-ahead log into the file when the last connection closes, if
        // that one may write.
        self.writers.close().await;
    }
}

/// Begins a transaction and inserts all of an installation in it; `false` if there is one already.
async fn insert_instance(connection: &mut Connection, new: &NewInstance) -> sqlx::Result<bool> {
    let now_ms = new.now_ms.cast_signed();
    connection.execute(BEGIN).await?;
    let inserted = sqlx::query(sql::INSERT_INSTANCE)
        .bind(new.purpose.as_str())
        .bind(now_ms)
        .bind(&*new.guard_id)
        .bind(&*new.url)
        .execute(&mut *connection)
        .await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    let stretch = Stretch {
        created_ms: new.now_ms,
        begins_ms: new.now_ms,
        guard_id: None,
        kind: LogKind::Issuance,
    };
    logs::insert(connection, FIRST_LOG, &new.log, &stretch).await?;

    for (position, der) in (0_i64..).zip(&new.chain) {
        let fingerprint = Sha256::digest(der).to_vec();
        sqlx::query(sql::INSERT_AUTHORITY)
            .bind(position)
            .bind(fingerprint.as_slice())
            .bind(der.as_slice())
            .execute(&mut *connection)
            .await?;
        sqlx::query(sql::INSERT_ISSUER)
            .bind(FIRST_LOG)
            .bind(fingerprint.as_slice())
            .bind(der.as_slice())
            .execute(&mut *connection)
            .await?;
    }
    Ok(true)
}

type InstanceRow = (String, i64, String, String);
fn read_instance(
    (purpose, created_ms, guard_id, url): InstanceRow,
    chain: Vec<Vec<u8>>,
    logs: Vec<LogRow>,
    copy: Option<String>,
    stamping: Vec<ChainRow>,
) -> Result<Instance, StoreError> {
    let recorded = logs.into_iter().map(logs::read);
    let recorded = recorded.collect::<Result<Vec<RecordedLog>, StoreError>>()?;
    let (logs, ledgers) = recorded
        .into_iter()
        .partition(|log| log.kind == LogKind::Issuance);
    Ok(Instance {
        purpose: Purpose::parse(&purpose)?,
        created_ms: rows::unsigned("created_ms", created_ms)?,
        guard_id,
        url,
        chain,
        logs,
        ledgers,
        timestamp_chains: stamping
            .into_iter()
            .map(timestamp_chains::read)
            .collect::<Result<_, _>>()?,
        copy: copy.map(|state| CopyState::parse(&state)).transpose()?,
    })
}
