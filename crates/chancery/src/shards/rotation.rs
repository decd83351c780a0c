//! Taking up new logs and laying down old ones while an instance serves.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chancery_server::{Logs, TrustDocuments, TrustedLog};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Shards;
use crate::failure::Failure;

/// How often the database is asked what logs there are. `chancery log new` gives every process many
/// such looks before the log begins.
const LOOK: Duration = Duration::from_secs(1);

/// Writes the documents for some logs.
pub(crate) type WriteDocuments =
    Box<dyn Fn(&[TrustedLog]) -> Result<TrustDocuments, Failure> + Send + Sync>;

/// What follows the logs of an instance.
pub(crate) struct Rotation {
    pub(crate) shards: Shards,
    pub(crate) served: Logs,
    pub(crate) documents: Arc<ArcSwap<TrustDocuments>>,
    pub(crate) write: WriteDocuments,
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
                Ok(true) => self.show(),
                // The database is away; the log says so wherever it matters.
                Err(failure) => tracing::debug!("the logs could not be looked at: {failure}"),
            }
        }
    }

    fn show(&mut self) {
        self.served.replace(self.shards.served());
        let written = self.shards.trusted().and_then(|logs| (self.write)(&logs));
        match written {
            Ok(documents) => self.documents.store(Arc::new(documents)),
            Err(failure) => tracing::error!("the trust documents stay as they were: {failure}"),
        }
        (self.changed)(&self.shards);
    }
}
