//! The TUF repository (<https://theupdateframework.github.io/specification/v1.0.31/>) in which the
//! trust documents come: four roles, consistent snapshots, no delegations.
//!
//! ```text
//! N.root.json       which keys sign each role; signed by root keys        operators
//! N.targets.json    the documents' hashes; signed by targets keys         operators
//! N.snapshot.json   the version of targets                                the server
//! timestamp.json    the version of snapshot                               the server
//! targets/<sha256>.NAME
//! ```
//!
//! `tough` edits repositories too, but in folders, with keys of its own kinds, and all roles at
//! once; here each role is signed elsewhere and what is stored are rows. It tests what is made
//! here, as a client.

mod canonical;
mod chain;
mod expires;
mod key;
mod metadata;
mod repository;
mod root;
mod signed;
mod versions;

pub(crate) use chain::verify_roots;

pub use canonical::{NotCanonical, canonical};
pub use expires::Expires;
pub use key::{KeyId, TufKey, UnsupportedKey};
pub use metadata::{
    Hashes, Head, Metadata, MetadataVersion, Role, Snapshot, TargetFile, Targets, Timestamp,
};
pub use repository::{Files, Repository, RepositoryError};
pub use root::{RoleKeyIds, RoleKeys, Root};
pub use signed::{MetadataError, Signed, SigningError, ThresholdError};
pub use versions::Versions;
