//! What is measured: Chancery in its arrangements, and the real Fulcio, all with the same issuer.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chancery_keys::{KeyType, LocalKey};
use chancery_tests::client::{Client, Identity, request_body};
use chancery_tests::issuer::Issuer;
use chancery_tests::postgres::TestPostgres;
use chancery_tests::server::free_port;
use serde::Serialize;
use sqlx::{Connection as _, PgConnection};

/// One arrangement.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    ThreeReplicas,
    Fulcio,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [
        Self::Sqlite,
        Self::Postgres,
        Self::ThreeReplicas,
        Self::Fulcio,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::ThreeReplicas => "PostgreSQL, 3 replicas",
            Self::Fulcio => "Fulcio v1.8.8, no log",
        }
    }
}

/// The programs.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) chancery: PathBuf,
    pub(crate) fulcio: Option<PathBuf>,
}

/// A running arrangement. Dropping it kills it.
pub(crate) struct Subject {
    processes: Vec<Child>,
    pub(crate) ports: Vec<u16>,
    database: Option<TestPostgres>,
    /// Where it says that it is there.
    health: &'static str,
    /// Keys, databases and guards; in the end removed.
    folder: tempfile::TempDir,
}

impl Subject {
    /// Starts an arrangement, or returns nothing where what it needs is not there.
    pub(crate) async fn start(
        kind: Kind,
        programs: &Programs,
        issuer: &Issuer,
    ) -> anyhow::Result<Option<Self>> {
        let Some(mut subject) = Self::prepare(kind, issuer).await? else {
            return Ok(None);
        };
        match kind {
            Kind::Sqlite | Kind::Postgres => subject.serve(programs, 1)?,
            Kind::ThreeReplicas => subject.serve(programs, 3)?,
            Kind::Fulcio => match &programs.fulcio {
                Some(program) => subject.serve_fulcio(program)?,
                None => return Ok(None),
            },
        }
        subject.wait_until_ready().await?;
        Ok(Some(subject))
    }

    /// Starts an instance of one process that has a ledger, too, which takes as much as comes, and
    /// is reached at its own URL.
    pub(crate) async fn start_with_ledger(
        kind: Kind,
        chancery: &Path,
        issuer: &Issuer,
    ) -> anyhow::Result<Option<Self>> {
        let Some(mut subject) = Self::prepare(kind, issuer).await? else {
            return Ok(None);
        };
        let port = free_port()?;
        let url = format!("http://localhost:{port}");
        subject.make(chancery, &["--url", &url, "--ledger", "localhost"])?;
        let path = subject.folder().join("chancery.yaml");
        let config = std::fs::read_to_string(&path)?;
        let unbounded = config.replace("per-second: 200", "per-second: 100000");
        anyhow::ensure!(unbounded != config, "chancery.yaml has no per-second: 200");
        std::fs::write(path, unbounded)?;
        subject.spawn(chancery, port)?;
        subject.wait_until_ready().await?;
        Ok(Some(subject))
    }

    /// Starts another program in a folder of its own: `command` says how, with the folder and a port.
    pub(crate) async fn start_other(
        health: &'static str,
        command: impl FnOnce(&Path, u16) -> anyhow::Result<Command>,
    ) -> anyhow::Result<Self> {
        let mut subject = Self::empty(None)?;
        subject.health = health;
        let port = free_port()?;
        let log = std::fs::File::create(subject.folder().join("log"))?;
        let mut command = command(subject.folder(), port)?;
        command
            .current_dir(subject.folder())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        subject.processes.push(command.spawn()?);
        subject.ports.push(port);
        subject.wait_until_ready().await?;
        Ok(subject)
    }

    /// Makes folder, identity configuration and database; nothing where there is no database server.
    async fn prepare(kind: Kind, issuer: &Issuer) -> anyhow::Result<Option<Self>> {
        let database = match kind {
            Kind::Sqlite | Kind::Fulcio => None,
            Kind::Postgres | Kind::ThreeReplicas => match TestPostgres::create().await? {
                Some(database) => Some(database),
                None => return Ok(None),
            },
        };
        let subject = Self::empty(database)?;
        let url = issuer.url();
        let http = if kind == Kind::Fulcio {
            ""
        } else {
            "    allow-http: true\n"
        };
        std::fs::write(
            subject.folder().join("identity.yaml"),
            format!(
                "oidc-issuers:\n  {url}:\n    issuer-url: {url}\n    client-id: sigstore\n    \
                 type: email\n{http}"
            ),
        )?;
        Ok(Some(subject))
    }

    fn empty(database: Option<TestPostgres>) -> anyhow::Result<Self> {
        Ok(Self {
            processes: Vec::new(),
            ports: Vec::new(),
            database,
            health: "/healthz",
            folder: tempfile::tempdir()?,
        })
    }

