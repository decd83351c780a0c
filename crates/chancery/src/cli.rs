//! The command line.

mod client;
mod log;
mod sign;
mod trust;
mod verify;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::client::{
    ClientCommand, ClientListArgs, ClientNameArgs, ClientSetupArgs, ClientShowArgs,
    ClientTrustArgs, CompletionArgs, HomeArgs,
};
pub(crate) use self::log::{
    BackupArgs, LogCheckArgs, LogCommand, LogExportArgs, LogMirrorArgs, LogNewArgs, LogProveArgs,
    LogPruneArgs, LogRecoverArgs, LogVerifyArgs, LogWitnessArgs, RestoreArgs,
};
pub(crate) use self::sign::{LoginMethod, SignArgs, WhoArgs};
pub(crate) use self::trust::{
    EnvArgs, OperatorKeysArgs, RoleKeysArgs, TrustCommand, TrustExportArgs, TrustInitArgs,
    TrustKeyArgs, TrustPlanArgs, TrustPublishArgs, TrustSignArgs, TrustUpdateArgs,
};
pub(crate) use self::verify::VerifyArgs;
use crate::config::LogRead;

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
pub(crate) struct InitArgs {
    /// The URL under which everybody will reach this instance.
    #[arg(long)]
    pub(crate) url: String,
    /// The folder to set up.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// The organization in the CA's name; by default the URL's host.
    #[arg(long)]
    pub(crate) organization: Option<String>,
    /// The database: sqlite:PATH or postgres://…; by default SQLite in the folder. A URL with a
    /// password is refused here: set `CHANCERY_DATABASE`, or use --database-file.
    #[arg(
        long,
        value_name = "URL",
        env = "CHANCERY_DATABASE",
        hide_env_values = true
    )]
    pub(crate) database: Option<String>,
    /// Read the database URL from this file; the configuration will name the file.
    #[arg(long, value_name = "FILE", conflicts_with = "database")]
    pub(crate) database_file: Option<PathBuf>,
    /// The log's name in its URL, /ct/NAME; by default the year and half-year, such as 2026h2.
    #[arg(long, value_name = "NAME")]
    pub(crate) log_name: Option<String>,
    /// Who may read entries. They hold names and cannot be erased.
    #[arg(long, value_name = "WHO")]
    pub(crate) log_read: Option<LogRead>,
    /// The passphrase of the issuing key and the log's keys, in a file (or /dev/fd/N). By default
    /// one is made and left in secrets/passphrase.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// The passphrase of the root key, in a file (or /dev/fd/N). By default one is made and left in
    /// offline/root.passphrase.
    #[arg(long, value_name = "FILE")]
    pub(crate) root_passphrase_file: Option<PathBuf>,
    /// Make no timestamp authority.
    #[arg(long)]
    pub(crate) no_timestamps: bool,
    /// Configure another replica: the folder already holds copies of ca/, log/, tsa/, trust/ and
    /// secrets/ of the first; nothing is made but the configuration. Wants the instance's guard
    /// itself, not a copy: two guards would each miss what the other saw.
    #[arg(long)]
    pub(crate) join: bool,
    /// Make a ledger, too: a Rekor v2 log of signatures, at this host name, such as the URL's own.
    #[arg(long, value_name = "HOST")]
    pub(crate) ledger: Option<String>,
    #[command(flatten)]
    pub(crate) guard: GuardArgs,
}

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

