//! Places for reading a store, which whoever reads published files gives back meanwhile.
//!
//! A store has few connections, so strangers' reads of it are few at a time. A web server or a
//! bucket takes far longer to answer, or does not answer at all: that must cost nobody who reads
//! the store his turn.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::store::StoreError;

/// How many strangers read a log's files at once. Each holds a tile, of a megabyte as a rule.
pub(crate) const READING_FILES: usize = 8;

/// How many more wait for that.
pub(crate) const WAITING_FOR_FILES: usize = 64;

tokio::task_local! {
    static PLACE: RefCell<Option<OwnedSemaphorePermit>>;
}

/// Does work that holds one of a number of places for reading a store. While it reads published
/// files in place of the store it has none, and it waits for another before it goes on.
///
/// The place is the task's: what the work spawns has none.
pub async fn with_reading_place<T>(
    place: OwnedSemaphorePermit,
    work: impl Future<Output = T>,
) -> T {
    PLACE.scope(RefCell::new(Some(place)), work).await
}

/// The bounds for those who read one log's files.
#[derive(Debug)]
pub(crate) struct FileReads {
    waiting: Semaphore,
    reading: Semaphore,
}

/// Too many read files already.
#[derive(Debug, thiserror::Error)]
#[error("{WAITING_FOR_FILES} reads wait for the published files already")]
struct Crowded;

impl FileReads {
    pub(crate) fn new() -> Self {
        Self {
            waiting: Semaphore::new(READING_FILES + WAITING_FOR_FILES),
            reading: Semaphore::new(READING_FILES),
        }
    }

    /// Reads files without the place for reading the store. Who came without one, such as a backup,
    /// does not stand in line with strangers.
    pub(crate) async fn bound<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let Some(place) = PLACE.try_with(RefCell::take).ok().flatten() else {
            return read.await;
        };
        let (places, number) = (Arc::clone(place.semaphore()), place.num_permits());
        let Ok(_waiting) = self.waiting.try_acquire() else {
            PLACE.with(|empty| empty.replace(Some(place)));
            return Err(StoreError::Unavailable(Box::new(Crowded)));
        };
        drop(place);
        let turn = self.reading.acquire().await;
        let _turn = turn.map_err(|e| StoreError::Unavailable(Box::new(e)))?;
        let found = read.await;
        // With its turn among the readers of files, so that few hold what they have read.
        let number = u32::try_from(number).unwrap_or(1);
        let again = places.acquire_many_owned(number).await.ok();
        PLACE.with(|empty| empty.replace(again));
        found
    }
}
