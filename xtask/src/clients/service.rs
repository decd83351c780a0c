//! A running `chancery dev` in a temporary folder.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::process::{run, run_quietly};
use crate::workspace;

const START_TIMEOUT: Duration = Duration::from_secs(20);
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Where systems have the libfaketime for programs of many threads.
const FAKETIME: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
];

/// Builds the binary and the load generator, unoptimised.
pub(super) fn build() -> Result<()> {
    run(workspace::cargo("build").args(["--locked", "-p", "chancery", "-p", "chancery-tests"]))
}

/// Returns the path of a program of the workspace that [`build`] made.
pub(super) fn program(name: &str) -> PathBuf {
    workspace::target().join("debug").join(name)
}

/// Builds the binary as it is released, and returns its path.
pub(super) fn released() -> Result<PathBuf> {
    run(workspace::cargo("build").args(["--locked", "--release", "-p", "chancery"]))?;
    Ok(workspace::target().join("release/chancery"))
}

/// A running service; dropping it ends it the hard way.
pub(super) struct Service {
    child: Child,
    url: String,
    data: Data,
}

/// A folder with everything that a service keeps, and where its database is.
pub(super) struct Data {
    folder: TempDir,
    database: Option<String>,
}

impl Data {
    /// Makes an empty folder for a service on SQLite, or on the database of that URL.
    pub(super) fn new(database: Option<String>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("chancery-dev-").tempdir()?;
        Ok(Self { folder, database })
    }

    /// Returns the URL of the database.
    pub(super) fn database_url(&self) -> String {
        match &self.database {
            Some(url) => url.clone(),
            None => format!("sqlite:{}", self.path().join("chancery.db").display()),
        }
    }

    /// Returns the folder that `--data` names.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Service {
    /// Starts a new service on SQLite.
    pub(super) fn start() -> Result<Self> {
        Self::start_on(Data::new(None)?)
    }

    /// Starts a service on a folder, new or left by an earlier one.
    pub(super) fn start_on(data: Data) -> Result<Self> {
        Self::start_with(data, |_| ())
    }

    /// Starts a new service whose clock is an hour behind, if there is libfaketime.
    pub(super) fn start_an_hour_behind() -> Result<Option<Self>> {
        let Some(library) = FAKETIME.iter().find(|path| Path::new(path).exists()) else {
            return Ok(None);
        };
        let started = Self::start_with(Data::new(None)?, |command| {
            command.env("LD_PRELOAD", library).env("FAKETIME", "-1h");
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        });
        started.map(Some)
    }

    fn start_with(data: Data, more: impl FnOnce(&mut Command)) -> Result<Self> {
        let port = free_port()?;
        let log = File::options().create(true).append(true).open(data.log())?;
        let mut command = Command::new(program("chancery"));
        command.args(["dev", "--listen", &format!("127.0.0.1:{port}"), "--data"]);
        command.arg(data.path());
        if let Some(url) = &data.database {
            command.args(["--database", url]);
        }
        command.stdout(log.try_clone()?).stderr(log);
        more(&mut command);
        let child = command.spawn().context("cannot start chancery")?;
        let mut service = Self {
            child,
            url: format!("http://localhost:{port}"),
            data,
        };
        service.wait_until_healthy(port)?;
        Ok(service)
    }

    /// Returns the service's address as its clients know it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the last lines that the service wrote.
    pub(super) fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.data.log()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let tail = lines
            .get(lines.len().saturating_sub(25)..)
            .unwrap_or_default();
        format!("the service's last words:\n{}\n", tail.join("\n"))
    }

    /// Asks the service to stop and sees that it does, with exit code 0.
    pub(super) fn stop(self) -> Result<()> {
        self.stop_and_keep().map(drop)
    }

    /// As [`Service::stop`]; the folder is kept, for a service to start on it again.
    pub(super) fn stop_and_keep(mut self) -> Result<Data> {
        run_quietly(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        let start = Instant::now();
        while start.elapsed() < STOP_TIMEOUT {
            if let Some(status) = self.child.try_wait()? {
                if status.success() {
                    let empty = Data::new(None)?;
                    return Ok(std::mem::replace(&mut self.data, empty));
                }
                bail!("the service ended with {status}; {}", self.log_tail());
            }
            sleep(Duration::from_millis(20));
        }
        bail!("the service did not stop; {}", self.log_tail())
    }

    fn wait_until_healthy(&mut self, port: u16) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < START_TIMEOUT {
            if let Some(status) = self.child.try_wait()? {
                bail!("the service ended with {status}; {}", self.log_tail());
            }
            if is_healthy(port).unwrap_or(false) {
                return Ok(());
            }
            sleep(Duration::from_millis(20));
        }
        bail!("the service did not become healthy; {}", self.log_tail())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Already gone after `stop`; otherwise a check failed and nobody asks how it ends.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn is_healthy(port: u16) -> std::io::Result<bool> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        stream,
        "GET /healthz HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}