/// Where the guard is, or is to be made; by default a file in the folder.
#[derive(Args, Debug)]
pub(crate) struct GuardArgs {
    /// The guard is this file. Only processes of one machine can share it.
    #[arg(long, value_name = "FILE", group = "guard-place")]
    pub(crate) guard: Option<PathBuf>,
    /// The guard is in this second database, better on another server: postgres://… or sqlite:PATH.
    /// A URL with a password is refused here: use --guard-database-file.
    #[arg(long, value_name = "URL", group = "guard-place")]
    pub(crate) guard_database: Option<String>,
    /// The guard is in the second database whose URL is in this file; the configuration will name
    /// the file.
    #[arg(long, value_name = "FILE", group = "guard-place")]
    pub(crate) guard_database_file: Option<PathBuf>,
    /// The guard is an object in this bucket: `s3://BUCKET/PREFIX`. Credentials come from the
    /// environment (`AWS_ACCESS_KEY_ID`, …) or from --guard-credentials-file.
    #[arg(long, value_name = "URL", group = "guard-place")]
    pub(crate) guard_objects: Option<String>,
    /// With --guard-objects: the service, unless it is AWS.
    #[arg(long, value_name = "URL", requires = "guard_objects")]
    pub(crate) guard_endpoint: Option<String>,
    /// With --guard-objects: the region.
    #[arg(long, value_name = "REGION", requires = "guard_objects")]
    pub(crate) guard_region: Option<String>,
    /// With --guard-objects: a file of lines such as `AWS_ACCESS_KEY_ID=…`.
    #[arg(long, value_name = "FILE", requires = "guard_objects")]
    pub(crate) guard_credentials_file: Option<PathBuf>,
    /// With --join and a guard that is no file: its id, from the first replica's chancery.yaml.
    #[arg(long, value_name = "ID", requires = "join")]
    pub(crate) guard_id: Option<String>,
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

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Says whether and as what a token would be certified, and certifies nothing.
    Explain(TokenExplainArgs),
}

#[derive(Args, Debug)]
pub(crate) struct TokenExplainArgs {
    /// The file that holds the token; `-` is standard input. The token itself is never an argument,
    /// where every process could read it.
    #[arg(value_name = "FILE", default_value = "-")]
    pub(crate) token: PathBuf,
    /// Judge by this configuration of an instance.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "chancery.yaml",
        env = "CHANCERY_CONFIG",
        conflicts_with_all = ["identity_config", "server"]
    )]
    pub(crate) config: PathBuf,
    /// Judge by this Fulcio identity configuration alone, as `dev` would.
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    pub(crate) identity_config: Option<PathBuf>,
    /// Let this instance judge.
    #[arg(long, value_name = "URL", conflicts_with = "offline")]
    pub(crate) server: Option<String>,
    /// Ask nobody for keys, and so leave the signature unchecked.
    #[arg(long)]
    pub(crate) offline: bool,
    /// How to say it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

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

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Finds all that `serve` would refuse, and what else an operator should look at.
    Check(ConfigCheckArgs),
    /// Shows what is in force: settings with their origin, and issuers as they are understood.
    Show(ConfigShowArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ConfigCheckArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    /// Check this Fulcio identity configuration alone, as `serve` would take it.
    #[arg(long, value_name = "FILE")]
    pub(crate) identity_config: Option<PathBuf>,
    /// Leave the database alone.
    #[arg(long)]
    pub(crate) no_database: bool,
    /// How to say it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Args, Debug)]
pub(crate) struct ConfigShowArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    /// How to say it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IssuerCommand {
    /// Asks an issuer for its keys as `serve` would, step by step.
    Test(IssuerTestArgs),
}

#[derive(Args, Debug)]
pub(crate) struct IssuerTestArgs {
    /// The issuer's URL: what its tokens have as `iss`, to the letter.
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Trust the CA certificates in this file (PEM) besides the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// Ask by way of this HTTP proxy. A URL with a password is refused here: set `CHANCERY_PROXY`.
    #[arg(
        long,
        value_name = "URL",
        env = "CHANCERY_PROXY",
        hide_env_values = true
    )]
    pub(crate) proxy: Option<String>,
    /// Ask over plain HTTP, too.
    #[arg(long)]
    pub(crate) allow_http: bool,
    /// How to say it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn no_command_has_two_arguments_of_one_name() {
        Cli::command().debug_assert();
    }
}
