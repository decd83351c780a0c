//! Submissions as their submitters see them.

mod chains;
mod hostile;
mod pki;
mod submissions;
