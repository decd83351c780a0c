//! Arguments of `chancery sign`.

use std::path::PathBuf;

use chancery_client::sign::ArtifactDigest;
use clap::{Args, ValueEnum};

use super::{ClientTrustArgs, Format};

#[derive(Args, Debug)]
pub(crate) struct SignArgs {
    /// What to sign; each file's bundle goes beside it, to FILE.sigstore.json.
    #[arg(value_name = "FILE", required_unless_present = "digest")]
    pub(crate) files: Vec<PathBuf>,
    /// Sign what has this digest, such as a container image: `sha256:…`. Its bundle goes to
    /// sha256-….sigstore.json.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) digest: Vec<ArtifactDigest>,
    /// Write the one bundle to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Replace bundles that are there.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Instead of signing the files, say of them what this JSON file says (an in-toto predicate). All
    /// files go into one statement.
    #[arg(
        long,
        value_name = "FILE",
        alias = "predicate",
        requires = "predicate_type"
    )]
    pub(crate) attest: Option<PathBuf>,
    /// With --attest: what kind of predicate it is, such as <https://slsa.dev/provenance/v1>.
    #[arg(long, value_name = "URI", alias = "type", requires = "attest")]
    pub(crate) predicate_type: Option<String>,
    #[command(flatten)]
    pub(crate) who: WhoArgs,
    /// How many to sign at the same time.
    #[arg(long, value_name = "NUMBER", default_value = "32", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) parallel: u16,
    #[command(flatten)]
    pub(crate) trust: ClientTrustArgs,
    /// How to say it: by default as text on a terminal, and as JSON in a pipe or a file.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
}

/// Who signs. By default the identity is looked for in `SIGSTORE_ID_TOKEN`, in what CI systems,
/// clouds and clusters give, and by a login if there is a terminal.
#[derive(Args, Debug)]
pub(crate) struct WhoArgs {
    /// Read the identity token from this file, or with - from standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) identity_token: Option<PathBuf>,
    /// Sign as this address, which only the test issuer of `chancery dev` believes.
    #[arg(
        long = "as",
        value_name = "EMAIL",
        conflicts_with_all = ["identity_token", "login"]
    )]
    pub(crate) as_email: Option<String>,
    /// For whom the identity token has to be, and nobody else; a token for others is not sent. By
    /// default `sigstore`, and after a login the client that one logged in as.
    #[arg(long, value_name = "NAME")]
    pub(crate) audience: Option<String>,
    /// Log in, whatever token there is: in a browser here, or with a code in a browser elsewhere.
    #[arg(long, value_name = "HOW", conflicts_with = "identity_token")]
    pub(crate) login: Option<LoginMethod>,
    /// Log in at this issuer instead of the one that the instance names.
    #[arg(long, value_name = "URL")]
    pub(crate) oidc_issuer: Option<String>,
    /// As which client to log in.
    #[arg(long, value_name = "ID", default_value = "sigstore")]
    pub(crate) oidc_client_id: String,
}

/// How to log in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum LoginMethod {
    /// In a browser on this machine.
    Browser,
    /// With a code, in a browser anywhere.
    Device,
}
