//! A served replica as a process that can be killed, frozen and started again.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How a replica is started.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) binary: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    pub(crate) admin: u16,
    /// A command before the binary, such as `prlimit`.
    pub(crate) wrapper: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Which events it writes.
    pub(crate) events: &'static str,
}

/// A running replica. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    launch: Launch,
}

impl Launch {
    /// Starts it; what it says goes to a file.
    pub(crate) fn start(&self) -> anyhow::Result<Process> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())?;
        self.start_saying_to(log.into())
    }

    /// Starts it; what it says goes elsewhere.
    pub(crate) fn start_saying_to(&self, errors: Stdio) -> anyhow::Result<Process> {
        let mut line = self.wrapper.clone();
        line.push(self.binary.clone().into());
        let (program, rest) = line.split_first().context("no program")?;
        let child = Command::new(program)
            .args(rest)
            .args(["serve", "--listen", &format!("127.0.0.1:{}", self.port)])
            .args(["--admin-listen", &format!("127.0.0.1:{}", self.admin)])
            .current_dir(&self.folder)
            .env("CHANCERY_LOG", self.events)
            .env_remove("CHANCERY_DATABASE")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .with_context(|| self.binary.display().to_string())?;
        Ok(Process {
            child,
            launch: self.clone(),
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns all that it has said so far, in all its lives.
    pub(crate) fn said(&self) -> String {
        let bytes = fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("events.log")
    }
}

impl Process {
    /// Waits until it answers.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<()> {
        let client = crate::client::Client::new(&self.launch.url())?;
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended, {status}: {}", self.launch.said());
            }
            let answer = client.get("/healthz").await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("the server was not ready in time")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it without warning, and waits for its end.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        signal(self.child.id(), name)
    }

    /// Waits for its end without blocking others, for as long as `limit`.
    pub(crate) async fn end(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("it did not end within {} s", limit.as_secs())
    }

    /// Returns the memory that is resident, in MiB.
    pub(crate) fn resident_mib(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib: f64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .context("no VmRSS")?;
        Ok(kib / 1024.0)
    }

    /// Returns the processor time that its threads have used.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        let mut nanoseconds = 0u64;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let stat = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            let its = stat.split(' ').next().and_then(|n| n.parse::<u64>().ok());
            nanoseconds += its.unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanoseconds))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal by its name.
pub(crate) fn signal(pid: u32, name: &str) -> anyhow::Result<()> {
    let sent = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .stderr(Stdio::null())
        .status()?;
    anyhow::ensure!(sent.success(), "cannot send SIG{name} to {pid}");
    Ok(())
}

/// Finds a port that stays ours over restarts: below those that the kernel gives to outgoing
/// connections, among which a client that tries a closed port again and again meets itself.
pub(crate) fn steady_port() -> anyhow::Result<u16> {
    for _ in 0..1000 {
        let port = rand::random_range(11_000..32_000_u16);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free")
}

/// Tells whether this process may do what only root may.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    File::open("/proc/self")
        .and_then(|file| file.metadata())
        .is_ok_and(|metadata| metadata.uid() == 0)
}
