//! `chancery-load`: asks a development instance for certificates, or makes its log a long one.

use std::time::Duration;

use chancery_tests::fill::fill;
use chancery_tests::load::{Bounds, run};
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "Asks a development instance for certificates, or makes its log a long one")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Appends the first entry of a log again and again, while nobody has the log open.
    Fill {
        /// The instance's database.
        #[arg(long)]
        database: String,
        /// Entries in all.
        #[arg(long)]
        upto: u64,
    },
    /// Issues a number of certificates and says how long they took.
    Issue {
        /// The instance, on this machine.
        #[arg(long)]
        url: String,
        /// Certificates in all.
        #[arg(long, default_value_t = 1_000)]
        count: u64,
        /// Clients at once.
        #[arg(long, default_value_t = 16)]
        clients: usize,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Fill { database, upto } => fill(&database, upto).await,
        Command::Issue {
            url,
            count,
            clients,
        } => issue(&url, count, clients).await,
    }
}

async fn issue(url: &str, count: u64, clients: usize) -> anyhow::Result<()> {
    let bounds = Bounds {
        count,
        time: Duration::from_secs(300),
    };
    let outcome = run(url, clients, bounds).await?;
    anyhow::ensure!(
        outcome.issued == count,
        "only {} of {count} in time",
        outcome.issued
    );
    println!(
        "{} certificates in {:.2} s: {:.0} a second, p50 {:.2} ms, p99 {:.2} ms",
        outcome.issued,
        outcome.wall.as_secs_f64(),
        outcome.rate(),
        outcome.percentile(0.5).as_secs_f64() * 1e3,
        outcome.percentile(0.99).as_secs_f64() * 1e3,
    );
    Ok(())
}
