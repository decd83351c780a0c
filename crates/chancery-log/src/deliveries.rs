//! What was handed out and is not recorded yet.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::leaf::Delivery;

/// Deliveries that wait for the next batch. There are never more than certificates issued since
/// the last one that was committed.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    waiting: Mutex<WaitingDeliveries>,
    came: Notify,
}

#[derive(Debug, Default)]
struct WaitingDeliveries {
    deliveries: Vec<Delivery>,
    /// Set when nobody records any more.
    closed: bool,
}

impl Deliveries {
    /// Returns `false` if it comes too late to be recorded.
    pub(crate) fn push(&self, delivery: Delivery) -> bool {
        let mut waiting = self.lock();
        if waiting.closed {
            return false;
        }
        waiting.deliveries.push(delivery);
        self.came.notify_one();
        true
    }

    pub(crate) fn take(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.lock().deliveries)
    }

    pub(crate) fn put_back(&self, mut earlier: Vec<Delivery>) {
        let mut waiting = self.lock();
        earlier.append(&mut waiting.deliveries);
        waiting.deliveries = earlier;
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().deliveries.len()
    }

    /// Takes no more if none waits, or `anyway`, and returns how many do.
    pub(crate) fn close(&self, anyway: bool) -> usize {
        let mut waiting = self.lock();
        waiting.closed |= anyway || waiting.deliveries.is_empty();
        waiting.deliveries.len()
    }

    /// Returns once there has been something for as long as `patience`. Only the sequencer waits.
    pub(crate) async fn waited(&self, patience: Duration) {
        while self.len() == 0 {
            self.came.notified().await;
        }
        tokio::time::sleep(patience).await;
    }

    fn lock(&self) -> MutexGuard<'_, WaitingDeliveries> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn what_comes_after_the_last_was_recorded_is_refused_and_what_waits_is_not_lost() {
        let delivery = |leaf_index| Delivery {
            leaf_index,
            body: Bytes::new(),
            sha256: [0; 32],
        };
        let deliveries = Deliveries::default();
        assert!(deliveries.push(delivery(0)));
        assert_eq!(deliveries.close(false), 1);
        assert!(
            deliveries.push(delivery(1)),
            "one that waits is tried again"
        );
        assert_eq!(deliveries.take().len(), 2);
        assert_eq!(deliveries.close(false), 0);
        assert!(!deliveries.push(delivery(2)));
        assert_eq!(deliveries.len(), 0);

        let deliveries = Deliveries::default();
        assert!(deliveries.push(delivery(0)));
        assert_eq!(deliveries.close(true), 1);
        assert!(!deliveries.push(delivery(1)));
    }
}
