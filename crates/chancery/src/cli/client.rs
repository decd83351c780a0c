//! Arguments of the commands about the instances that this machine trusts.

use std::path::PathBuf;

use chancery_client::instances::{InstanceName, RootChecksum};
use clap::{Args, Subcommand};
use clap_complete::Shell;

use super::Format;

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Trusts an instance: fetches its root, compares the checksum, and keeps both fresh from then on.
    Setup(ClientSetupArgs),
    /// Lists the instances that are set up.
    List(ClientListArgs),
    /// Shows what an instance says is to be trusted; the default one, if none is named.
    Show(ClientShowArgs),
    /// Asks an instance for what is new, which signing and verifying do by themselves every six hours.
    Refresh(ClientShowArgs),
    /// Makes an instance the default.
    Use(ClientNameArgs),
    /// Forgets an instance.
    Remove(ClientNameArgs),
}

/// Where the instances are kept.
#[derive(Args, Clone, Debug)]
pub(crate) struct HomeArgs {
    /// Where the instances that are trusted are kept; by default `$XDG_CONFIG_HOME/chancery` or
    /// ~/.config/chancery.
    #[arg(long, value_name = "DIR", env = "CHANCERY_HOME")]
    pub(crate) home: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ClientSetupArgs {
    /// The instance's URL: https, or http to this machine itself.
    // Parsed by the command: clap would repeat what it refuses, and there may be a password in it.
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// The SHA-256 of its root.json, as `chancery trust root-checksum` prints it for its operator. Get
    /// it by another way than from that URL.
    #[arg(long, value_name = "HEX")]
    pub(crate) root_checksum: RootChecksum,
    /// What to call it; by default by its host.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<InstanceName>,
    /// Make it the default, even if there is one.
    #[arg(long = "use")]
    pub(crate) make_default: bool,
    #[command(flatten)]
    pub(crate) home: HomeArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ClientListArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// How to say it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Args, Debug)]
pub(crate) struct ClientShowArgs {
    /// Which instance.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<InstanceName>,
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// How to say it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Args, Debug)]
pub(crate) struct ClientNameArgs {
    /// Which instance.
    #[arg(value_name = "NAME")]
    pub(crate) name: InstanceName,
    #[command(flatten)]
    pub(crate) home: HomeArgs,
}

/// Whose word counts when something is signed or verified.
#[derive(Args, Clone, Debug)]
pub(crate) struct ClientTrustArgs {
    /// Trust this instance, by the name that `chancery client setup` gave it; else the default one.
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<InstanceName>,
    /// Trust what this `trusted_root.json` says, of this or any other Sigstore, and ask nobody.
    #[arg(long, value_name = "FILE", conflicts_with = "instance")]
    pub(crate) trusted_root: Option<PathBuf>,
    /// With --trusted-root: the services to sign with.
    #[arg(long, value_name = "FILE", requires = "trusted_root")]
    pub(crate) signing_config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) home: HomeArgs,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionArgs {
    /// For which shell.
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}
