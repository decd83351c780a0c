//! Submissions to the log from outside, and from our log to somebody else's.
//!
//! What a stranger submits goes one way, and each step's output can be made only by that step:
//!
//! ```text
//! SubmittedChain ─► VerifiedChain ─► Submission ─► Sequenced ─► Sct
//!           Roots::verify      Submission::new   Submissions::add
//! ```
//!
//! [`HttpLog`] is the other direction: the way to one external log, for
//! [`Authority::issue`](chancery_ca::Authority::issue).

mod chain;
mod http_log;
mod roots;
mod submission;
mod submissions;

pub use chain::{MAX_CERTIFICATE_BYTES, MAX_CERTIFICATES, SubmittedChain, SubmittedKind};
pub use http_log::{HttpLog, HttpLogError};
pub use roots::{ChainRefused, Roots, RootsError, VerifiedChain};
pub use submission::Submission;
pub use submissions::{Submissions, SubmissionsLimits, SubmitError};
