//! Answers that wait for their readers: how many bytes of them are held, and for how long.
//!
//! A peer that grants no window, or does not read its socket, leaves an answer in our memory. Each
//! answer is therefore counted until its last byte is handed to the kernel or thrown away, and its
//! connection is cut when it takes too long, or when there is no room and others read faster.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::ApiError;

/// What an answer takes besides its body, and what a body of unknown length is counted as: gRPC's
/// answers are as large as a chain of certificates.
const OVERHEAD: usize = 1024;
const UNKNOWN: usize = 16 * 1024;

/// Answers up to this size are always given. Certificates and refusals are, entries and tiles of the
/// log mostly are not.
const SMALL: usize = 16 * 1024;

/// The slowest that a reader may be in the long run, in bytes a second.
const SLOWEST: usize = 64 * 1024;

/// How long a reader is spared when there is no room.
const SPARED: Duration = Duration::from_secs(1);

/// Numbers the answers, in the order in which they became ready.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The answers that a process holds. Clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// Those that may be refused.
    large: Arc<Room>,
    /// Those that are not: a certificate was issued, and its answer must not depend on readers of
    /// the log.
    small: Arc<Room>,
}

/// The other end of a connection, as what its answers wait for. Clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer(Arc<Waited>);

#[derive(Debug, Default)]
struct Waited {
    stall: Duration,
    lost: CancellationToken,
    /// When each answer must have been taken.
    due: Mutex<BTreeMap<u64, Instant>>,
}

#[derive(Debug)]
struct Room {
    bytes: usize,
    spared: Duration,
    held: Mutex<Answers>,
}

#[derive(Debug, Default)]
struct Answers {
    bytes: usize,
    oldest: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    bytes: usize,
    since: Instant,
    peer: Peer,
}

/// An answer's part of a room, until it is dropped.
struct Held {
    number: u64,
    room: Arc<Room>,
    peer: Peer,
}

/// Says that an answer is held already.
#[derive(Clone, Copy)]
struct IsHeld;

impl Outgoing {
    /// Makes room for so many bytes of answers over [`SMALL`], and of smaller ones.
    pub(crate) fn new(large: usize, small: usize) -> Self {
        Self {
            large: Room::new(large, SPARED),
            small: Room::new(small, Duration::ZERO),
        }
    }

    /// Holds a large answer until it is sent, or answers 503 in its place.
    pub(crate) async fn bound<F: Future<Output = Response>>(
        &self,
        request: Request,
        next: impl FnOnce(Request) -> F,
    ) -> Response {
        let peer = peer(&request);
        let response = next(request).await;
        match length(&response) {
            bytes if bytes <= SMALL => response,
            bytes if self.large.make(bytes, Instant::now()) => {
                hold(response, &self.large, peer, bytes)
            }
            _ => ApiError::overloaded().into_response(),
        }
    }

    /// Holds every answer until it is sent.
    pub(crate) async fn follow<F: Future<Output = Response>>(
        &self,
        request: Request,
        next: impl FnOnce(Request) -> F,
    ) -> Response {
        let peer = peer(&request);
        let response = next(request).await;
        if response.extensions().get::<IsHeld>().is_some() {
            return response;
        }
        let bytes = length(&response);
        self.small.make(bytes, Instant::now());
        hold(response, &self.small, peer, bytes)
    }
}

impl Peer {
    /// Takes what cuts the connection, and the longest time for which the peer may leave an answer
    /// unread, besides the time that its size allows for.
    pub(crate) fn new(lost: CancellationToken, stall: Duration) -> Self {
        Self(Arc::new(Waited {
            stall,
            lost,
            due: Mutex::default(),
        }))
    }

    /// Waits until an answer was not taken in time.
    pub(crate) async fn stalls(&self) {
        let pause = self.0.stall / 4;
        let pause = pause.clamp(Duration::from_millis(10), Duration::from_secs(5));
        loop {
            tokio::time::sleep(pause).await;
            if self.is_overdue(Instant::now()) {
                return;
            }
        }
    }

    fn is_overdue(&self, now: Instant) -> bool {
        self.due().values().any(|due| *due <= now)
    }

    fn due(&self) -> MutexGuard<'_, BTreeMap<u64, Instant>> {
        self.0.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn new(bytes: usize, spared: Duration) -> Arc<Self> {
        let held = Mutex::default();
        Arc::new(Self {
            bytes,
            spared,
            held,
        })
    }

