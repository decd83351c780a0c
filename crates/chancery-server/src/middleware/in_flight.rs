//! How many requests may be worked on at once.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use chancery_log::with_reading_place;
use http::Method;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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
    reading: Arc<Semaphore>,
}

impl LogReads {
    pub(crate) fn new(limits: RequestLimits) -> Self {
        Self {
            waiting: Semaphore::new(limits.log_reads_waiting),
            reading: Arc::new(Semaphore::new(limits.log_reads)),
        }
    }

    /// Says whether a request only reads a log.
    pub(crate) fn concern(request: &Request) -> bool {
        const LOGS: [&str; 3] = ["/ct/", "/tile/", "/api/v2/tile/"];
        let path = request.uri().path();
        matches!(*request.method(), Method::GET | Method::HEAD)
            && (path.ends_with("/checkpoint") || LOGS.iter().any(|logs| path.starts_with(logs)))
    }

    /// Waits for a turn, and answers 503 where too many wait or one waits too long. Who reads
    /// published files has no turn meanwhile: they may be far away.
    pub(crate) async fn bound<F: Future<Output = Response>>(
        &self,
        request: Request,
        next: impl FnOnce(Request) -> F,
    ) -> Response {
        match self.turn().await {
            Some(turn) => with_reading_place(turn, next(request)).await,
            None => ApiError::overloaded().into_response(),
        }
    }

    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        let reading = || Arc::clone(&self.reading);
        if let Ok(turn) = reading().try_acquire_owned() {
            return Some(turn);
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        timeout(TURN, reading().acquire_owned()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use axum::body::Body;
    use chancery_keys::{KeyType, LocalKey, Signer as _};
    use chancery_log::export::Exporter;
    use chancery_log::memory::MemoryStore;
    use chancery_log::published_files::{FilePlace, LogKey, NewFile, PlaceError};
    use chancery_log::{LogReader as _, LogStore as _, Tiered};
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

    fn one_at_a_time() -> Arc<LogReads> {
        Arc::new(LogReads::new(RequestLimits {
            log_reads: 1,
            log_reads_waiting: 0,
            ..RequestLimits::default()
        }))
    }

    fn get() -> Request {
        Request::new(Body::empty())
    }

    #[tokio::test]
    async fn who_hangs_up_or_panics_gives_the_turn_back() {
        let reads = one_at_a_time();
        let hangs = reads.bound(get(), async |_| std::future::pending().await);
        assert!(
            timeout(Duration::ZERO, async {
                tokio::join!(hangs, ask(&reads, 1))
            })
            .await
            .is_err()
        );
        assert_eq!(ask(&reads, 1).await, (0, 1));
        let panicking = Arc::clone(&reads);
        let panics = tokio::spawn(async move {
            let work = async |_: Request| -> Response { panic!("on purpose") };
            panicking.bound(get(), work).await
        });
        assert!(panics.await.unwrap_err().is_panic());
        assert_eq!(ask(&reads, 1).await, (0, 1));
    }

    /// A place that never answers.
    #[derive(Debug)]
    struct Hanging;

    #[async_trait]
    impl FilePlace for Hanging {
        fn name(&self) -> String {
            "hanging".to_owned()
        }

        async fn read(&self, _: &str, _: u64) -> Result<Option<Vec<u8>>, PlaceError> {
            std::future::pending().await
        }

        async fn write(&self, _: Vec<NewFile>) -> Result<(), PlaceError> {
            Ok(())
        }

        async fn replace(&self, _: Option<&[u8]>, _: NewFile) -> Result<bool, PlaceError> {
            Ok(false)
        }

        async fn remove_folder(&self, _: &str) -> Result<(), PlaceError> {
            Ok(())
        }

        async fn remove(&self, _: &str) -> Result<(), PlaceError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn who_reads_files_that_hang_leaves_the_turn_to_others() {
        let reads = one_at_a_time();
        let memory = MemoryStore::default();
        memory.prune(256).await.unwrap();
        let key = LocalKey::generate(KeyType::P256).unwrap();
        let key = LogKey::Rfc6962 {
            key: key.public_key().clone(),
            origin: None,
        };
        let files = Exporter::new(Arc::new(Hanging), key);
        let tiered = Tiered::new(Arc::new(memory), files);
        let hangs = reads.bound(get(), async |_| {
            let _never = tiered.entries(0..1).await;
            Response::default()
        });
        tokio::select! {
            biased;
            _ = hangs => panic!("nothing answers"),
            asked = ask(&reads, 1) => assert_eq!(asked, (0, 1)),
        }
    }
}
