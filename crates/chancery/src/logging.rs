//! Where events go: readable lines on a terminal, JSON otherwise; always standard error.

use std::io::{BufWriter, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Events that wait to be written. More are lost, and counted: where standard error is a pipe that
/// nobody reads, certificates are still issued, and each stands in the log anyway.
const WAITING: usize = 8_192;

/// How often lost events are told of.
const TELL_LOST: Duration = Duration::from_secs(10);

/// The thread that writes events, until [`finish`].
static WRITER: Mutex<Option<WorkerGuard>> = Mutex::new(None);

/// Starts writing events. `CHANCERY_LOG` chooses which, such as `debug` or `chancery_log=debug`.
pub(crate) fn start(default: &str) {
    let filter =
        EnvFilter::try_from_env("CHANCERY_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let (events, writer) = NonBlockingBuilder::default()
        .buffered_lines_limit(WAITING)
        .lossy(true)
        .thread_name("events")
        // The thread flushes when nothing waits any more.
        .finish(BufWriter::new(std::io::stderr()));
    let lost = events.error_counter();
    let events = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(events)
        // A reader of standard error that went away must not end a task by a panic.
        .log_internal_errors(false);
    // A subscriber that is there already (in tests) stays.
    let started = if std::io::stderr().is_terminal() {
        events.try_init()
    } else {
        events.json().flatten_event(true).try_init()
    };
    if started.is_ok() {
        *WRITER.lock().unwrap_or_else(PoisonError::into_inner) = Some(writer);
        tokio::spawn(tell_lost(lost));
    }
}

/// Tells how many events were lost, once they are read again.
async fn tell_lost(counter: ErrorCounter) {
    let mut told = 0;
    loop {
        tokio::time::sleep(TELL_LOST).await;
        let lost = counter.dropped_lines();
        if lost > told {
            told = lost;
            tracing::warn!(
                lost,
                "events were lost since the start: standard error is not read fast enough"
            );
        }
    }
}

/// Writes the events that still wait, for about a second at most.
pub(crate) fn finish() {
    drop(WRITER.lock().unwrap_or_else(PoisonError::into_inner).take());
}
