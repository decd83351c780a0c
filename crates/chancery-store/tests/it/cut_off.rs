//! Appends that do not come to their end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use chancery_log::{SequenceError, StoreError};

use crate::harness::{LOG, TestDatabase};
use crate::test_log::{append, check_log};

on_both_databases!(
    a_commit_that_fails_is_of_unknown_outcome,
    an_append_dropped_at_any_await_holds_nothing_up,
    an_error_before_commit_writes_nothing,
);

/// Polls a future until it has been pending `patience` times, then gives up.
struct DropAfter<F> {
    future: F,
    patience: usize,
}

impl<F: Future + Unpin> Future for DropAfter<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(output) = Pin::new(&mut self.future).poll(context) {
            return Poll::Ready(Some(output));
        }
        if self.patience == 0 {
            return Poll::Ready(None);
        }
        self.patience -= 1;
        Poll::Pending
    }
}

async fn an_append_dropped_at_any_await_holds_nothing_up(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    let mut size = 0;
    let mut cut_off = 0;
    for patience in 0..24 {
        let future = Box::pin(append(&*log, None, 2));
        let finished = DropAfter { future, patience }
            .await
            .map(Result::unwrap)
            .is_some();
        // Whether the dropped one is in the log is unknown; this one finds out under the lock.
        let after = append(&*log, None, 1).await.unwrap().tree_size();
        assert!(
            after == size + 3 || (after == size + 1 && !finished),
            "{size} became {after}"
        );
        size = after;
        cut_off += usize::from(!finished);
    }
    assert!((2..24).contains(&cut_off), "{cut_off} were cut off");
    check_log(&*log, size).await;
}

async fn an_error_before_commit_writes_nothing(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    append(&*log, None, 2).await.unwrap();
    database.execute(refuse_terms(&database)).await;
    let error = append(&*log, None, 2).await.unwrap_err();
    assert!(matches!(error, SequenceError::NotCommitted(_)), "{error:?}");
    database
        .execute(if database.is_sqlite() {
            "DROP TRIGGER refuse"
        } else {
            "DROP TRIGGER refuse ON log_term"
        })
        .await;
    check_log(&*log, 2).await;
    append(&*log, None, 1).await.unwrap();
    check_log(&*log, 3).await;
}

fn refuse_terms(database: &TestDatabase) -> &'static str {
    if database.is_sqlite() {
        "CREATE TRIGGER refuse AFTER INSERT ON log_term
         BEGIN SELECT RAISE(ABORT, 'refused'); END"
    } else {
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE 'refused'; END $$;
         CREATE TRIGGER refuse AFTER INSERT ON log_term EXECUTE FUNCTION refuse()"
    }
}

/// The error comes from COMMIT itself: what it checks was deferred.
async fn a_commit_that_fails_is_of_unknown_outcome(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    append(&*log, None, 2).await.unwrap();
    database
        .execute(if database.is_sqlite() {
            "CREATE TABLE deferred (log INTEGER REFERENCES log (log) DEFERRABLE INITIALLY DEFERRED);
             CREATE TRIGGER defer AFTER UPDATE ON log_head
             BEGIN INSERT INTO deferred (log) VALUES (99); END"
        } else {
            "CREATE TABLE deferred (log BIGINT REFERENCES log (log) DEFERRABLE INITIALLY DEFERRED);
             CREATE FUNCTION defer() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN INSERT INTO deferred (log) VALUES (99); RETURN NULL; END $$;
             CREATE TRIGGER defer AFTER UPDATE ON log_head EXECUTE FUNCTION defer()"
        })
        .await;
    let error = append(&*log, None, 2).await.unwrap_err();
    assert!(
        matches!(error, SequenceError::Unknown(StoreError::Inconsistent(_))),
        "{error:?}"
    );
    database
        .execute(if database.is_sqlite() {
            "DROP TRIGGER defer"
        } else {
            "DROP TRIGGER defer ON log_head"
        })
        .await;
    append(&*log, None, 1).await.unwrap();
    check_log(&*log, 3).await;
}
