//! Where events go: readable lines on a terminal, JSON otherwise; always standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts writing events. `CHANCERY_LOG` chooses which, such as `debug` or `chancery_log=debug`.
pub(crate) fn start(default: &str) {
    let filter =
        EnvFilter::try_from_env("CHANCERY_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let events = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A reader of standard error that went away must not end a task by a panic.
        .log_internal_errors(false);
    // A subscriber that is there already (in tests) stays.
    let _ = if std::io::stderr().is_terminal() {
        events.try_init()
    } else {
        events.json().flatten_event(true).try_init()
    };
}
