//! The running log: a bounded pool, one sequencer, a guard against rollback, signed checkpoints
//! and reads, over any [`LogStore`].
//!
//! The log knows bytes and indices. What an entry means is its caller's business, which hands over
//! a [`Leaf`] and the [`IndexTerm`]s to find it by.
//!
//! What is durable when, for one batch:
//!
//! 1. [`LogStore::sequence`] returns: entries, hash tiles, index terms and the unsigned head are
//!    committed. Nobody outside has seen them.
//! 2. The [`Guard`] has advanced: the head can no longer be rolled back unnoticed.
//! 3. The checkpoint is signed, cosigned by [`Witnesses`] where there are any, and published; then the callers of [`Log::append`] get their
//!    [`Sequenced`], from which alone an [`Sct`] can be made.
//!
//! A crash after 1 leaves entries that count as logged and were never answered; the next start
//! catches up with 2 and 3.

mod batch;
mod causes;
pub mod clock;
pub mod copy;
mod deliveries;
mod ending;
pub mod export;
mod find;
mod flight;
mod form;
mod frozen;
pub mod guard;
mod leaf;
mod log;
mod proofs;
pub mod prune;
pub mod published_files;
mod publisher;
mod rate;
mod read;
mod reading_place;
mod sct;
mod sequencer;
mod signing;
mod snapshot;
mod store;
mod tiered;
pub mod verify;
mod witnesses;

#[cfg(any(test, feature = "test-util"))]
pub mod memory;

pub use causes::causes;
pub use ending::{LastHead, LastHeadError};
pub use form::{Form, StoredLeaf};
pub use frozen::{FrozenLog, FrozenLogParts, OpenFrozenLogError};
pub use guard::{Guard, GuardError};
pub use leaf::{Delivery, EncodedLeaf, IndexTerm, IssuerCertificate, Leaf};
pub use log::{AppendError, Log, LogParts, LogStatus, OpenLogError, PoolLimits};
pub use proofs::{consistency_proof, inclusion_proof};
pub use published_files::PublishedFiles;
pub use publisher::PublishError;
pub use rate::Budget;
pub use read::{PublishedLog, ReadError};
pub use reading_place::with_reading_place;
pub use sct::{Sct, SctError};
pub use sequencer::Sequenced;
pub use signing::{LogKeys, ed25519_line, plain_log_id};
pub use snapshot::{SignedHead, Snapshot};
pub use store::{
    Batch, Beyond, Head, LogReader, LogStore, NewEntry, Plan, PlanRefused, SequenceError,
    ServerRun, StoreError, StoredTerm, Tip,
};
pub use tiered::Tiered;
pub use witnesses::{CosignError, Cosigned, Waiting, WitnessStanding, Witnesses};
