//! Keeping an instance fresh: it is asked when it is used and some hours have passed, and until its
//! metadata expire it can be used without its server.

use std::error::Error;

use chancery_log::causes;
use time::OffsetDateTime;

use super::download::Downloads;
use super::record::Record;
use super::source::Source;
use super::update::{Fault, Updated, update};
use super::{
    FolderError, Instance, InstanceName, Instances, Stale, Trust, TrustError, UpdateError,
};

impl Instances {
    /// Returns what an instance says is to be trusted, the default one's if no name is given.
    ///
    /// # Errors
    /// [`TrustError`]: nothing of that name is set up; what is kept has expired and the instance is
    /// away; what it publishes has expired or must not be believed.
    pub async fn trust(&self, name: Option<&InstanceName>) -> Result<Trust, TrustError> {
        let (name, record) = self.find(name)?;
        if self.is_fresh(&record)
            && let Ok(updated) = stored(&record).await
        {
            return Ok(updated.into_trust(record.describe(name), None));
        }
        self.refresh(name, record).await
    }

    fn is_fresh(&self, record: &Record) -> bool {
        let age = record.known.at.map(|at| OffsetDateTime::now_utc() - at);
        age.is_some_and(|age| !age.is_negative() && age < self.fresh)
    }

    /// Asks the instance, and goes on with what is kept if it is away.
    async fn refresh(&self, name: InstanceName, record: Record) -> Result<Trust, TrustError> {
        // Where nothing can be written, nothing newer can be held on to.
        let lock = match self.lock(&name).await {
            Ok(lock) => lock,
            Err(error) => return offline(name, &record, error).await,
        };
        // Another process may have asked meanwhile, or removed the instance.
        let (name, record) = self.find(Some(&name))?;
        if self.is_fresh(&record)
            && let Ok(updated) = stored(&record).await
        {
            return Ok(updated.into_trust(record.describe(name), None));
        }
        let fault = match Downloads::from(&record.url) {
            Err(error) => Fault::Away(error),
            Ok(downloads) => match update(&record.known, Source::network(downloads)).await {
                Ok(updated) => {
                    let record = record.after(&updated);
                    if let Err(error) = record.write(&self.record_file(&name)) {
                        return offline(name, &record, error).await;
                    }
                    return Ok(updated.into_trust(record.describe(name), None));
                }
                Err((fault, newer)) => {
                    self.keep_root(&name, &record, newer)?;
                    fault
                }
            },
        };
        drop(lock);
        match fault {
            Fault::Away(error) => {
                let (name, record) = self.find(Some(&name))?;
                offline(name, &record, error).await
            }
            fault => Err(UpdateError::new(fault, &name, &record.url).into()),
        }
    }

    /// Keeps a root that is newer, although what came after it failed.
    fn keep_root(
        &self,
        name: &InstanceName,
        record: &Record,
        newer: Option<String>,
    ) -> Result<(), FolderError> {
        let Some(root) = newer else {
            return Ok(());
        };
        let record = Record {
            known: record.known.with_root(root),
            ..record.clone()
        };
        record.write(&self.record_file(name))
    }
}

/// Verifies what is kept, from its root on, as it is now.
async fn stored(record: &Record) -> Result<Updated, Fault> {
    let base = record.url.repository();
    let source = Source::stored(base, record.known.files.clone());
    let updated = update(&record.known, source).await;
    updated.map_err(|(fault, _)| fault)
}

/// Goes on with what is kept, unless it has expired.
async fn offline(
    name: InstanceName,
    record: &Record,
    why: impl Error + Send + Sync + 'static,
) -> Result<Trust, TrustError> {
    let url = record.url.clone();
    match stored(record).await {
        Ok(updated) => {
            let why = causes(&why);
            let instance = record.describe(name);
            Ok(updated.into_trust(instance, Some(Stale { why })))
        }
        Err(Fault::Expired(role)) => Err(TrustError::ExpiredOffline {
            name,
            url,
            role: role.to_string(),
            source: Box::new(why),
        }),
        Err(Fault::Refused(source)) => {
            let why = causes(&why);
            Err(TrustError::RefusedOffline { name, why, source })
        }
        Err(fault) => Err(UpdateError::new(fault, &name, &url).into()),
    }
}

impl Updated {
    pub(super) fn into_trust(self, instance: Instance, stale: Option<Stale>) -> Trust {
        Trust {
            instance,
            root_version: self.root_version,
            expires: self.expires,
            trusted_root: self.trusted_root,
            signing_config: self.signing_config,
            stale,
        }
    }
}
