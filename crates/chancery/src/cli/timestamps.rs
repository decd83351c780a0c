//! Arguments of the commands that look after the timestamp authority.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::InstanceArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum TimestampsCommand {
    /// Makes a new key and certificate for it, with the key that is kept offline, and records them; also
    /// beside a running server.
    Renew(TimestampsRenewArgs),
    /// Records a chain that was made elsewhere, so that `serve` may take it up, or until when a chain's
    /// timestamps count; also beside a running server.
    Record(TimestampsRecordArgs),
}

#[derive(Args, Debug)]
pub(crate) struct TimestampsRecordArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// The chain in PEM: the certificate that signs first, the root last.
    #[arg(long, value_name = "FILE")]
    pub(crate) chain: PathBuf,
    /// Timestamps of a later time do not count, such as `2027-01-31T00:00:00Z`. It is for ever: a chain
    /// that has an end is not taken up again, and servers stop stamping with it.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct TimestampsRenewArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// The key of the certificate above: offline/tsa-root.key.pem, as `init` made it.
    #[arg(long, value_name = "FILE")]
    pub(crate) issuer_key: PathBuf,
    /// Its passphrase, in a file (or /dev/fd/N).
    #[arg(long, value_name = "FILE")]
    pub(crate) issuer_passphrase_file: PathBuf,
    /// The new folder for the key and the chain.
    #[arg(long, value_name = "DIR")]
    pub(crate) into: PathBuf,
}
