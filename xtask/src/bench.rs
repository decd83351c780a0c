//! `cargo xtask bench`: what a certificate costs, in a release build, beside the cryptographic floor.

use std::process::Command;

use anyhow::Result;

use crate::postgres::{self, URL_VARIABLE};
use crate::{process, workspace};

/// What `cargo xtask bench` can be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Seconds of each run
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

/// Builds for release, starts PostgreSQL, and measures.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    process::run(workspace::cargo("build").args([
        "--release",
        "--locked",
        "--package=chancery",
        "--package=chancery-tests",
    ]))?;
    let server = postgres::provide()?;
    let built = workspace::target().join("release");
    let mut bench = Command::new(built.join("chancery-bench"));
    bench
        .arg("--binary")
        .arg(built.join("chancery"))
        .args(["--seconds", &arguments.seconds.to_string()])
        .env(URL_VARIABLE, server.url());
    let result = process::run(&mut bench);
    server.stop()?;
    result
}
