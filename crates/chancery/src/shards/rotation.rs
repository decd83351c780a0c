//! Taking up new logs and laying down old ones while an instance serves.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chancery_server::{Logs, TrustDocuments};
use chancery_store::RecordedTimestampChain;
use chancery_trust::documents::{self, CtLog};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Shards;
use crate::failure::Failure;
use crate::stamping::Stamping;
use crate::trusting::{About, Trusting};

/// How often the database is asked what logs there are. `chancery log new` gives every process many
/// such looks before the log begins.
const LOOK: Duration = Duration::from_secs(1);

/// Writes the documents for some logs and chains of the timestamp authority.
pub(crate) type WriteDocuments =
    Box<dyn Fn(&[CtLog], &[RecordedTimestampChain]) -> Written + Send + Sync>;

type Written = Result<documents::TrustDocuments, Failure>;

/// What follows the logs of an instance.
pub(crate) struct Rotation {
    pub(crate) shards: Shards,
    pub(crate) served: Logs,
    pub(crate) documents: Arc<ArcSwap<TrustDocuments>>,
    pub(crate) write: WriteDocuments,
    /// Signs what is written, or says that it was not signed; `None` if nothing is to be.
    pub(crate) trusting: Option<Trusting>,
    /// Stamps, as long as its chain is the one to stamp with.
    pub(crate) stamping: Option<Stamping>,
    /// Told each time when something has changed.
    pub(crate) changed: Box<dyn FnMut(&Shards) + Send>,
}

impl Rotation {
    /// Looks again and again until `stop`. A step that has begun comes to its end.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            match self.shards.step().await {
                Ok(false) => {}
                Ok(true) => self.show().await,
                // The database is away; the log says so wherever it matters.
                Err(failure) => tracing::debug!("the logs could not be looked at: {failure}"),
            }
            if let Some(stamping) = &mut self.stamping {
                stamping.look(self.shards.timestamp_chains());
            }
            self.look_at_trust().await;
        }
    }

    async fn show(&mut self) {
        self.served.replace(self.shards.served());
        if self.trusting.is_none() {
            match written(&self.shards, &self.write) {
                Ok(written) => {
                    let unsigned = TrustDocuments::unsigned(written);
                    self.documents.store(Arc::new(unsigned));
                }
                Err(failure) => tracing::error!("{}", stay(&failure)),
            }
        }
        (self.changed)(&self.shards);
    }

    /// Serves what is signed, and has it signed anew as far as this process may.
    async fn look_at_trust(&mut self) {
        let Some(trusting) = &mut self.trusting else {
            return;
        };
        let written = written(&self.shards, &self.write);
        let mut changed = match trusting.look().await {
            Ok(changed) => changed,
            Err(failure) => {
                let said = format!("they could be neither looked at nor renewed: {failure}");
                trusting.complain(About::Database, &said);
                false
            }
        };
        match written {
            Ok(written) => match trusting.follow(written).await {
                Ok(followed) => changed |= followed,
                Err(failure) => trusting.complain(About::Difference, &stay(&failure)),
            },
            Err(failure) => trusting.complain(About::Difference, &stay(&failure)),
        }
        if changed {
            let served = trusting.served(Some(&self.documents.load()));
            self.documents.store(Arc::new(served));
        }
    }
}

fn written(shards: &Shards, write: &WriteDocuments) -> Written {
    let logs = shards.trusted()?;
    write(&logs, shards.timestamp_chains())
}

fn stay(failure: &Failure) -> String {
    format!("the trust documents stay as they were: {failure}")
}
