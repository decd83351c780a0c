//! Arguments of `chancery verify`.

use std::path::PathBuf;

use chancery_client::verify::Pattern;
use clap::{ArgGroup, Args};

use super::{ClientTrustArgs, Format};

#[derive(Args, Debug)]
#[command(
    group(ArgGroup::new("what").required(true).args(["files", "digest"])),
    group(ArgGroup::new("who").required(true).args(["identity", "identity_regexp"])),
    group(ArgGroup::new("vouched").required(true).args(["issuer", "issuer_regexp"])),
)]
pub(crate) struct VerifyArgs {
    /// The files that are said to be signed.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Instead of a file its digest, such as that of an image: sha256:…, sha384:… or sha512:…
    #[arg(long, value_name = "DIGEST", requires = "bundle")]
    pub(crate) digest: Option<String>,
    /// The bundle of the one file or digest; by default FILE.sigstore.json.
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Who must have signed: the e-mail address, URI or user name in the certificate.
    #[arg(long, value_name = "NAME")]
    pub(crate) identity: Option<String>,
    /// The same as a regular expression, which must match the whole name.
    #[arg(long, value_name = "REGEX", value_parser = Pattern::matching)]
    pub(crate) identity_regexp: Option<Pattern>,
    /// With which issuer the signer must have logged in.
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: Option<String>,
    /// The same as a regular expression, which must match the whole URL.
    #[arg(long, value_name = "REGEX", value_parser = Pattern::matching)]
    pub(crate) issuer_regexp: Option<Pattern>,
    /// Want an in-toto statement of this type about the file. Without it, any signature of the file
    /// counts, and any statement about it, whatever it says.
    #[arg(long, value_name = "URI")]
    pub(crate) predicate_type: Option<String>,
    #[command(flatten)]
    pub(crate) trust: ClientTrustArgs,
    /// How to say it: by default as text on a terminal, and as JSON in a pipe or a file.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
}
