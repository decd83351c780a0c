//! `chancery-bench`: what a certificate, an entry of the ledger and a timestamp cost, beside the
//! cryptographic floor of the same run and beside the real ones; and how cost grows with the log.

mod chart;
mod cosign;
mod files;
mod measure;
mod report;
mod scale;
mod signing;
mod subject;

use std::path::PathBuf;
use std::time::Duration;

use chancery_tests::floor::Floor;
use chancery_tests::issuer::Issuer;
use clap::{Args, Parser, Subcommand};

use crate::report::Report;
use crate::subject::{Kind, Programs, Subject};

#[derive(Debug, Parser)]
#[command(about = "Measures. Use a release build and a quiet machine; ratios count, not times")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What a certificate costs.
    Issue(Issue),
    /// How start, append and proofs grow with the log.
    Scale(scale::Arguments),
    /// What a whole signature with cosign takes.
    Cosign(cosign::Arguments),
    /// How fast many files are signed, beside what the server allows.
    Files(files::Arguments),
    /// What the rest of a signature costs: an entry in the ledger, and a timestamp.
    Signing(signing::Arguments),
}

#[derive(Args, Debug)]
struct Issue {
    /// The `chancery` binary.
    #[arg(long)]
    binary: PathBuf,
    /// Fulcio's binary, to compare with.
    #[arg(long)]
    fulcio: Option<PathBuf>,
    /// Seconds of each run.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How many clients.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    clients: Vec<usize>,
    /// Where to write the results, as JSON and as charts.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Issue(arguments) => issue(arguments).await,
        Command::Scale(arguments) => scale::run(arguments).await,
        Command::Cosign(arguments) => cosign::run(arguments).await,
        Command::Files(arguments) => files::run(arguments).await,
        Command::Signing(arguments) => signing::run(arguments).await,
    }
}

async fn issue(arguments: Issue) -> anyhow::Result<()> {
    let programs = Programs {
        chancery: arguments.binary.canonicalize()?,
        fulcio: arguments.fulcio.map(std::fs::canonicalize).transpose()?,
    };
    let issuer = Issuer::start().await?;
    let mut report = Report::new(Floor::measure()?, Floor::measure_busy()?);
    report.print_head();
    for kind in Kind::ALL {
        for &clients in &arguments.clients {
            let Some(subject) = Subject::start(kind, &programs, &issuer).await? else {
                println!("{}: left out, it is not installed", kind.name());
                break;
            };
            let time = Duration::from_secs(arguments.seconds);
            let measured = measure::measure(kind, &subject, &issuer, clients, time).await?;
            subject.stop().await?;
            report.add(measured);
        }
    }
    // Once more: a machine that became slower or faster meanwhile shows here.
    report.finish(Floor::measure_busy()?);
    match &arguments.out {
        Some(folder) => report.write(folder),
        None => Ok(()),
    }
}
