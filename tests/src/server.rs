//! A server in a process of its own, and what it costs.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::client::Client;

/// A running `chancery dev` in a folder of its own. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    url: String,
    data: tempfile::TempDir,
}

/// What a process has used since it began.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Processor time of all threads, user and system.
    pub cpu: Duration,
    /// Memory that is resident now, in bytes.
    pub resident: u64,
}

impl Server {
    /// Starts `binary` on a free port with a fresh folder; `database` is a URL, or SQLite.
    pub async fn start(binary: &Path, database: Option<&str>) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        Self::start_in(binary, database, data).await
    }

    /// Starts `binary` on a folder that an earlier server may have left.
    pub async fn start_in(
        binary: &Path,
        database: Option<&str>,
        data: tempfile::TempDir,
    ) -> anyhow::Result<Self> {
        Self::start_with(binary, database, data, &[]).await
    }

    /// Starts `binary` with more arguments.
    pub async fn start_with(
        binary: &Path,
        database: Option<&str>,
        data: tempfile::TempDir,
        arguments: &[&OsStr],
    ) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(binary);
        command
            .args(["dev", "--listen", &format!("127.0.0.1:{port}"), "--data"])
            .arg(data.path().join("instance"))
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .env("CHANCERY_LOG", "warn")
            .env_remove("CHANCERY_DATABASE");
        if let Some(database) = database {
            command.env("CHANCERY_DATABASE", database);
        }
        let mut child = command
            .spawn()
            .with_context(|| binary.display().to_string())?;
        // What it says belongs to whoever runs the test.
        if let Some(errors) = child.stderr.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(errors).lines().map_while(Result::ok) {
                    eprintln!("server: {line}");
                }
            });
        }
        let mut server = Self {
            child,
            url: format!("http://localhost:{port}"),
            data,
        };
        server.wait_until_ready().await?;
        Ok(server)
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let client = Client::new(&self.url)?;
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended: {status}");
            }
            if client
                .get("/healthz")
                .await
                .is_ok_and(|answer| answer.status == 200)
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("the server was not ready in time")
    }

    /// Returns where it is reached.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns its folder.
    pub fn folder(&self) -> std::path::PathBuf {
        self.data.path().join("instance")
    }

    /// Asks it to stop with SIGTERM, waits, and returns its exit code with its folder.
    pub fn stop(mut self) -> anyhow::Result<(Option<i32>, tempfile::TempDir)> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
        let status = self.child.wait()?;
        let data = std::mem::replace(&mut self.data, tempfile::tempdir()?);
        Ok((status.code(), data))
    }

    /// Reads what it has used from the kernel.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        let pid = self.child.id();
        let mut nanoseconds = 0u64;
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let stat = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            nanoseconds += stat
                .split(' ')
                .next()
                .and_then(|n| n.parse::<u64>().ok())
                .unwrap_or(0);
        }
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
            .context("no VmRSS")?;
        Ok(Usage {
            cpu: Duration::from_nanos(nanoseconds),
            resident: resident * 1024,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Finds a port that nothing listens on. Another process may take it first; then the start fails.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?
        .local_addr()?
        .port())
}
