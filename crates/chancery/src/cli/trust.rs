//! Arguments of the commands about what clients trust.

use std::path::PathBuf;

use chancery_server::instructions::Client;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::InstanceArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Makes the keys of an instance that has none for trust metadata, and publishes version 1.
    Init(TrustInitArgs),
    /// Shows what is published, by whose keys, until when, and whether it is what the instance is.
    Show(InstanceArgs),
    /// Prints the SHA-256 of root.json, which people compare before they trust it.
    RootChecksum(InstanceArgs),
    /// Makes a key for operators, with its public half in FILE.pub.
    Key(TrustKeyArgs),
    /// Draws up the next version, shows what it changes, and says who must sign.
    Plan(TrustPlanArgs),
    /// Shows what a plan changes, and signs it with the keys that are named. Needs no instance.
    Sign(TrustSignArgs),
    /// Publishes a plan that is signed.
    Publish(TrustPublishArgs),
    /// Plans, signs and publishes at once, where the operators' keys are at hand.
    Update(TrustUpdateArgs),
    /// Writes the repository as files, for any web server.
    Export(TrustExportArgs),
}

#[derive(Args, Debug)]
pub(crate) struct TrustInitArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// The passphrase of the operators' keys, in a file (or /dev/fd/N). By default
    /// offline/root.passphrase, which is made if it is not there.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct TrustKeyArgs {
    /// The file to make.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The key's passphrase, in a file (or /dev/fd/N).
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: PathBuf,
}

/// Other keys than those of the published root.
#[derive(Args, Clone, Debug)]
pub(crate) struct RoleKeysArgs {
    /// Have this role signed by this key: root, targets, snapshot or timestamp, and a public key in
    /// PEM. Given several times for one role, all of them; those before no longer count.
    #[arg(id = "role-key", long = "role-key", value_name = "ROLE=FILE")]
    pub(crate) keys: Vec<String>,
    /// How many of a role's keys must sign. 1 unless said otherwise, or as before.
    #[arg(id = "threshold", long = "threshold", value_name = "ROLE=N")]
    pub(crate) thresholds: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct TrustPlanArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    #[command(flatten)]
    pub(crate) roles: RoleKeysArgs,
    /// Where to write the plan. Nothing is overwritten.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// Keys of operators.
#[derive(Args, Clone, Debug)]
pub(crate) struct OperatorKeysArgs {
    /// Sign with this key: encrypted PKCS#8 in PEM. Can be given several times.
    #[arg(id = "key", long = "key", value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,
    /// The keys' passphrase, in a file (or /dev/fd/N).
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct TrustSignArgs {
    /// The plan. The signatures are put into it.
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,
    /// The root.json that is kept with the keys. What the plan compares with has to come from it.
    /// Needed to sign.
    #[arg(long, value_name = "FILE")]
    pub(crate) root: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) keys: OperatorKeysArgs,
}

#[derive(Args, Debug)]
pub(crate) struct TrustPublishArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// The plan.
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct TrustUpdateArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    #[command(flatten)]
    pub(crate) roles: RoleKeysArgs,
    #[command(flatten)]
    pub(crate) keys: OperatorKeysArgs,
}

#[derive(Args, Debug)]
pub(crate) struct TrustExportArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// The folder to write to.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct EnvArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// For which client; all of them unless said otherwise.
    #[arg(long = "for", value_name = "CLIENT", value_parser = client_parser())]
    pub(crate) client: Option<Client>,
}

/// Takes the name of a client for command lines.
fn client_parser() -> impl TypedValueParser<Value = Client> {
    PossibleValuesParser::new(Client::ALL.map(Client::argument)).try_map(|name| {
        let mut clients = Client::ALL.into_iter();
        let found = clients.find(|client| client.argument() == name);
        found.ok_or("there is no such client")
    })
}
