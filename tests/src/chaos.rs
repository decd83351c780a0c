//! The chaos test: real processes under load, faults, and an oracle that reads what was published.
//!
//! Clients get certificates, and enter signatures under them in the ledger. A recorder writes what they
//! receive to disk before it counts it, an archive keeps the checkpoints that each replica is seen to
//! serve, and at the end the log is read again from its published
//! bytes. Nothing that a client holds may be missing, and no two checkpoints may contradict each
//! other, whatever was done to the processes in between. Besides, `chancery log verify` must find
//! nothing in what is stored.

mod archive;
mod crowd;
mod faketime;
mod forwarder;
mod instance;
mod kind;
mod oracle;
mod postgres;
mod process;
mod processors;
mod recorder;
mod report;
mod scenarios;
mod stage;
mod tree;
mod trust;
mod verification;
mod wire;

use std::path::PathBuf;

pub use postgres::Programs;
pub use report::{LogRow, Outcome, Row, print_table};
pub use scenarios::{NAMES, SHORT, run};

/// What a run is made with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `chancery` binary.
    pub binary: PathBuf,
    /// PostgreSQL's programs; without them its scenarios are left out.
    pub postgres: Option<Programs>,
    /// Where every random choice comes from.
    pub seed: u64,
    /// A few seconds each instead of the full figures.
    pub short: bool,
}

impl Options {
    /// Chooses between the figure of the full form and the short one's.
    pub(crate) fn either<T>(&self, full: T, short: T) -> T {
        if self.short { short } else { full }
    }
}
