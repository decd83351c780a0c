//! Timestamps of RFC 3161: requests, the authority that answers them, and verification.
//!
//! Knows no HTTP. Each value below is made by the step before it and by nothing else:
//!
//! ```text
//! bytes ─► TimestampRequest ─► Timestamp          TimestampAuthority::stamp: what a server does
//!       parse_der, parse_json
//! bytes ─► VerifiedTimestamp                      verify: what everybody else does
//! ```
//!
//! [`TsaCeremony`] makes an authority's certificates, [`TsaChain`] reads them. The time is the
//! process's clock; it never goes back, and can be held against NTP servers ([`ntp`]).

mod asn1;
mod authority;
mod ceremony;
mod chain;
mod failure;
mod imprint;
pub mod ntp;
mod request;
mod time_source;
mod token;
mod verify;

pub use authority::{
    SIGSTORE_POLICY, StampError, Timestamp, TimestampAuthority, TimestampAuthorityError,
    TimestampAuthorityParts,
};
pub use ceremony::{TsaCeremony, TsaCeremonyError};
pub use chain::{TsaChain, TsaChainError};
pub use failure::FailureInfo;
pub use imprint::{Imprint, ImprintError};
pub use request::{Nonce, RequestError, TimestampRequest};
pub use time_source::{STEP_BACK, TimeCheck, TimeDoubt, TimeError};
pub use verify::{LONGEST_RESPONSE, VerifiedTimestamp, VerifyError, verify, verify_answer};
