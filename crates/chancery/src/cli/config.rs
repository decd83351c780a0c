//! Arguments of the commands that look at a configuration, and at an issuer that it may name.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Format, SettingsArgs};

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
