//! The ledger: signatures that were made over artifacts, verified and entered in a log as Rekor v2
//! has it.
//!
//! A request goes one way, and each step's output can be made only by that step:
//!
//! ```text
//! EntryRequest ─► VerifiedEntry ─► AcceptedEntry ─► LoggedEntry
//!       EntryRequest::verify   Acceptance::admit   Ledger::add
//! ```
//!
//! What the log keeps of a request is its canonical body (RFC 8785), which is at once the leaf of the
//! tree, the entry of a tile, and what a bundle holds. Nothing here serves HTTP, and nothing knows a
//! database: issued certificates are asked for through [`IssuanceRecords`].

mod acceptance;
mod algorithm;
mod base64_bytes;
mod body;
mod certificate;
mod contents;
mod entry;
mod genesis;
mod issuance;
mod json_object;
mod ledger;
mod logged;
mod request;
mod ties;
mod verify;

pub use acceptance::{Accept, Acceptance, AcceptedEntry, AdmitError, NotAccepted};
pub use algorithm::KeyDetails;
pub use body::MAX_BODY_BYTES;
pub use certificate::PresentedCertificate;
pub use contents::LedgerContents;
pub use genesis::{GenesisError, append_genesis};
pub use issuance::{Found, IssuanceRecords, KnownIssuers, LogPlace, NoRecords, find_in};
pub use ledger::{AddError, Ledger, LedgerLimits, LedgerParts};
pub use logged::LoggedEntry;
pub use request::{
    DsseRequest, EntryRequest, HashedRekordRequest, MAX_REQUEST_BYTES, Verifier, VerifierMaterial,
};
pub use ties::IssuanceLog;
pub use verify::{EntryKind, EntryRefused, VerifiedEntry};
