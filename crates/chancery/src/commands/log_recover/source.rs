//! Where missing entries are brought back from.

use std::path::Path;
use std::sync::Arc;

use chancery_log::published_files::OpenFilesError;
use chancery_log::{LogReader, LogStore, PublishedFiles};
use chancery_store::{DatabaseUrl, RecordedLog, Store};

use crate::commands::serve::is_argument;
use crate::connecting;
use crate::failure::{Causes, Failure};
use crate::meaning;

/// A copy of the log.
pub(super) enum Source {
    /// A backup, or another database.
    Database {
        store: Store,
        log: Arc<dyn LogStore>,
    },
    /// What the log has published. It has entries, and no deliveries or used tokens.
    Files(Arc<PublishedFiles>),
}

impl Source {
    /// Opens a copy of `log`: a folder of published files, a backup, another database, or its URL.
    pub(super) async fn open(from: &str, log: &RecordedLog) -> Result<Self, Failure> {
        let folder = Path::new(from);
        if folder.is_dir() {
            return published(folder, log).map(|files| Self::Files(Arc::new(files)));
        }
        let url = url(from)?;
        let store = connecting::to_read(&url).await?;
        let instance = connecting::recorded(&store).await?;
        let same = instance.every_log().find(|copy| copy.log_id == log.log_id);
        let same = same.ok_or_else(|| {
            Failure::configuration(format!(
                "{url} is no copy of the log {}: it has none with this log's key",
                log.origin
            ))
        })?;
        let log = store.log_store(same.log);
        Ok(Self::Database { store, log })
    }

    pub(super) fn reader(&self) -> &dyn LogReader {
        match self {
            Self::Database { log, .. } => &**log,
            Self::Files(files) => &**files,
        }
    }

    /// Returns the copy's tree for whoever keeps it.
    pub(super) fn log(&self) -> Arc<dyn LogReader> {
        match self {
            Self::Database { log, .. } => Arc::clone(log) as Arc<dyn LogReader>,
            Self::Files(files) => Arc::clone(files) as Arc<dyn LogReader>,
        }
    }

    /// Returns where deliveries are, if the copy has any.
    pub(super) fn deliveries(&self) -> Option<&dyn LogStore> {
        match self {
            Self::Database { log, .. } => Some(&**log),
            Self::Files(_) => None,
        }
    }

    /// Returns the database that the copy is, if it is one.
    pub(super) fn store(&self) -> Option<&Store> {
        match self {
            Self::Database { store, .. } => Some(store),
            Self::Files(_) => None,
        }
    }

    pub(super) async fn close(&self) {
        if let Self::Database { store, .. } = self {
            store.close().await;
        }
    }
}

/// Opens published files, whose checkpoint this log's key must have signed.
fn published(folder: &Path, log: &RecordedLog) -> Result<PublishedFiles, Failure> {
    let key = meaning::log_key(log)?;
    PublishedFiles::open(folder, &key).map_err(|e| match e {
        OpenFilesError::Checkpoint(..) => Failure::verification(Causes(&e)),
        OpenFilesError::Unreadable(..) => Failure::usage(Causes(&e)),
    })
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
