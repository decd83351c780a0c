//! Witnesses: asking others to cosign a log's checkpoints, and cosigning theirs.
//!
//! A witness remembers the largest tree that it saw of a log, and cosigns only what extends it. Its
//! cosignature tells a reader that everybody who sees one sees the same log.
//!
//! | part | what it does |
//! |---|---|
//! | [`WitnessClient`] | sends one checkpoint to one witness and verifies the answer |
//! | [`Cosigners`] | asks all witnesses of a policy at once: a log's [`chancery_log::Witnesses`] |
//! | [`WitnessGuard`] | one witness as the guard of a log: a [`chancery_log::Guard`] |
//! | [`Witness`], [`WitnessState`] | the other side: cosigns the checkpoints of logs that it knows |
//!
//! Protocol and formats: <https://c2sp.org/tlog-witness>, <https://c2sp.org/tlog-cosignature>,
//! <https://c2sp.org/tlog-policy>.

mod asked;
mod away;
mod client;
mod cosigners;
mod exchange;
mod gathering;
mod guard;
mod state;
mod verify;
mod witness;

pub use client::{Answer, MakeClientError, WitnessClient, WitnessError};
pub use cosigners::{Cosigners, CosignersError, Insistence};
pub use guard::{WitnessGuard, WitnessGuardError};
pub use state::{OpenStateError, StateError, WitnessState};
pub use verify::{BadCosignature, verify_cosignature};
pub use witness::{Refusal, Witness, WitnessedLog};
