//! `chancery.yaml`: what `init` writes and `serve` reads.

mod export;
mod guard;
mod ledger;
mod load;
#[cfg(test)]
mod schema;
mod shard;
mod submissions;
mod timestamps;
mod trust;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use chancery_store::Readers;
use serde::{Deserialize, Serialize};

pub(crate) use self::export::{ExportConfig, ExportPlace};
pub(crate) use self::guard::{GuardConfig, GuardPlace, ObjectStorePlace, WitnessPlace};
pub(crate) use self::ledger::{LedgerAccept, LedgerConfig};
pub(crate) use self::load::{flat, parse_url, read_text, read_text_of};
pub(crate) use self::shard::{ShardConfig, parse_time};
pub(crate) use self::submissions::{ExternalLogConfig, SubmissionsConfig, WhenAway};
pub(crate) use self::timestamps::{NtpServersConfig, TimestampsConfig};
pub(crate) use self::trust::TrustConfig;

/// The whole configuration. Relative paths are relative to the file's folder.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Config {
    /// The URL under which everybody reaches this instance, without a path.
    pub(crate) url: String,
    /// The organization, as trust documents name it.
    pub(crate) organization: String,
    /// Where to listen for the public.
    #[serde(default = "default_listen")]
    pub(crate) listen: SocketAddr,
    /// Where metrics and probes listen.
    #[serde(default = "default_admin_listen")]
    pub(crate) admin_listen: SocketAddr,
    /// Where gRPC is served besides, for clients that want it on a port of its own. `listen` serves
    /// it in any case.
    #[serde(default)]
    pub(crate) grpc_listen: Option<SocketAddr>,
    /// TLS for `listen` and `grpc-listen`. Without it, a proxy in front has to terminate TLS.
    #[serde(default)]
    pub(crate) tls: Option<TlsConfig>,
    /// The origins whose pages may use this instance from a browser, such as
    /// `https://sign.example.org`. Any, as with Fulcio, unless said otherwise; an empty list means
    /// none.
    #[serde(default)]
    pub(crate) cors_origins: Option<Vec<String>>,
    /// Whether `/metrics` shows Fulcio's metric names besides ours.
    #[serde(default)]
    pub(crate) fulcio_metrics: bool,
    /// The database: `sqlite:PATH` or `postgres://…`. With a password, prefer `database-file`.
    #[serde(default)]
    pub(crate) database: Option<String>,
    /// A file that holds the database URL.
    #[serde(default)]
    pub(crate) database_file: Option<PathBuf>,
    /// A Fulcio identity configuration: whose tokens are taken.
    pub(crate) identity_config: PathBuf,
    /// Shared issuers, such as GitHub's, of which anybody may get a certificate: for an identity
    /// configuration that cannot say it itself.
    #[serde(default)]
    pub(crate) any_owner: Vec<String>,
    /// The algorithms that clients may sign with, by Fulcio's names, such as
    /// `ecdsa-sha2-256-nistp256`. Fulcio's defaults unless said otherwise.
    #[serde(default)]
    pub(crate) client_signing_algorithms: Option<Vec<String>>,
    /// A file of public keys that are never certified: on each line the SHA-256, in hex, of a key's
    /// DER encoding with its algorithm (RFC 5280, 4.1.2.7).
    #[serde(default)]
    pub(crate) key_block_list: Option<PathBuf>,
    /// Where the passphrase of the issuing key and the log's keys is: a file, or a descriptor such
    /// as /dev/fd/3.
    #[serde(default)]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// The name of the systemd credential that holds that passphrase, instead of a file.
    #[serde(default)]
    pub(crate) passphrase_credential: Option<String>,
    /// The certificate authority.
    pub(crate) ca: CaConfig,
    /// The issuance log.
    pub(crate) log: LogConfig,
    /// The guard against rollback of the database.
    #[serde(deserialize_with = "guard::with_id")]
    pub(crate) guard: GuardConfig,
    /// The folder of the logs that follow `log`, each a file that `chancery log new` writes.
    #[serde(default = "default_logs")]
    pub(crate) logs: PathBuf,
    /// The ledger of signatures over artifacts, which is a Rekor v2 log. None unless it is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ledger: Option<LedgerConfig>,
    /// The folder that relative paths are relative to.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
    /// Where the log is published as files, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) export: Option<ExportConfig>,
    /// The timestamp authority, if this instance is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timestamps: Option<TimestampsConfig>,
    /// What clients trust, signed. Without it, the trust documents are served unsigned, and there is
    /// no TUF repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trust: Option<TrustConfig>,
}

