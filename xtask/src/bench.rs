//! `cargo xtask bench`: what a certificate costs and how cost grows, in a release build.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::clients::tools::FULCIO;
use crate::postgres::{self, URL_VARIABLE};
use crate::{process, workspace};

/// What `cargo xtask bench` can be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Seconds of each run
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How many clients, such as 1,16,64
    #[arg(long, default_value = "1,16,64,256")]
    clients: String,
    /// The largest log of the second part; 0 leaves it out
    #[arg(long, default_value_t = 10_000_000)]
    upto: u64,
    /// Where results and charts go
    #[arg(long, default_value = "docs/bench")]
    out: PathBuf,
}

/// Builds for release, starts PostgreSQL, and measures; beside the real Fulcio where Go can build it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    process::run(workspace::cargo("build").args([
        "--release",
        "--locked",
        "--package=chancery",
        "--package=chancery-tests",
    ]))?;
    let built = workspace::target().join("release");
    let out = workspace::root().join(&arguments.out);
    let server = postgres::provide()?;
    let mut bench = Command::new(built.join("chancery-bench"));
    bench
        .arg("issue")
        .arg("--binary")
        .arg(built.join("chancery"))
        .args(["--seconds", &arguments.seconds.to_string()])
        .args(["--clients", &arguments.clients])
        .arg("--out")
        .arg(&out)
        .env(URL_VARIABLE, server.url());
    match FULCIO.get() {
        Ok(program) => {
            bench.arg("--fulcio").arg(program);
        }
        Err(why) => println!("without Fulcio: {why:#}"),
    }
    let result = process::run(&mut bench);
    server.stop()?;
    result?;
    if arguments.upto == 0 {
        return Ok(());
    }
    let mut scale = Command::new(built.join("chancery-bench"));
    scale.args(["scale", "--upto", &arguments.upto.to_string()]);
    process::run(scale.arg("--out").arg(&out))
}
