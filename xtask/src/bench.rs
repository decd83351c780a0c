//! `cargo xtask bench`: what certificates, entries and timestamps cost and how cost grows, in a
//! release build.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::clients::tools::{COSIGN, FULCIO, REKOR_TILES, timestamp_server};
use crate::postgres::{self, URL_VARIABLE};
use crate::{process, workspace};

/// What `cargo xtask bench` can be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::ALL)]
    parts: Vec<Part>,
    /// Seconds of each run
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How many clients, such as 1,16,64
    #[arg(long, default_value = "1,16,64,256")]
    clients: String,
    /// How often the runs of `signing` are repeated, taking turns
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The largest log of the part `scale`
    #[arg(long, default_value_t = 10_000_000)]
    upto: u64,
    /// Where results and charts go
    #[arg(long, default_value = "docs/bench")]
    out: PathBuf,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Part {
    /// Certificates, beside Fulcio
    Issue,
    /// Entries of the ledger and timestamps, beside rekor-tiles and timestamp-authority
    Signing,
    /// A whole `cosign sign-blob`, beside the same against servers that answer at once
    Cosign,
    /// A thousand files by one `chancery sign`, beside what the server allows
    Files,
    /// Start, append and proofs of large logs
    Scale,
}

impl Part {
    const ALL: [Self; 5] = [
        Self::Issue,
        Self::Signing,
        Self::Cosign,
        Self::Files,
        Self::Scale,
    ];
}

/// Builds for release, starts PostgreSQL, and measures; beside the real ones where Go can build them.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    process::run(workspace::cargo("build").args([
        "--release",
        "--locked",
        "--package=chancery",
        "--package=chancery-tests",
    ]))?;
    let server = postgres::provide()?;
    let mut parts = arguments.parts.iter();
    let result = parts.try_for_each(|part| {
        let mut bench = command(*part, arguments)?;
        process::run(bench.env(URL_VARIABLE, server.url()))
    });
    server.stop()?;
    result
}

/// Returns how a part is run.
fn command(part: Part, arguments: &Arguments) -> Result<Command> {
    let built = workspace::target().join("release");
    let mut bench = Command::new(built.join("chancery-bench"));
    let seconds = arguments.seconds.to_string();
    let runs = ["--seconds", &seconds, "--clients", &arguments.clients];
    let chancery = built.join("chancery");
    match part {
        Part::Issue => {
            bench.arg("issue").args(runs);
            bench.arg("--binary").arg(chancery);
            compare(&mut bench, "--fulcio", FULCIO.get());
        }
        Part::Signing => {
            bench.arg("signing").args(runs);
            bench.arg("--binary").arg(chancery);
            bench.args(["--rounds", &arguments.rounds.to_string()]);
            compare(&mut bench, "--rekor", REKOR_TILES.get());
            compare(&mut bench, "--timestamp-server", timestamp_server());
        }
        Part::Cosign => {
            bench.arg("cosign").arg("--binary").arg(chancery);
            bench.arg("--cosign").arg(COSIGN.get()?);
        }
        Part::Files => {
            bench.arg("files").arg("--binary").arg(chancery);
            bench.args(["--rounds", &arguments.rounds.to_string()]);
        }
        Part::Scale => {
            bench.args(["scale", "--upto", &arguments.upto.to_string()]);
        }
    }
    bench
        .arg("--out")
        .arg(workspace::root().join(&arguments.out));
    Ok(bench)
}

fn compare(bench: &mut Command, flag: &str, program: Result<PathBuf>) {
    match program {
        Ok(program) => {
            bench.arg(flag).arg::<&Path>(&program);
        }
        Err(why) => println!("without {flag}: {why:#}"),
    }
}
