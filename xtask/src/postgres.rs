//! `cargo xtask postgres -- COMMAND`: a throw-away PostgreSQL server around any command.

mod binaries;
mod cluster;

use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

pub(crate) use binaries::Binaries;
pub(crate) use cluster::Cluster;

/// The variable that tells tests where PostgreSQL is.
pub(crate) const URL_VARIABLE: &str = "CHANCERY_TEST_POSTGRES";

/// The variable that forbids tests to leave themselves out.
pub(crate) const REQUIRE_VARIABLE: &str = "CHANCERY_REQUIRE_POSTGRES";

/// What `cargo xtask postgres` can be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The command and its arguments; the server is in `CHANCERY_TEST_POSTGRES`
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Runs the command beside a server, and stops the server whatever comes of it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (program, rest) = arguments
        .command
        .split_first()
        .context("no command given")?;
    let server = provide()?;
    let mut command = Command::new(program);
    command
        .args(rest)
        .env(URL_VARIABLE, server.url())
        .env(REQUIRE_VARIABLE, "1");
    let result = process::run(&mut command);
    server.stop()?;
    result
}

/// A server for tests: one that somebody named in the environment, or a throw-away one.
pub(crate) enum Server {
    /// Named in the environment; not ours to stop.
    Given(String),
    /// Started here.
    Started(Cluster),
}

/// Provides a server, installing PostgreSQL if it must.
pub(crate) fn provide() -> Result<Server> {
    if let Some(url) = std::env::var_os(URL_VARIABLE).and_then(|url| url.into_string().ok()) {
        println!("xtask: using the PostgreSQL server that {URL_VARIABLE} names");
        return Ok(Server::Given(url));
    }
    Cluster::start(&Binaries::find_or_install()?).map(Server::Started)
}

impl Server {
    /// Returns the URL of the server's own database, without a password.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Given(url) => url.clone(),
            Self::Started(cluster) => cluster.url("postgres"),
        }
    }

    /// Stops the server if it was started here.
    pub(crate) fn stop(self) -> Result<()> {
        match self {
            Self::Given(_) => Ok(()),
            Self::Started(cluster) => cluster.stop(),
        }
    }
}
