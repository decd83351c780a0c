//! What clients trust: the files of the TUF repository, which are added to and never changed.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_log::{StoreError, causes};
use chancery_trust::store::{TrustStore, TrustStoreError};
use chancery_trust::tuf::{Files, MetadataVersion, Role};
use chancery_trust::update::Update;

use super::used_tokens::{begin, begin_alone};
use super::writers::{Loan, Writers};
use super::{Pool, permit_log_record, sql};
use crate::TrustHistory;
use crate::error::store_error;
use crate::limits::{BEFORE_COMMIT, COMMIT, OPERATION, timed_out, within};
use crate::rows;

/// The trust metadata in this database.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) readers: Pool,
    pub(super) writers: Arc<Writers>,
}

type MetadataRow = (String, i64, Vec<u8>);

#[async_trait]
impl TrustStore for Trust {
    async fn newest(&self) -> Result<Option<MetadataVersion>, TrustStoreError> {
        let query = sqlx::query_scalar(sql::NEWEST_TRUST).fetch_one(&self.readers);
        let newest: Option<i64> = within(OPERATION, query).await.map_err(unavailable)?;
        let version = newest.map(|v| u32::try_from(v).ok().and_then(MetadataVersion::new));
        match version {
            None => Ok(None),
            Some(Some(version)) => Ok(Some(version)),
            Some(None) => Err(wrong("a version is none")),
        }
    }

    async fn files(&self) -> Result<Option<Files>, TrustStoreError> {
        let query = sqlx::query_as(sql::TRUST_METADATA).fetch_all(&self.readers);
        let metadata: Vec<MetadataRow> = within(OPERATION, query).await.map_err(unavailable)?;
        if metadata.is_empty() {
            return Ok(None);
        }
        // Afterwards, since documents come with the metadata that name them and never go.
        let query = sqlx::query_as(sql::TRUST_DOCUMENTS).fetch_all(&self.readers);
        let documents: Vec<(Vec<u8>, Vec<u8>)> =
            within(OPERATION, query).await.map_err(unavailable)?;
        let mut files = Files::default();
        for (role, _, content) in metadata {
            match role.as_str() {
                "root" => files.roots.push(content),
                "targets" => files.targets = content,
                "snapshot" => files.snapshot = content,
                "timestamp" => files.timestamp = content,
                _ => return Err(wrong("a role is none")),
            }
        }
        for (sha256, content) in documents {
            let sha256 = rows::digest("sha256", sha256).map_err(unavailable)?;
            files.documents.insert(sha256, content);
        }
        Ok(Some(files))
    }

    async fn add(&self, update: &Update) -> Result<(), TrustStoreError> {
        let inserting = tokio::time::timeout(BEFORE_COMMIT, self.insert(update));
        let inserted = inserting.await.map_err(|_| timed_out(BEFORE_COMMIT));
        match inserted
            .and_then(|inserted| inserted)
            .map_err(unavailable)?
        {
            Some(loan) => within(COMMIT, loan.commit()).await.map_err(unavailable),
            None => Err(TrustStoreError::Overtaken),
        }
    }
}

impl Trust {
    /// Inserts all in a transaction; `None` if another timestamp is the newest.
    async fn insert(&self, update: &Update) -> Result<Option<Loan<'_>>, StoreError> {
        let mut loan = self.writers.lend().await?;
        let access = self.writers.access();
        let permitted = permit_log_record(loan.connection(), access, true).await;
        permitted.map_err(store_error)?;
        begin_alone(&mut loan).await?;
        let inserted = insert_all(&mut loan, update).await;
        let forbidden = permit_log_record(loan.connection(), access, false).await;
        forbidden.map_err(store_error)?;
        match inserted {
            Ok(true) => Ok(Some(loan)),
            Ok(false) => {
                loan.roll_back().await;
                Ok(None)
            }
            Err(error) => {
                loan.roll_back().await;
                Err(error)
            }
        }
    }
}

/// Inserts all; `false` if another timestamp is the newest.
async fn insert_all(loan: &mut Loan<'_>, update: &Update) -> Result<bool, StoreError> {
    let mut newest = update.after().map_or(0, |version| i64::from(version.get()));
    // The timestamp first: it says whether somebody else was quicker.
    for (role, version, content) in update.metadata().iter().rev() {
        let version = i64::from(version.get());
        let inserted = sqlx::query(sql::INSERT_TRUST_METADATA)
            .bind(role.name())
            .bind(version)
            .bind(content.as_slice())
            .bind(newest)
            .execute(loan.connection())
            .await
            .map_err(store_error)?;
        if inserted.rows_affected() == 0 {
            return Ok(false);
        }
        if *role == Role::Timestamp {
            newest = version;
        }
    }
    for (sha256, content) in update.documents() {
        insert_document(loan, sha256, content).await?;
    }
    Ok(true)
}

async fn insert_document(
    loan: &mut Loan<'_>,
    sha256: &[u8],
    content: &[u8],
) -> Result<(), StoreError> {
    let query = sqlx::query(sql::INSERT_TRUST_DOCUMENT);
    let query = query.bind(sha256).bind(content);
    let inserted = query.execute(loan.connection()).await;
    inserted.map(drop).map_err(store_error)
}

/// Reads every version of all that was published.
pub(super) async fn history(readers: &Pool) -> Result<TrustHistory, StoreError> {
    let query = sqlx::query_as(sql::TRUST_HISTORY).fetch_all(readers);
    let metadata = within(OPERATION, query).await?;
    let query = sqlx::query_as(sql::TRUST_DOCUMENTS).fetch_all(readers);
    let documents = within(OPERATION, query).await?;
    Ok(TrustHistory {
        metadata,
        documents,
    })
}

/// Adds what another database has, in one transaction.
pub(super) async fn put_history(
    writers: &Writers,
    history: &TrustHistory,
) -> Result<(), StoreError> {
    let loan = tokio::time::timeout(BEFORE_COMMIT, async {
        let mut loan = begin(writers).await?;
        for (role, version, content) in &history.metadata {
            sqlx::query(sql::COPY_TRUST_METADATA)
                .bind(role.as_str())
                .bind(*version)
                .bind(content.as_slice())
                .execute(loan.connection())
                .await
                .map_err(store_error)?;
        }
        for (sha256, content) in &history.documents {
            insert_document(&mut loan, sha256, content).await?;
        }
        Ok::<_, StoreError>(loan)
    });
    let loan = loan.await.map_err(|_| timed_out(BEFORE_COMMIT))??;
    within(COMMIT, loan.commit()).await
}

fn unavailable(error: StoreError) -> TrustStoreError {
    TrustStoreError::Unavailable(causes(&error))
}

fn wrong(what: &str) -> TrustStoreError {
    TrustStoreError::Unavailable(format!("the database holds what it must not: {what}"))
}
