//! Arguments of the commands that copy, verify and mend a log.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Format, InstanceArgs};
use crate::config::LogRead;

#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// The file to make. Nothing is overwritten.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// The backup. It fits either kind of database.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Begins a new log at a date, while issuing goes on: from then on it takes all entries, and the
    /// one before it none. Also beside a running server.
    New(LogNewArgs),
    /// Publishes the log as files, once: checkpoint, tile/ and issuer/, for any web server. Also
    /// beside a running server, which publishes by itself where the configuration says `export`.
    Export(LogExportArgs),
    /// Keeps a verified copy of somebody's log in a folder: static-ct or tlog-tiles. Needs no
    /// instance.
    Mirror(LogMirrorArgs),
    /// Deletes entries from the database that are published where the configuration says `export`,
    /// after each was read back from there.
    Prune(LogPruneArgs),
    /// Computes a log anew from its entries, and says what in it is wrong. Also beside a running
    /// server.
    Verify(LogVerifyArgs),
    /// Writes what proves offline that an entry is in a log.
    Prove(LogProveArgs),
    /// Verifies such a proof with nothing but a trust root.
    Check(LogCheckArgs),
    /// Mends what `serve` refuses: a database behind its guard, or one whose guard is lost. Stop
    /// every process of the instance first.
    Recover(LogRecoverArgs),
    /// Prints the verifier keys of each log that is not retired, by which witnesses and readers of
    /// notes know it: the Ed25519 key first, which every witness reads, then the RFC 6962 one.
    Keys(InstanceArgs),
    /// Witnesses other people's logs (c2sp.org/tlog-witness): cosigns each checkpoint that extends all
    /// that it saw of that log before.
    Witness(LogWitnessArgs),
}

#[derive(Args, Debug)]
pub(crate) struct LogWitnessArgs {
    /// The witness's name, such as witness.example.com: it stands in each of its lines.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// The witness's own Ed25519 key: encrypted PKCS#8 in PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// A file of mode 0600 with the key's passphrase.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: PathBuf,
    /// Make the key, and the passphrase if it is not there; print the verifier key that others are to
    /// be given, and end. Nothing is overwritten.
    #[arg(long)]
    pub(crate) init: bool,
    /// The logs to know: on each line `log` and a verifier key, as in a policy (c2sp.org/tlog-policy).
    #[arg(long, value_name = "FILE", required_unless_present = "init")]
    pub(crate) logs: Option<PathBuf>,
    /// The folder that remembers the latest checkpoint of each log. Never put back an older copy.
    #[arg(long, value_name = "DIR", required_unless_present = "init")]
    pub(crate) state: Option<PathBuf>,
    /// Where to listen, for plain HTTP: behind a TLS proxy, or inside.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7380")]
    pub(crate) listen: SocketAddr,
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("when").required(true).args(["from", "after"]))]
pub(crate) struct LogNewArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// The new log's name in its URL, /ct/NAME.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// When it begins, such as 2027-01-01T00:00:00Z: at least two days from now, so that every client
    /// knows of it in time.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// When it begins, from now: 90s, 15m, 12h or 30d.
    #[arg(long = "in", value_name = "DURATION")]
    pub(crate) after: Option<String>,
    /// Let it begin sooner, from 30 s on: clients that have not learned of it by then refuse what is
    /// signed under it until they have.
    #[arg(long)]
    pub(crate) before_clients_know: bool,
    /// Who may read entries; by default those who may read the log before it.
    #[arg(long, value_name = "WHO")]
    pub(crate) log_read: Option<LogRead>,
}

#[derive(Args, Debug)]
pub(crate) struct LogProveArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// The entry: a file with its certificate, in PEM or DER; its index in the log; or the
    /// certificate's serial number in hexadecimal, which the instance's database knows. Of a ledger: its
    /// index, with --log, or the digest of what was signed, such as `sha256:…`.
    #[arg(value_name = "CERT|INDEX|SERIAL|DIGEST")]
    pub(crate) entry: String,
    /// The log of the instance, by its name. By default it is looked for in all logs of certificates.
    #[arg(long, value_name = "NAME")]
    pub(crate) log: Option<String>,
    /// The log's URL, such as `https://ca.example.com/ct/2026`. By default that of the instance, whose
    /// server must be running: only it signs checkpoints. With it, certificate and index need no
    /// instance.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<url::Url>,
    /// Trust these CA certificates for HTTPS besides the system's, in PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_root: Option<PathBuf>,
    /// The files to make, without their extensions .tlog-proof and .rfc6962.json. Nothing is
    /// overwritten. By default entry-INDEX in this folder.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) to: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct LogCheckArgs {
    /// The proof, as `log prove` or another program wrote it (c2sp.org/tlog-proof).
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The trust root, `trusted_root.json`: the log's key and, for a certificate, its CA's.
    #[arg(long, value_name = "FILE")]
    pub(crate) trusted_root: PathBuf,
    /// The certificate, in PEM or DER, that the entry is to be of.
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct LogExportArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// The log, by its name. By default each in turn; --to and --checkpoint are for one.
    #[arg(long, value_name = "NAME")]
    pub(crate) log: Option<String>,
    /// The folder; by default where the configuration says `export`.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// The checkpoint to reach, in a file; by default the one that the instance's URL answers.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// With --to: publish entries although the log is restricted.
    #[arg(long, requires = "to")]
    pub(crate) entries: bool,
}

