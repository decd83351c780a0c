//! Arguments of the commands that look at a token.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;

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
