//! Publication for those who read: one at a time, in a task of its own, and waited for briefly.
//!
//! A guard, a key or a witness that hangs holds up a publication for seconds. Readers do not queue
//! behind it: they wait until it has taken [`PATIENCE`], and are served the newest released head from
//! then on. However many they are, the log's keys sign once, and none of them can break the
//! publication off by hanging up.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::publisher::{PublishError, Publisher};
use crate::snapshot::SignedHead;
use crate::store::Head;

/// How long a publication may take before readers are served what is released already.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a head that could not be released is not tried again for readers. The sequencer tries it
/// whenever it has a batch.
const RESPITE: Duration = Duration::from_secs(1);

/// The publication that was begun last for readers.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    last: Mutex<Option<Flight>>,
}

type Outcome = Result<Arc<SignedHead>, Arc<PublishError>>;

#[derive(Clone, Debug)]
struct Flight {
    head: Head,
    begun: Instant,
    landed: watch::Receiver<Option<Landed>>,
}

#[derive(Clone, Debug)]
struct Landed {
    at: Instant,
    outcome: Outcome,
}

impl Flight {
    /// Tells whether somebody who wants `head` published may wait for this instead of a new one.
    fn carries(&self, head: &Head) -> bool {
        match &*self.landed.borrow() {
            // Under way: whatever it carries, a second one would only queue behind it.
            None => self.landed.has_changed().is_ok(),
            Some(Landed { at, outcome }) => {
                let waits = outcome.as_ref().is_err_and(|e| e.may_pass());
                waits && self.head == *head && at.elapsed() < RESPITE
            }
        }
    }
}

impl Publisher {
    /// Publishes `head`, which is stored, as [`Publisher::publish`] does. If that takes long, it is
    /// [`PublishError::Unfinished`], and goes on.
    pub(crate) async fn publish_for_reader(self: &Arc<Self>, head: Head) -> Outcome {
        let came = Instant::now();
        loop {
            let flight = self.board(head);
            let mut landed = flight.landed.clone();
            let until = flight.begun.min(came) + PATIENCE;
            let Ok(told) = timeout_at(until, landed.wait_for(Option::is_some)).await else {
                return Err(Arc::new(PublishError::Unfinished(
                    "guard, key or witnesses are still being asked",
                )));
            };
            let outcome = told.ok().and_then(|told| Some(told.clone()?.outcome));
            let outcome = outcome.unwrap_or_else(|| {
                let ended = "the publication ended before its time";
                Err(Arc::new(PublishError::Unfinished(ended)))
            });
            if flight.head == head {
                return outcome;
            }
            // One that was under way already may have carried an older head, or a newer one, of which
            // `head` must be a part: the database may have gone back meanwhile.
            if let Ok(published) = outcome
                && published.head.timestamp_ms > head.timestamp_ms
            {
                let proven = self.prove(&head.tree, &published.head.tree).await;
                return proven.map(|()| published).map_err(Arc::new);
            }
        }
    }

    fn board(self: &Arc<Self>, head: Head) -> Flight {
        let last = &self.flights.last;
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = last.as_ref().filter(|flight| flight.carries(&head)) {
            return flight.clone();
        }
        let (tell, landed) = watch::channel(None);
        let flight = Flight {
            head,
            begun: Instant::now(),
            landed,
        };
        *last = Some(flight.clone());
        let publisher = Arc::clone(self);
        tokio::spawn(async move {
            let outcome = publisher.publish(head, None).await.map_err(Arc::new);
            let at = Instant::now();
            tell.send_replace(Some(Landed { at, outcome }));
        });
        flight
    }
}