#[derive(Args, Debug)]
pub(crate) struct LogMirrorArgs {
    /// The log's URL, below which are checkpoint and tile/.
    // The command reads it: what is said of arguments repeats them, and a URL may hold a password.
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// The log's key: a public key in PEM or DER, or a verifier key (NAME+ID+KEY). An Ed25519 key is
    /// that of a tlog-tiles log, any other that of a static-ct log.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The first line that checkpoints must have, where --key does not name it.
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) origin: Option<String>,
    /// The folder of the copy.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// Bring the copy to the newest checkpoint, and end.
    #[arg(long)]
    pub(crate) once: bool,
    /// How long to wait for the next, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "once")]
    pub(crate) interval: u64,
    /// Trust these CA certificates for HTTPS besides the system's, in PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_root: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["below", "keep"]))]
pub(crate) struct LogPruneArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// The log, by its name. By default each in turn; --below is for one.
    #[arg(long, value_name = "NAME")]
    pub(crate) log: Option<String>,
    /// Delete entries before this place; a full tile of 256 is deleted or kept.
    #[arg(long, value_name = "N")]
    pub(crate) below: Option<u64>,
    /// Delete all but this many of the newest.
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<u64>,
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("way").required(true).args(["from", "retire", "new_guard", "adopt_guard"]))]
pub(crate) struct LogRecoverArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// The log, by its name; by default the newest.
    #[arg(long, value_name = "NAME")]
    pub(crate) log: Option<String>,
    /// Bring back the entries up to the guard's head from this copy: a backup, the URL of another
    /// database, or a folder of published files (checkpoint, tile/, issuer/).
    #[arg(long, value_name = "COPY")]
    pub(crate) from: Option<String>,
    /// Take the log out of use for ever. Say its origin, so that it is the right one.
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) retire: Option<String>,
    /// Make a new guard in the place of one that is lost. Wants --checkpoint, or
    /// --no-checkpoint-known.
    #[arg(long)]
    pub(crate) new_guard: bool,
    /// Record the guard that the configuration names, and leave it where it stands: for a database
    /// that was backed up before this guard replaced another.
    #[arg(long)]
    pub(crate) adopt_guard: bool,
    /// With --new-guard: the newest checkpoint that anybody outside has kept: a monitor, an auditor,
    /// a client.
    #[arg(long, value_name = "FILE", requires = "new_guard")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// With --new-guard: nobody has kept a checkpoint. Entries that the database has lost, if any,
    /// are then lost without a trace.
    #[arg(long, requires = "new_guard", conflicts_with = "checkpoint")]
    pub(crate) no_checkpoint_known: bool,
}

#[derive(Args, Debug)]
pub(crate) struct LogVerifyArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
    /// The log, by its name. By default each in turn; with --since, --since-checkpoint or
    /// --directory, the newest.
    #[arg(long, value_name = "NAME")]
    pub(crate) log: Option<String>,
    /// Trust the log's first SIZE entries as its tiles describe them, and verify what follows.
    #[arg(long, value_name = "SIZE", conflicts_with = "since_checkpoint")]
    pub(crate) since: Option<u64>,
    /// Trust the tree of this checkpoint of the log, which was verified before, and verify that the
    /// log contains it, and what follows.
    #[arg(long, value_name = "FILE")]
    pub(crate) since_checkpoint: Option<PathBuf>,
    /// The public key of an external log whose SCTs older certificates hold, in PEM or DER, besides
    /// that of ca.external-log. May be given several times.
    #[arg(long, value_name = "FILE", conflicts_with = "directory")]
    pub(crate) external_log_key: Vec<PathBuf>,
    /// Verify the published files in this folder (checkpoint, tile/, issuer/) instead of the
    /// database.
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// With --directory: the log's public key, in PEM or DER. By default what the instance's
    /// database says.
    #[arg(long, value_name = "FILE", requires = "directory")]
    pub(crate) key: Option<PathBuf>,
    /// With --directory: take entries of any kind, as in a copy of somebody else's log, and do not
    /// look into them. Everything else is verified.
    #[arg(long, requires = "directory")]
    pub(crate) any_entries: bool,
    /// With --directory: the first line that the checkpoint must have.
    #[arg(long, value_name = "ORIGIN", requires = "directory")]
    pub(crate) origin: Option<String>,
    /// How to say it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}
