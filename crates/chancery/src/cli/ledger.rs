//! Arguments of the commands that deal with the ledger.

use clap::{Args, Subcommand};

use super::InstanceArgs;

/// What is done with the ledger.
#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Makes the ledger that the configuration names as `ledger`: key, guard, record and first entry.
    /// With SQLite, stop the server first.
    New(InstanceArgs),
    /// Ends a ledger for good: it is read as before, and takes no entries. Not to be undone. The server
    /// may run.
    Freeze(LedgerFreezeArgs),
}

/// What `chancery ledger freeze` can be told.
#[derive(Args, Debug)]
pub(crate) struct LedgerFreezeArgs {
    /// The ledger's host name, which is the first line of its checkpoints.
    #[arg(value_name = "HOST")]
    pub(crate) host: String,
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
}
