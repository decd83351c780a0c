//! Where missing entries are brought back from.

use std::path::Path;
use std::sync::Arc;

use chancery_log::{LogReader, LogStore};
use chancery_store::{DatabaseUrl, RecordedLog, Store};

use crate::commands::serve::is_argument;
use crate::connecting;
use crate::failure::{Causes, Failure};

/// A copy of the log.
pub(super) struct Source {
    store: Store,
    log: Arc<dyn LogStore>,
}

impl Source {
    /// Opens a copy of `log`: a backup, another database, or its URL.
    pub(super) async fn open(from: &str, log: &RecordedLog) -> Result<Self, Failure> {
        if Path::new(from).is_dir() {
            return Err(Failure::usage(format!(
                "{from} is a folder: entries are brought back from a backup or a database"
            )));
        }
        let url = url(from)?;
        let store = connecting::to_read(&url).await?;
        let instance = connecting::recorded(&store).await?;
        let same = instance.logs.iter().find(|copy| copy.log_id == log.log_id);
        let same = same.ok_or_else(|| {
            Failure::configuration(format!(
                "{url} is no copy of the log {}: it has none with this log's key",
                log.origin
            ))
        })?;
        let log = store.log_store(same.log);
        Ok(Self { store, log })
    }

    pub(super) fn reader(&self) -> &dyn LogReader {
        &*self.log
    }

    /// Returns where deliveries are, if the copy has any.
    pub(super) fn deliveries(&self) -> Option<&dyn LogStore> {
        Some(&*self.log)
    }

    /// Returns the database that the copy is, if it is one.
    pub(super) fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }

    pub(super) async fn close(&self) {
        self.store.close().await;
    }
}

/// Takes a path for that of an SQLite file.
fn url(from: &str) -> Result<DatabaseUrl, Failure> {
    let is_url = ["sqlite:", "postgres://", "postgresql://"]
        .iter()
        .any(|scheme| from.starts_with(scheme));
    let text = if is_url {
        from.to_owned()
    } else {
        format!("sqlite:{from}")
    };
    let url = DatabaseUrl::parse(&text).map_err(|e| Failure::usage(Causes(&e)))?;
    if url.has_password() && is_argument(from) {
        return Err(Failure::usage(
            "a database URL with a password does not belong into an argument, where every process \
             can read it; leave it out and use a password file (PGPASSFILE)",
        ));
    }
    Ok(url)
}
