//! How many requests may be worked on at once.

use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::Method;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::error::ApiError;
use crate::request_body::RequestLimits;

/// How long a read of a log waits for its turn.
const TURN: Duration = Duration::from_secs(5);

/// Answers 503 at once where all places are taken. Each place may hold a request body, from a
/// caller who has not shown a token yet: this bounds what strangers can make us remember.
pub(crate) async fn bound<F: Future<Output = Response>>(
    places: &Semaphore,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    match places.try_acquire() {
        Ok(_place) => next(request).await,
        Err(_) => ApiError::overloaded().into_response(),
    }
}

/// The places for reading logs. They are apart from the others, so that no number of readers keeps
/// a certificate from being issued: neither by a place, nor by the store's connections.
#[derive(Debug)]
pub(crate) struct LogReads {
    waiting: Semaphore,
    reading: Semaphore,
}

impl LogReads {
    pub(crate) fn new(limits: RequestLimits) -> Self {
        Self {
            waiting: Semaphore::new(limits.log_reads + limits.log_reads_waiting),
            reading: Semaphore::new(limits.log_reads),
        }
    }

    /// Says whether a request only reads a log.
    pub(crate) fn concern(request: &Request) -> bool {
        const LOGS: [&str; 3] = ["/ct/", "/tile/", "/api/v2/tile/"];
        let path = request.uri().path();
        matches!(*request.method(), Method::GET | Method::HEAD)
            && (path.ends_with("/checkpoint") || LOGS.iter().any(|logs| path.starts_with(logs)))
    }

    /// Waits for a turn, and answers 503 where too many wait or one waits too long.
    pub(crate) async fn bound<F: Future<Output = Response>>(
        &self,
        request: Request,
        next: impl FnOnce(Request) -> F,
    ) -> Response {
        let Ok(_waiting) = self.waiting.try_acquire() else {
            return ApiError::overloaded().into_response();
        };
        match timeout(TURN, self.reading.acquire()).await {
            Ok(Ok(_turn)) => next(request).await,
            Ok(Err(_)) | Err(_) => ApiError::overloaded().into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::Body;
    use tokio::task::JoinSet;

    use super::*;

    /// Asks so many times at once, and returns how many were refused, and how many were ever
    /// worked on at once.
    async fn ask(reads: &Arc<LogReads>, times: usize) -> (usize, usize) {
        let counts = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let mut asked = JoinSet::new();
        for _ in 0..times {
            let (reads, counts) = (Arc::clone(reads), Arc::clone(&counts));
            asked.spawn(async move {
                let work = async |_| {
                    let (now, most) = &*counts;
                    most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    for _ in 0..20 {
                        tokio::task::yield_now().await;
                    }
                    now.fetch_sub(1, Ordering::Relaxed);
                    Response::default()
                };
                reads.bound(Request::new(Body::empty()), work).await
            });
        }
        let answers = asked.join_all().await;
        let refused = answers.iter().filter(|answer| answer.status() == 503);
        (refused.count(), counts.1.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn reads_wait_for_their_turn_and_keep_it_until_they_are_answered() {
        let reads = Arc::new(LogReads::new(RequestLimits {
            log_reads: 2,
            log_reads_waiting: 3,
            ..RequestLimits::default()
        }));
        assert_eq!(ask(&reads, 5).await, (0, 2));
        assert_eq!(ask(&reads, 9).await, (4, 2));
    }
}
