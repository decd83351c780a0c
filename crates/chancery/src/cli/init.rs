//! Arguments of `chancery init`.

use std::path::PathBuf;

use clap::Args;

use crate::config::LogRead;

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
