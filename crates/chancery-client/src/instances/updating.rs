//! Keeping an instance fresh: it is asked when it is used and some hours have passed, and until its
//! metadata expire it can be used without its server.

use std::error::Error;
use std::time::Duration;

use chancery_log::causes;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::download::Downloads;
use super::record::{Failed, Record};
use super::source::Source;
use super::update::{Fault, Updated, update};
use super::{
    FolderError, Instance, InstanceName, Instances, Stale, Trust, TrustError, UpdateError,
};

/// After how long an instance that could not be asked is asked again: it may take twenty seconds to
/// find out that it is away.
const AWAY: Duration = Duration::from_mins(10);

impl Instances {
    /// Returns what an instance says is to be trusted, the default one's if no name is given.
    ///
    /// # Errors
    /// [`TrustError`]: nothing of that name is set up; what is kept has expired and the instance is
    /// away; what it publishes has expired or must not be believed.
    pub async fn trust(&self, name: Option<&InstanceName>) -> Result<Trust, TrustError> {
        let (name, record) = self.find(name)?;
        match self.unasked(&name, &record).await {
            Some(trust) => Ok(trust),
            None => self.refresh(name, record).await,
        }
    }

    /// Returns what is kept if it counts and the instance was asked a short time ago, with success or
    /// in vain.
    async fn unasked(&self, name: &InstanceName, record: &Record) -> Option<Trust> {
        let is_within = |at: OffsetDateTime, within: Duration| {
            let age = OffsetDateTime::now_utc() - at;
            !age.is_negative() && age < within
        };
        let fresh = record.known.at.is_some_and(|at| is_within(at, self.fresh));
        let failed = record.failed.as_ref();
        let failed = failed.filter(|failed| is_within(failed.at, AWAY.min(self.fresh)));
        let stale = match (fresh, failed) {
            (true, _) => None,
            (false, Some(failed)) => Some(failed.stale()),
            (false, None) => return None,
        };
        let updated = stored(record).await.ok()?;
        Some(updated.into_trust(record.describe(name.clone()), stale))
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
        if let Some(trust) = self.unasked(&name, &record).await {
            return Ok(trust);
        }
        let asked = match Downloads::from(&record.url) {
            Ok(downloads) => update(&record.known, Source::network(downloads)).await,
            Err(error) => Err((Fault::Away(error), None)),
        };
        match asked {
            Ok(updated) => {
                let record = record.after(&updated);
                if let Err(error) = record.write(&self.record_file(&name)) {
                    return offline(name, &record, error).await;
                }
                Ok(updated.into_trust(record.describe(name), None))
            }
            Err((Fault::Away(error), newer)) => {
                let mut record = record.after_failure(newer);
                record.failed = Some(Failed::now(causes(&error)));
                let written = record.write(&self.record_file(&name));
                drop(lock);
                match written {
                    Ok(()) => offline(name, &record, error).await,
                    Err(error) => offline(name, &record, error).await,
                }
            }
            Err((fault, newer)) => {
                self.keep_root(&name, &record, newer)?;
                Err(UpdateError::new(fault, &name, &record.url).into())
            }
        }
    }

    /// Keeps a root that is newer, although what came after it failed.
    pub(super) fn keep_root(
        &self,
        name: &InstanceName,
        record: &Record,
        newer: Option<String>,
    ) -> Result<(), FolderError> {
        match newer {
            None => Ok(()),
            newer => record.after_failure(newer).write(&self.record_file(name)),
        }
    }
}

impl Failed {
    fn stale(&self) -> Stale {
        let at = self.at.format(&Rfc3339).unwrap_or_default();
        Stale {
            why: format!(
                "it was asked in vain at {at}, and is asked again {} minutes after that, or now by \
                 `chancery client refresh`: {}",
                AWAY.as_secs() / 60,
                self.why
            ),
        }
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
            expires: self.expires.into(),
            documents: self.documents,
            stale,
        }
    }
}