    /// Returns the folder of what it keeps.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn chancery(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .env_remove("CHANCERY_DATABASE");
        if let Some(database) = &self.database {
            command.env("CHANCERY_DATABASE", database.url());
        }
        command
    }

    /// Makes a production instance, and serves it by as many processes.
    fn serve(&mut self, programs: &Programs, processes: usize) -> anyhow::Result<()> {
        self.make(&programs.chancery, &["--url", "https://ca.example.org"])?;
        for _ in 0..processes {
            self.spawn(&programs.chancery, free_port()?)?;
        }
        Ok(())
    }

    fn make(&self, chancery: &Path, arguments: &[&str]) -> anyhow::Result<()> {
        let made = self
            .chancery(chancery)
            .args(["init", "--log-read", "open"])
            .args(arguments)
            .stderr(Stdio::inherit())
            .status()?;
        anyhow::ensure!(made.success(), "chancery init: {made}");
        Ok(())
    }

    fn spawn(&mut self, chancery: &Path, port: u16) -> anyhow::Result<()> {
        let admin = free_port()?;
        // As an operator runs it: every certificate is an event.
        let events = std::fs::File::create(self.folder().join(format!("{port}.log")))?;
        let child = self
            .chancery(chancery)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
            .args(["--admin-listen", &format!("127.0.0.1:{admin}")])
            .stderr(events)
            .spawn()?;
        self.processes.push(child);
        self.ports.push(port);
        Ok(())
    }

    /// Serves a Fulcio with a P-256 CA in files and without a log.
    fn serve_fulcio(&mut self, program: &Path) -> anyhow::Result<()> {
        const PASSWORD: &str = "bench";
        let pass = format!("pass:{PASSWORD}");
        let openssl = |arguments: &[&str]| -> anyhow::Result<()> {
            let made = Command::new("openssl")
                .args(arguments)
                .current_dir(self.folder())
                .stderr(Stdio::null())
                .status()
                .context("openssl, which makes Fulcio's CA")?;
            anyhow::ensure!(made.success(), "openssl: {made}");
            Ok(())
        };
        let curve = "ec_paramgen_curve:prime256v1";
        openssl(&[
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            curve,
            "-aes-256-cbc",
            "-pass",
            &pass,
            "-out",
            "key.pem",
        ])?;
        openssl(&[
            "req",
            "-x509",
            "-new",
            "-key",
            "key.pem",
            "-passin",
            &pass,
            "-subj",
            "/CN=bench",
            "-days",
            "30",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-out",
            "cert.pem",
        ])?;
        let (port, grpc, metrics) = (free_port()?, free_port()?, free_port()?);
        let child = Command::new(program)
            .args(["serve", "--ca=fileca", "--fileca-cert=cert.pem"])
            .args(["--fileca-key=key.pem", "--fileca-watch=false"])
            .arg(format!("--fileca-key-passwd={PASSWORD}"))
            .args(["--ct-log-url=", "--log_type=prod", "--host=127.0.0.1"])
            .arg(format!("--port={port}"))
            .arg("--grpc-host=127.0.0.1")
            .arg(format!("--grpc-port={grpc}"))
            .arg(format!("--metrics-port={metrics}"))
            .arg("--config-path=identity.yaml")
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.folder().join("fulcio.log"))?)
            .spawn()?;
        self.processes.push(child);
        self.ports.push(port);
        Ok(())
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        for (port, process) in self.ports.iter().zip(&mut self.processes) {
            let client = Client::new(&format!("http://127.0.0.1:{port}"))?;
            while !client.get(self.health).await.is_ok_and(|a| a.status == 200) {
                if let Some(status) = process.try_wait()? {
                    bail!("the server ended: {status}");
                }
                anyhow::ensure!(Instant::now() < deadline, "not ready in time");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Ok(())
    }

    /// Returns the ids of the processes that issue.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.processes.iter().map(Child::id).collect()
    }

    /// Returns the ids of the database server's processes.
    pub(crate) async fn database_pids(&self) -> anyhow::Result<Vec<u32>> {
        let Some(database) = &self.database else {
            return Ok(Vec::new());
        };
        let mut connection = PgConnection::connect(database.url()).await?;
        let pids: Vec<i32> =
            sqlx::query_scalar("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
                .fetch_all(&mut connection)
                .await?;
        connection.close().await?;
        Ok(pids.into_iter().map(i32::cast_unsigned).collect())
    }

    /// Ends it, and throws away what it made.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.kill();
        match self.database.take() {
            Some(database) => database.drop().await,
            None => Ok(()),
        }
    }

    fn kill(&mut self) {
        for process in &mut self.processes {
            // It may have ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Makes an identity with a token of its own.
pub(crate) async fn identity(issuer: &Issuer, number: usize) -> anyhow::Result<Identity> {
    let email = format!("load{number}@example.com");
    let spec = serde_json::json!({
        "claims": { "sub": email, "email": email, "email_verified": true },
    });
    let key = LocalKey::generate(KeyType::P256)?;
    Ok(Identity {
        token: issuer.mint(&serde_json::from_value(spec)?)?,
        body: request_body(&key, &email).await?,
    })
}