    fn held(&self) -> MutexGuard<'_, Answers> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts the connections whose answers have waited longest until there are `bytes` free. Returns
    /// whether there are; nobody is cut where that would not do.
    fn make(&self, bytes: usize, now: Instant) -> bool {
        let mut held = self.held();
        let mut missing = held.bytes.saturating_add(bytes).saturating_sub(self.bytes);
        let mut first_kept = None;
        for (number, waiting) in &held.oldest {
            if missing == 0 || waiting.since + self.spared > now {
                first_kept = Some(*number);
                break;
            }
            missing = missing.saturating_sub(waiting.bytes);
        }
        if missing > 0 {
            return false;
        }
        let kept = first_kept.map_or_else(BTreeMap::new, |first| held.oldest.split_off(&first));
        for cut in std::mem::replace(&mut held.oldest, kept).into_values() {
            // Its task ends at its next turn, and what it holds with it.
            held.bytes = held.bytes.saturating_sub(cut.bytes);
            cut.peer.0.lost.cancel();
        }
        true
    }
}

impl Held {
    fn new(room: &Arc<Room>, peer: Peer, bytes: usize) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let since = Instant::now();
        let time = Duration::from_secs((bytes / SLOWEST) as u64);
        peer.due().insert(number, since + peer.0.stall + time);
        let mut held = room.held();
        held.bytes = held.bytes.saturating_add(bytes);
        let waiting = Waiting {
            bytes,
            since,
            peer: peer.clone(),
        };
        held.oldest.insert(number, waiting);
        drop(held);
        let room = Arc::clone(room);
        Self { number, room, peer }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.peer.due().remove(&self.number);
        let mut held = self.room.held();
        if let Some(waiting) = held.oldest.remove(&self.number) {
            held.bytes = held.bytes.saturating_sub(waiting.bytes);
        }
    }
}

fn peer(request: &Request) -> Peer {
    request.extensions().get().cloned().unwrap_or_default()
}

fn length(response: &Response) -> usize {
    let exact = response.body().size_hint().exact();
    exact.map_or(UNKNOWN, |bytes| {
        usize::try_from(bytes)
            .unwrap_or(usize::MAX)
            .saturating_add(OVERHEAD)
    })
}

fn hold(response: Response, room: &Arc<Room>, peer: Peer, bytes: usize) -> Response {
    let held = Arc::new(Held::new(room, peer, bytes));
    let mut response = response.map(|body| Body::new(Sent { body, held }));
    response.extensions_mut().insert(IsHeld);
    response
}

/// A body whose every piece keeps the answer's part of the room: HTTP/2 queues pieces, and the body
/// itself is gone long before they are sent.
struct Sent {
    body: Body,
    held: Arc<Held>,
}

struct Piece {
    data: Bytes,
    _held: Arc<Held>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl hyper::body::Body for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        frame.map_ok(|frame| {
            frame.map_data(|data| {
                let _held = Arc::clone(&self.held);
                Bytes::from_owner(Piece { data, _held })
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(room: &Arc<Room>, bytes: usize) -> (Held, CancellationToken) {
        let lost = CancellationToken::new();
        let peer = Peer::new(lost.clone(), Duration::from_secs(30));
        (Held::new(room, peer, bytes), lost)
    }

    #[test]
    fn who_has_waited_longest_makes_room_when_it_was_spared() {
        let room = Room::new(10, SPARED);
        let (first, first_lost) = waiting(&room, 6);
        let (_second, second_lost) = waiting(&room, 4);
        let now = Instant::now();
        assert!(!room.make(1, now) && !first_lost.is_cancelled());
        assert!(room.make(5, now + SPARED));
        assert!(first_lost.is_cancelled() && !second_lost.is_cancelled());
        // It was taken off already.
        drop(first);
        assert_eq!(room.held().bytes, 4);
        assert!(!room.make(11, now), "nothing is larger than the room");
    }

    #[test]
    fn nobody_is_cut_where_that_would_not_make_room_enough() {
        let room = Room::new(10, SPARED);
        let (_old, old_lost) = waiting(&room, 4);
        let (_new, new_lost) = waiting(&room, 6);
        let old_enough = Instant::now() + SPARED;
        if let Some(mut new) = room.held().oldest.last_entry() {
            new.get_mut().since = old_enough;
        }
        assert!(!room.make(10, old_enough));
        assert!(!old_lost.is_cancelled() && !new_lost.is_cancelled());
        assert!(room.make(4, old_enough));
        assert!(old_lost.is_cancelled() && !new_lost.is_cancelled());
    }

    #[test]
    fn a_peer_is_overdue_when_an_answer_was_not_taken_in_the_time_that_its_size_allows() {
        let room = Room::new(usize::MAX, SPARED);
        let peer = Peer::new(CancellationToken::new(), Duration::from_secs(30));
        let begun = Instant::now();
        let answer = Held::new(&room, peer.clone(), 10 * SLOWEST);
        assert!(!peer.is_overdue(begun + Duration::from_secs(39)));
        let late = begun + Duration::from_secs(41);
        assert!(peer.is_overdue(late));
        drop(answer);
        assert!(!peer.is_overdue(late));
    }
}
