//! The command line.

mod client;
mod config;
mod init;
mod ledger;
mod log;
mod sign;
mod timestamps;
mod token;
mod trust;
mod verify;

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::client::{
    ClientCommand, ClientListArgs, ClientNameArgs, ClientSetupArgs, ClientShowArgs,
    ClientTrustArgs, CompletionArgs, HomeArgs,
};
pub(crate) use self::config::{
    ConfigCheckArgs, ConfigCommand, ConfigShowArgs, IssuerCommand, IssuerTestArgs,
};
pub(crate) use self::init::{GuardArgs, InitArgs};
pub(crate) use self::ledger::{LedgerCommand, LedgerFreezeArgs};
pub(crate) use self::log::{
    BackupArgs, LogCheckArgs, LogCommand, LogExportArgs, LogMirrorArgs, LogNewArgs, LogProveArgs,
    LogPruneArgs, LogRecoverArgs, LogVerifyArgs, LogWitnessArgs, RestoreArgs,
};
pub(crate) use self::sign::{LoginMethod, SignArgs, WhoArgs};
pub(crate) use self::timestamps::{TimestampsCommand, TimestampsRecordArgs, TimestampsRenewArgs};
pub(crate) use self::token::{TokenCommand, TokenExplainArgs};
pub(crate) use self::trust::{
    EnvArgs, OperatorKeysArgs, RoleKeysArgs, TrustCommand, TrustExportArgs, TrustInitArgs,
    TrustKeyArgs, TrustPlanArgs, TrustPublishArgs, TrustSignArgs, TrustUpdateArgs,
};
pub(crate) use self::verify::VerifyArgs;

/// A private code-signing certificate authority with its own transparency log.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows the main job: logs in, gets a certificate, checks it as an outsider would.
    Demo(DemoArgs),
    /// Runs a throw-away CA with a test identity provider on this machine. NOT FOR PRODUCTION.
    Dev(DevArgs),
    /// Makes keys, CA, log and configuration for a real instance.
    Init(Box<InitArgs>),
    /// Brings the database to what this version needs. Stop every replica of an older version first.
    Migrate(MigrateArgs),
    /// Runs an instance that `init` made.
    Serve(ServeArgs),
    /// Copies the database into one file, also while it is served, and verifies the copy.
    Backup(BackupArgs),
    /// Copies a backup into an empty database, verifies it, and holds it against the guard.
    Restore(RestoreArgs),
    /// Looks at the log, or mends it.
    #[command(subcommand)]
    Log(LogCommand),
    /// Deals with the ledger of signatures.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Looks at what clients trust, or draws up, signs and publishes its next version.
    #[command(subcommand)]
    Trust(TrustCommand),
    /// Prints what to type or paste so that a client works with this instance.
    Env(EnvArgs),
    /// Signs files with an identity: one login and one certificate for all.
    Sign(Box<SignArgs>),
    /// Verifies that files are signed by whom they should be. Nobody is asked.
    Verify(Box<VerifyArgs>),
    /// Looks after the instances that this machine trusts when it signs and verifies.
    #[command(subcommand)]
    Client(ClientCommand),
    /// Prints the completion of this command line for a shell.
    Completion(CompletionArgs),
    /// Looks at a configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Looks after the timestamp authority.
    #[command(subcommand)]
    Timestamps(TimestampsCommand),
    /// Looks at an issuer.
    #[command(subcommand)]
    Issuer(IssuerCommand),
    /// Looks at a token.
    #[command(subcommand)]
    Token(TokenCommand),
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Leave certificate, chain, key, trust root, checkpoint and the ledger's entry in this new folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct DevArgs {
    /// Where to listen; a loopback address.
    #[arg(long, default_value = "127.0.0.1:5555", env = "CHANCERY_LISTEN")]
    pub(crate) listen: SocketAddr,
    /// Where keys and database are kept over restarts.
    #[arg(long, value_name = "DIR", default_value = "./chancery-dev")]
    pub(crate) data: PathBuf,
    /// Take tokens as this Fulcio identity configuration says (YAML or JSON). The test issuer is
    /// taken besides, but not listed in /api/v2/configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) identity_config: Option<PathBuf>,
    /// Use this database instead of SQLite in the folder. A URL with a password is refused here:
    /// set `CHANCERY_DATABASE`.
    #[arg(
        long,
        value_name = "URL",
        env = "CHANCERY_DATABASE",
        hide_env_values = true
    )]
    pub(crate) database: Option<String>,
    /// Throw away what is in the folder and begin anew.
    #[arg(long)]
    pub(crate) reset: bool,
    /// Where metrics and probes listen; by default nowhere.
    #[arg(long, value_name = "ADDRESS", env = "CHANCERY_ADMIN_LISTEN")]
    pub(crate) admin_listen: Option<SocketAddr>,
}

#[derive(Args, Debug)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}

/// Which instance: its configuration, and its database.
#[derive(Args, Debug)]
pub(crate) struct InstanceArgs {
    /// The configuration that `init` wrote.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "chancery.yaml",
        env = "CHANCERY_CONFIG"
    )]
    pub(crate) config: PathBuf,
    /// The database, instead of what the configuration says. A URL with a password is refused
    /// here: set `CHANCERY_DATABASE`.
    #[arg(
        long,
        value_name = "URL",
        env = "CHANCERY_DATABASE",
        hide_env_values = true
    )]
    pub(crate) database: Option<String>,
}

/// The configuration, and what is said instead of it.
#[derive(Args, Debug)]
pub(crate) struct SettingsArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// Where to listen, instead of what the configuration says.
    #[arg(long, value_name = "ADDRESS", env = "CHANCERY_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where metrics and probes listen, instead of what the configuration says.
    #[arg(long, value_name = "ADDRESS", env = "CHANCERY_ADMIN_LISTEN")]
    pub(crate) admin_listen: Option<SocketAddr>,
    /// Let anybody who uses this shared issuer, such as GitHub's, have a certificate. For identity
    /// configurations that must stay as Fulcio has them; elsewhere an owner rule or `any-owner:
    /// true` in the issuer's entry says it better. Can be given more than once.
    #[arg(long, value_name = "ISSUER")]
    pub(crate) any_owner: Vec<String>,
}

/// How a command says what it found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

impl Format {
    /// Returns what was asked for; else text for whoever sits at a terminal, and JSON for what reads a
    /// pipe or a file.
    pub(crate) fn or_for_reader(given: Option<Self>) -> Self {
        given.unwrap_or_else(|| match std::io::stdout().is_terminal() {
            true => Self::Text,
            false => Self::Json,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn no_command_has_two_arguments_of_one_name() {
        Cli::command().debug_assert();
    }
}