/// The certificate authority.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct CaConfig {
    /// The chain in PEM: the issuing certificate first, the root last.
    pub(crate) chain: PathBuf,
    /// The issuing key: encrypted PKCS#8 in PEM.
    pub(crate) key: PathBuf,
    /// How long certificates live, in seconds. 600 unless said otherwise.
    #[serde(default = "default_lifetime")]
    pub(crate) certificate_lifetime_s: u64,
    /// The longest life that an issuer's entry may ask for, in seconds. As `certificate-lifetime-s`
    /// unless said otherwise.
    #[serde(default)]
    pub(crate) max_certificate_lifetime_s: Option<u64>,
    /// Somebody else's CT log that gets each precertificate after our own log has it, and whose SCT
    /// the certificates then hold. None unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) external_log: Option<ExternalLogConfig>,
}

/// TLS. Both files are read again when they change.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TlsConfig {
    /// The certificate and its intermediates in PEM, the server's own first.
    pub(crate) certificate: PathBuf,
    /// The certificate's key in PEM.
    pub(crate) key: PathBuf,
}

/// The issuance log.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LogConfig {
    /// The log's name in its URL: `/ct/NAME`.
    pub(crate) name: String,
    /// The checkpoint's first line: host and path, without scheme and port. Fixed for ever.
    pub(crate) origin: String,
    /// The log's P-256 key: encrypted PKCS#8 in PEM.
    pub(crate) key: PathBuf,
    /// The Ed25519 key of the checkpoint's line for witnesses: encrypted PKCS#8 in PEM.
    pub(crate) witness_key: PathBuf,
    /// Who may read entries: `open` to everybody, or `restricted`.
    pub(crate) read: LogRead,
    /// How many entries a second are verified in the background, at most; 0 for none. Unless said
    /// otherwise, as many as it takes to verify the whole log once a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scrub_entries_per_second: Option<u32>,
    /// Submissions from outside: off unless roots are named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) submissions: Option<SubmissionsConfig>,
    /// Who cosigns each checkpoint before it is released. Nobody unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) witnesses: Option<WitnessesConfig>,
}

/// Who cosigns each checkpoint, and what happens without them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct WitnessesConfig {
    /// The policy (c2sp.org/tlog-policy): witnesses with their keys and URLs, and what is a quorum.
    pub(crate) policy: PathBuf,
    /// Whether nothing is released without a quorum: no checkpoint, and no certificate. True unless
    /// said otherwise.
    #[serde(default = "yes")]
    pub(crate) required: bool,
    /// How long a quorum is waited for, in milliseconds. 3000 unless said otherwise.
    #[serde(default = "default_witness_timeout")]
    pub(crate) timeout_ms: u64,
}

/// Who may read entries.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogRead {
    /// Everybody.
    Open,
    /// Nobody over HTTP: data tiles are refused. Checkpoints and hash tiles stay open.
    Restricted,
}

/// What every configuration has to say; the rest has defaults.
#[derive(Debug)]
pub(crate) struct Required {
    pub(crate) url: String,
    pub(crate) organization: String,
    pub(crate) identity_config: PathBuf,
    pub(crate) ca: CaConfig,
    pub(crate) log: LogConfig,
    pub(crate) guard: GuardConfig,
}

impl Config {
    /// Makes a configuration that says no more than it must.
    pub(crate) fn new(required: Required) -> Self {
        Self {
            url: required.url,
            organization: required.organization,
            listen: default_listen(),
            admin_listen: default_admin_listen(),
            grpc_listen: None,
            tls: None,
            cors_origins: None,
            fulcio_metrics: false,
            database: None,
            database_file: None,
            identity_config: required.identity_config,
            any_owner: Vec::new(),
            client_signing_algorithms: None,
            key_block_list: None,
            passphrase_file: None,
            passphrase_credential: None,
            ca: required.ca,
            log: required.log,
            guard: required.guard,
            logs: default_logs(),
            ledger: None,
            folder: PathBuf::new(),
            export: None,
            timestamps: None,
            trust: None,
        }
    }
}

impl LogRead {
    /// Returns it as the database records it.
    pub(crate) fn readers(self) -> Readers {
        match self {
            Self::Open => Readers::Open,
            Self::Restricted => Readers::Restricted,
        }
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::UNSPECIFIED, 5555))
}

fn default_admin_listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 2112))
}

fn yes() -> bool {
    true
}

fn default_witness_timeout() -> u64 {
    3000
}

fn default_logs() -> PathBuf {
    PathBuf::from("logs")
}

fn default_lifetime() -> u64 {
    600
}
