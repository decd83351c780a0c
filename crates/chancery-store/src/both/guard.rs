//! The rows of guards in one database, each statement a transaction of its own.

use async_trait::async_trait;
use chancery_log::StoreError;
use sqlx::Executor;
use sqlx::migrate::Migrator;

use super::writers::{Loan, Writers};
use super::{Connection, durability, place, sql};
use crate::error::{DurabilityError, SchemaError, connection_lost, store_error};
use crate::guard::{GuardRow, Place};
use crate::limits::{OPERATION, within};
use crate::migrate;

/// The table of migrations: not sqlx's own name, which somebody else's tables may go by.
const MIGRATIONS_TABLE: &str = "chancery_guard_migrations";

/// The rows of guards in one database.
pub(crate) struct GuardRows {
    migrator: Migrator,
    writers: Writers,
}

impl GuardRows {
    pub(super) fn new(mut migrator: Migrator, writers: Writers) -> Self {
        migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
        Self { migrator, writers }
    }

    async fn lend(&self) -> Result<Loan<'_>, StoreError> {
        self.writers.lend().await
    }
}

#[async_trait]
impl crate::guard::GuardRows for GuardRows {
    async fn migrate(&self) -> Result<(), SchemaError> {
        let mut loan = self.lend().await?;
        migrate::apply(&self.migrator, loan.connection()).await?;
        loan.give_back();
        Ok(())
    }

    async fn check_schema(&self) -> Result<(), SchemaError> {
        let mut loan = self.lend().await?;
        let exists = sqlx::query_scalar(sql::GUARD_TABLES_EXIST).fetch_one(loan.connection());
        if !within(OPERATION, exists).await? {
            return Err(SchemaError::Missing);
        }
        migrate::check(&self.migrator, loan.connection()).await?;
        loan.give_back();
        Ok(())
    }

    async fn check_durability(&self) -> Result<(), DurabilityError> {
        let mut loan = self.lend().await?;
        durability::check(loan.connection()).await?;
        loan.give_back();
        Ok(())
    }

    async fn place(&self) -> Result<Place, StoreError> {
        let mut loan = self.lend().await?;
        let found = within(OPERATION, place::of(loan.connection())).await?;
        loan.give_back();
        Ok(found)
    }

    async fn insert(&self, id: &str, row: GuardRow) -> Result<(), StoreError> {
        let mut loan = self.lend().await?;
        let (tree_size, root_hash, checksum) = row;
        sqlx::query(sql::INSERT_GUARD)
            .bind(id)
            .bind(tree_size)
            .bind(root_hash)
            .bind(checksum)
            .execute(loan.connection())
            .await
            .map_err(store_error)?;
        loan.give_back();
        Ok(())
    }

    async fn select(&self, id: &str) -> Result<Option<GuardRow>, StoreError> {
        let mut loan = self.lend().await?;
        let mut answer = select(loan.connection(), id).await;
        if loan.reused() && answer.as_ref().is_err_and(connection_lost) {
            loan.renew().await?;
            answer = select(loan.connection(), id).await;
        }
        let row = answer.map_err(store_error)?;
        loan.give_back();
        Ok(row)
    }

    async fn swap(&self, id: &str, from: GuardRow, to: GuardRow) -> Result<bool, StoreError> {
        let mut loan = self.lend().await?;
        let mut answer = swap(loan.connection(), id, &from, &to).await;
        // If the first one did take place after all, the second finds the row elsewhere.
        if loan.reused() && answer.as_ref().is_err_and(connection_lost) {
            loan.renew().await?;
            answer = swap(loan.connection(), id, &from, &to).await;
        }
        let changed = answer.map_err(store_error)?;
        loan.give_back();
        Ok(changed > 0)
    }
}

async fn select(connection: &mut Connection, id: &str) -> sqlx::Result<Option<GuardRow>> {
    sqlx::query_as(sql::GUARD)
        .bind(id)
        .fetch_optional(connection)
        .await
}

async fn swap(
    connection: &mut Connection,
    id: &str,
    from: &GuardRow,
    to: &GuardRow,
) -> sqlx::Result<u64> {
    let statement = sqlx::query(sql::MOVE_GUARD)
        .bind(id)
        .bind(from.0)
        .bind(from.1.as_slice())
        .bind(from.2.as_slice())
        .bind(to.0)
        .bind(to.1.as_slice())
        .bind(to.2.as_slice());
    Ok(connection.execute(statement).await?.rows_affected())
}
