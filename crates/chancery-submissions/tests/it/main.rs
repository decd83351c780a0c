//! Submissions as their submitters see them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod chains;
mod hostile;
mod pki;
mod submissions;
