//! Places for connections. When all are taken, a new connection gets the one that has waited for its
//! peer longest: whoever opens many and says nothing on them must not keep others out.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The places of one listener.
pub(crate) struct Seats {
    free: Arc<Semaphore>,
    waiting: Arc<Waiting>,
    /// How long a connection may wait for its peer before its place can be given away.
    spared: Duration,
}

/// A connection's place, until it is dropped.
pub(crate) struct Seat {
    all: Arc<Waiting>,
    mine: Mutex<Mine>,
    lost: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

/// The connections that wait for their peers, in the order in which they began to.
#[derive(Default)]
struct Waiting(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    tick: u64,
    entries: BTreeMap<u64, (Instant, CancellationToken)>,
}

struct Mine {
    /// Requests that are whole and not answered yet.
    at_work: usize,
    /// The connection's place in the queue, if it has none.
    tick: Option<u64>,
}

/// A request that is being worked on: until it is dropped, it is we who are waited for.
pub(crate) struct Work(Arc<Seat>);

/// A request's body, which notes when all of it has come.
pub(crate) struct Watched {
    body: Incoming,
    seat: Arc<Seat>,
    work: Arc<OnceLock<Work>>,
}

impl Seats {
    pub(crate) fn new(number: usize, spared: Duration) -> Self {
        Self {
            free: Arc::new(Semaphore::new(number)),
            waiting: Arc::default(),
            spared,
        }
    }

    /// Returns a place if one is free.
    pub(crate) fn free(&self) -> Option<Arc<Seat>> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(Seat::new(Arc::clone(&self.waiting), permit))
    }

    /// Returns a place, another connection's if need be.
    pub(crate) async fn take(&self) -> Arc<Seat> {
        loop {
            if let Some(seat) = self.free() {
                return seat;
            }
            let look = self.waiting.give_up_one(self.spared);
            tokio::select! {
                biased;
                Ok(permit) = Arc::clone(&self.free).acquire_owned() => {
                    return Seat::new(Arc::clone(&self.waiting), permit);
                }
                () = sleep_until(look) => {}
            }
        }
    }
}

impl Seat {
    fn new(all: Arc<Waiting>, permit: OwnedSemaphorePermit) -> Arc<Self> {
        let lost = CancellationToken::new();
        let tick = all.enter(&lost);
        Arc::new(Self {
            all,
            mine: Mutex::new(Mine {
                at_work: 0,
                tick: Some(tick),
            }),
            lost,
            _permit: permit,
        })
    }

    /// Returns what cuts the connection off.
    pub(crate) fn cut(&self) -> &CancellationToken {
        &self.lost
    }

    /// Waits until the place is given away.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Takes a request's body, and a place for the note that the request is whole. Whoever answers
    /// the request holds the latter until then.
    pub(crate) fn watch(self: &Arc<Self>, body: Incoming) -> (Watched, Arc<OnceLock<Work>>) {
        let work = Arc::new(OnceLock::new());
        let watched = Watched {
            body,
            seat: Arc::clone(self),
            work: Arc::clone(&work),
        };
        watched.note_the_end();
        (watched, work)
    }

    fn work(self: &Arc<Self>) -> Work {
        let mut mine = self.mine.lock().unwrap_or_else(PoisonError::into_inner);
        mine.at_work += 1;
        if let Some(tick) = mine.tick.take() {
            self.all.leave(tick);
        }
        Work(Arc::clone(self))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mine = self.mine.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(tick) = mine.tick {
            self.all.leave(tick);
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let Self(seat) = self;
        let mut mine = seat.mine.lock().unwrap_or_else(PoisonError::into_inner);
        mine.at_work = mine.at_work.saturating_sub(1);
        if mine.at_work == 0 {
            mine.tick = Some(seat.all.enter(&seat.lost));
        }
    }
}

impl Waiting {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, lost: &CancellationToken) -> u64 {
        let mut queue = self.queue();
        queue.tick += 1;
        let tick = queue.tick;
        queue.entries.insert(tick, (Instant::now(), lost.clone()));
        tick
    }

    fn leave(&self, tick: u64) {
        self.queue().entries.remove(&tick);
    }

    /// Ends the connection that has waited longest, if it has waited for as long as each is spared.
    /// Returns when to look again.
    fn give_up_one(&self, spared: Duration) -> Instant {
        let now = Instant::now();
        let mut queue = self.queue();
        let Some(longest) = queue.entries.first_entry() else {
            return now + spared;
        };
        let due = longest.get().0 + spared;
        if due > now {
            return due;
        }
        let (_, lost) = longest.remove();
        lost.cancel();
        now + spared
    }
}

impl Watched {
    fn note_the_end(&self) {
        if self.body.is_end_stream() {
            self.work.get_or_init(|| self.seat.work());
        }
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match frame {
            Poll::Ready(None) => {
                self.work.get_or_init(|| self.seat.work());
            }
            Poll::Ready(Some(_)) => self.note_the_end(),
            Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
