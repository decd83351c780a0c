//! `chancery-bench`: what a certificate costs, beside the cryptographic floor of the same run.

use std::path::PathBuf;
use std::time::Duration;

use chancery_tests::floor::Floor;
use chancery_tests::load::{Bounds, Outcome, run};
use chancery_tests::postgres::TestPostgres;
use chancery_tests::server::{Server, Usage};
use clap::Parser;

const CLIENTS: [usize; 3] = [1, 16, 64];

#[derive(Debug, Parser)]
#[command(
    about = "Measures what a certificate costs. Use a release build; ratios count, not times"
)]
struct Arguments {
    /// The `chancery` binary.
    #[arg(long)]
    binary: PathBuf,
    /// Seconds of each run.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    print_floor("one core busy", &Floor::measure()?);
    let floor = Floor::measure_busy()?;
    print_floor("every core busy", &floor);
    println!();
    println!(
        "{:>10} {:>7} {:>8} {:>8} {:>8} {:>9} {:>7} {:>8} {:>8}",
        "database",
        "clients",
        "certs/s",
        "p50 ms",
        "p99 ms",
        "CPU us",
        "floor %",
        "RSS MiB",
        "issued"
    );
    for clients in CLIENTS {
        measure(&arguments, "SQLite", None, clients, &floor).await?;
    }
    for clients in CLIENTS {
        let Some(database) = TestPostgres::create().await? else {
            break;
        };
        measure(
            &arguments,
            "PostgreSQL",
            Some(database.url()),
            clients,
            &floor,
        )
        .await?;
        database.drop().await?;
    }
    println!(
        "\nfloor % = the floor's processor time, every core busy, over the server's own, for one \
         certificate"
    );
    Ok(())
}

async fn measure(
    arguments: &Arguments,
    name: &str,
    database: Option<&str>,
    clients: usize,
    floor: &Floor,
) -> anyhow::Result<()> {
    let server = Server::start(&arguments.binary, database).await?;
    let warm = Bounds {
        count: 200,
        time: Duration::from_secs(10),
    };
    run(server.url(), clients, warm).await?;

    let before = server.usage()?;
    let bounds = Bounds {
        count: u64::MAX,
        time: Duration::from_secs(arguments.seconds),
    };
    let outcome = run(server.url(), clients, bounds).await?;
    let after = server.usage()?;
    print_row(name, clients, &outcome, before, after, floor);
    server.stop()?;
    Ok(())
}

fn print_row(
    name: &str,
    clients: usize,
    outcome: &Outcome,
    before: Usage,
    after: Usage,
    floor: &Floor,
) {
    let each = (after.cpu - before.cpu).as_secs_f64() / outcome.issued as f64;
    println!(
        "{name:>10} {clients:>7} {:>8.0} {:>8.2} {:>8.2} {:>9.0} {:>7.0} {:>8.1} {:>8}",
        outcome.rate(),
        outcome.percentile(0.5).as_secs_f64() * 1e3,
        outcome.percentile(0.99).as_secs_f64() * 1e3,
        each * 1e6,
        floor.total().as_secs_f64() / each * 100.0,
        after.resident as f64 / f64::from(1 << 20),
        outcome.issued,
    );
}

fn print_floor(when: &str, floor: &Floor) {
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "cryptographic floor of one certificate, {when}: {:.0} us = RS256 token {:.0} + P-256 proof \
         {:.0} + three P-256 signatures {:.0} + hashing {:.0}",
        us(floor.total()),
        us(floor.token),
        us(floor.proof),
        us(floor.signatures),
        us(floor.hashing)
    );
}
