//! The authority: one request in, one logged certificate out.
//!
//! [`Authority::issue`] is the product's main act. Each step's output can be made only by that
//! step and is moved into the next, so that no path leads to a final certificate without a
//! committed log entry:
//!
//! ```text
//! token ─► Principal ─► ProvenKey ─► LintedTbs ─► Precertificate ─► Sequenced ─► Receipt ─► SigningCertificate
//!     authenticate   verify      certify   sign_precertificate  append    receipt    sign_final
//! ```
//!
//! A token that may be used once only is claimed when nothing is left that the caller could have
//! done better, and the log takes entries: before the first signature, after all checks.

mod authority;
pub mod ceremony;
mod entry_terms;
mod error;
mod external_log;
mod issuance_logs;
mod issue;
mod issuer;
mod key_policy;
mod logged;
#[cfg(any(test, feature = "test-util"))]
pub mod memory;
mod possession;
mod reason_code;
mod used_tokens;

pub use authority::{Authority, AuthorityParts};
pub use entry_terms::{EntryIndex, EntryTermsError, submission_term};
pub use error::{Class, IssueError};
pub use external_log::{ExternalLog, ExternalLogError, ExternalLogging, WhenAway};
pub use issuance_logs::IssuanceLogs;
pub use issue::{IssueRequest, Issued};
pub use issuer::{IssuingCa, IssuingCaError};
pub use key_policy::{
    BlockList, BlockListError, ClientAlgorithms, ClientAlgorithmsError, KeyPolicy,
};
pub use logged::LoggedPrecertificates;
pub use possession::{PossessionError, PossessionRequest, ProvenKey};
pub use reason_code::ReasonCode;
pub use used_tokens::{UsedTokens, UsedTokensError};
