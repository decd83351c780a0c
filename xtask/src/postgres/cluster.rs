//! A throw-away PostgreSQL cluster: one folder, one Unix socket, no TCP port.
//!
//! A shell stands between this process and the server and owns the server's end: it waits for the
//! end of its input, which comes when this process closes the pipe or is gone for any reason, then
//! stops the server and removes the folder. So Ctrl-C or SIGKILL here leaves nothing behind.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::Binaries;
use crate::process::run_quietly;

const USER: &str = "chancery";
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// `$1` is the cluster's folder, the rest is the server's command line, to be run at the first line
/// of input. The signal is repeated, since a server that has only just begun may not heed it.
const KEEPER: &str = r#"
trap '' INT TERM HUP
folder=$1; shift
if read -r go; then
    "$@" </dev/null >"$folder/log" 2>&1 &
    server=$!
    cat >/dev/null
    while kill -INT "$server" 2>/dev/null; do sleep 0.1; done
fi
cd / && rm -rf "$folder"
"#;

/// A running cluster; dropping it stops the server.
pub(crate) struct Cluster {
    folder: PathBuf,
    keeper: Child,
}

impl Cluster {
    /// Makes a cluster in a temporary folder and starts it.
    ///
    /// `fsync` and `synchronous_commit` stay on: the product refuses a server without them.
    pub(crate) fn start(binaries: &Binaries) -> Result<Self> {
        let mut cluster = Self::with_keeper(binaries)?;
        initdb(binaries, &cluster.folder)?;
        let keeper = cluster
            .keeper
            .stdin
            .as_mut()
            .context("the keeper has no input")?;
        keeper
            .write_all(b"go\n")
            .context("PostgreSQL's keeper is gone")?;
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// Makes the folder, and starts the shell that will remove it.
    fn with_keeper(binaries: &Binaries) -> Result<Self> {
        let folder = make_folder(binaries)?;
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(folder.path());
        command.arg(binaries.command("postgres").get_program());
        command.arg("-D").arg(folder.path().join("data"));
        command.arg("-k").arg(folder.path());
        for setting in [
            "listen_addresses=",
            "max_connections=200",
            "unix_socket_permissions=0700",
        ] {
            command.args(["-c", setting]);
        }
        binaries.become_account(&mut command);
        command
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let keeper = command
            .spawn()
            .context("cannot start a shell for PostgreSQL")?;
        Ok(Self {
            folder: folder.keep(),
            keeper,
        })
    }

    /// Returns the URL of a database in this cluster, for sqlx and libpq alike.
    pub(crate) fn url(&self, database: &str) -> String {
        format!(
            "postgres://{USER}@localhost/{database}?host={}",
            self.folder.display()
        )
    }

    /// Runs SQL with `psql` and returns the rows, unaligned.
    pub(crate) fn psql(&self, binaries: &Binaries, database: &str, sql: &str) -> Result<String> {
        let mut psql = binaries.command("psql");
        psql.args(["--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        psql.arg(self.url(database)).current_dir("/");
        run_quietly(&mut psql)
    }

    /// Stops the server, waits for its end and removes the folder.
    pub(crate) fn stop(mut self) -> Result<()> {
        drop(self.keeper.stdin.take());
        let status = self
            .keeper
            .wait()
            .context("cannot wait for PostgreSQL's end")?;
        if !status.success() {
            bail!("PostgreSQL did not end cleanly: {status}");
        }
        Ok(())
    }

    /// Waits as `pg_ctl` does: the eighth line of `postmaster.pid` says when clients may come.
    fn wait_until_ready(&self) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < START_TIMEOUT {
            let pid_file = fs::read_to_string(self.folder.join("data/postmaster.pid"));
            if pid_file.is_ok_and(|text| text.lines().nth(7).is_some_and(|s| s.trim() == "ready")) {
                return Ok(());
            }
            if self.log().contains("FATAL") {
                break;
            }
            sleep(Duration::from_millis(20));
        }
        bail!("PostgreSQL did not start:\n{}", self.log())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // Nobody is left to tell if this fails; after `stop` it only repeats the status.
        self.keeper.wait().ok();
    }
}

/// Makes the folder, in `/tmp` because a socket's whole path must stay under 104 bytes.
fn make_folder(binaries: &Binaries) -> Result<TempDir> {
    let short = Path::new("/tmp");
    let parent = if short.is_dir() {
        short.to_owned()
    } else {
        std::env::temp_dir()
    };
    let folder = tempfile::Builder::new()
        .prefix("chancery-pg-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .context("cannot make a folder for PostgreSQL")?;
    if let Some(account) = binaries.account() {
        std::os::unix::fs::chown(folder.path(), Some(account.uid), Some(account.gid))
            .context("cannot hand the folder to PostgreSQL's account")?;
    }
    Ok(folder)
}

fn initdb(binaries: &Binaries, folder: &Path) -> Result<()> {
    let mut initdb = binaries.command("initdb");
    initdb
        .args([
            "--no-sync",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--username",
            USER,
        ])
        .arg("-D")
        .arg(folder.join("data"))
        .current_dir(folder);
    run_quietly(&mut initdb).map(drop)
}
