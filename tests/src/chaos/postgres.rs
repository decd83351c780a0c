//! PostgreSQL clusters that can be stopped, frozen, copied and promoted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::process::signal;

const USER: &str = "chancery";
const START: Duration = Duration::from_secs(30);

/// Where PostgreSQL's programs are, and who may run them.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The folder with `initdb`, `postgres` and `pg_basebackup`.
    pub folder: PathBuf,
    /// The unprivileged user and group that the server runs as, if we are root.
    pub account: Option<(u32, u32)>,
}

/// A cluster: one folder, one Unix socket, no TCP port. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Cluster {
    programs: Programs,
    folder: PathBuf,
    server: Option<Child>,
}

impl Programs {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.folder.join(program));
        if let Some((uid, gid)) = self.account {
            command.uid(uid).gid(gid);
        }
        command.current_dir("/").stdin(Stdio::null());
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let output = self.command(program).args(arguments).output()?;
        ensure!(
            output.status.success(),
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}

impl Cluster {
    /// Makes a cluster and starts it.
    pub(crate) async fn create(programs: &Programs) -> anyhow::Result<Self> {
        let mut cluster = Self::in_new_folder(programs)?;
        programs.run(
            "initdb",
            &[
                "--no-sync",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--username",
                USER,
                "-D",
                &cluster.data(),
            ],
        )?;
        cluster.start().await?;
        Ok(cluster)
    }

    /// Makes an asynchronous standby of this cluster and starts it.
    pub(crate) async fn standby(&self) -> anyhow::Result<Self> {
        let mut standby = Self::in_new_folder(&self.programs)?;
        self.programs.run(
            "pg_basebackup",
            &[
                "--no-sync",
                "--checkpoint=fast",
                "--write-recovery-conf",
                "--wal-method=stream",
                "--username",
                USER,
                "--host",
                &self.folder.to_string_lossy(),
                "-D",
                &standby.data(),
            ],
        )?;
        standby.start().await?;
        Ok(standby)
    }

    fn in_new_folder(programs: &Programs) -> anyhow::Result<Self> {
        // A socket's whole path must stay under 104 bytes.
        let folder = tempfile::Builder::new()
            .prefix("chancery-pg-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in("/tmp")?;
        if let Some((uid, gid)) = programs.account {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid))?;
        }
        Ok(Self {
            programs: programs.clone(),
            folder: folder.keep(),
            server: None,
        })
    }

    fn data(&self) -> String {
        self.folder.join("data").to_string_lossy().into_owned()
    }

    /// Starts the server and waits until clients may come.
    pub(crate) async fn start(&mut self) -> anyhow::Result<()> {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))?;
        let mut command = self.programs.command("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(&self.folder);
        for setting in ["listen_addresses=", "max_connections=100"] {
            command.args(["-c", setting]);
        }
        let errors = log.try_clone()?;
        self.server = Some(command.stdout(log).stderr(errors).spawn()?);
        let deadline = Instant::now() + START;
        while Instant::now() < deadline {
            if PgConnection::connect(&self.url("postgres")).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!(
            "PostgreSQL did not start: {}",
            fs::read_to_string(self.folder.join("log")).unwrap_or_default()
        )
    }

    /// Returns the path of the server's Unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    /// Returns the URL of a database, by the Unix socket.
    pub(crate) fn url(&self, database: &str) -> String {
        self.url_as(USER, database)
    }

    /// Returns the URL of a database for a user.
    pub(crate) fn url_as(&self, user: &str, database: &str) -> String {
        let host = self.folder.display();
        format!("postgres://{user}@localhost/{database}?host={host}")
    }

    /// Returns the URL of a database by way of a TCP port that leads to a server's socket.
    pub(crate) fn url_through(port: u16, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{port}/{database}")
    }

    /// Runs statements in the database `postgres`.
    pub(crate) async fn execute(&self, statements: &str) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        for statement in statements.split(';') {
            sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
                .execute(&mut connection)
                .await?;
        }
        Ok(connection.close().await?)
    }

    /// Runs a query in the database `postgres` that gives one column of text.
    pub(crate) async fn query(&self, query: &str) -> anyhow::Result<Vec<String>> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        let rows = sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
            .fetch_all(&mut connection)
            .await?;
        connection.close().await?;
        Ok(rows)
    }

    /// Stops the server at once, as a crash would (`pg_ctl stop -m immediate`).
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(mut server) = self.server.take() {
            signal(server.id(), "QUIT")?;
            server.wait()?;
        }
        Ok(())
    }

    /// Freezes the server with all its sessions, or lets it go on.
    pub(crate) fn freeze(&self, frozen: bool) -> anyhow::Result<()> {
        let server = self.server.as_ref().context("it does not run")?.id();
        let name = if frozen { "STOP" } else { "CONT" };
        // The server first: it makes no more sessions then.
        signal(server, name)?;
        for child in children(server)? {
            // A session may end meanwhile.
            let _ = signal(child, name);
        }
        Ok(())
    }

    /// Cuts a standby off from its primary.
    pub(crate) async fn cut_off(&self) -> anyhow::Result<()> {
        self.execute("ALTER SYSTEM SET primary_conninfo = ''; SELECT pg_reload_conf()")
            .await?;
        let deadline = Instant::now() + START;
        while Instant::now() < deadline {
            let receivers = "SELECT pid::text FROM pg_stat_wal_receiver";
            if self.query(receivers).await?.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the standby is still connected")
    }

    /// Makes a standby a primary.
    pub(crate) async fn promote(&self) -> anyhow::Result<()> {
        self.execute("SELECT pg_promote()").await
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(server) = self.server.as_mut() {
            let _ = signal(server.id(), "CONT");
            let _ = signal(server.id(), "QUIT");
            let _ = server.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn children(parent: u32) -> anyhow::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        let Some(pid) = number(&path) else { continue };
        let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
        // `pid (name) state parent …`; the name may hold anything but ends with the last bracket.
        let after = stat.rsplit(')').next().unwrap_or_default();
        let its = after
            .split_whitespace()
            .nth(1)
            .and_then(|ppid| ppid.parse().ok());
        if its == Some(parent) {
            found.push(pid);
        }
    }
    Ok(found)
}

fn number(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.parse().ok()
}
