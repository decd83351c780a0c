//! `chancery-chaos`: faults under load, and what the log is worth afterwards.

use std::path::PathBuf;
use std::process::ExitCode;

use chancery_tests::chaos::{NAMES, Options, Outcome, Programs, Row, SHORT, print_table, run};
use clap::Parser;

#[derive(Debug, Parser)]
#[command(about = "Kills, freezes and starves replicas under load, then verifies the whole log")]
struct Arguments {
    /// The `chancery` binary.
    #[arg(long)]
    binary: PathBuf,
    /// The folder of PostgreSQL's programs; without it, its scenarios are left out.
    #[arg(long)]
    postgres: Option<PathBuf>,
    /// The user and group that PostgreSQL runs as, if this is root: UID:GID.
    #[arg(long, value_parser = account)]
    postgres_account: Option<(u32, u32)>,
    /// A few seconds for each scenario, and only those that are worth it.
    #[arg(long)]
    short: bool,
    /// Where random choices come from; by default another one each time.
    #[arg(long)]
    seed: Option<u64>,
    /// Which to run; all of them if none is named.
    scenarios: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let options = Options {
        binary: std::path::absolute(arguments.binary)?,
        postgres: arguments.postgres.map(|folder| Programs {
            folder,
            account: arguments.postgres_account,
        }),
        seed: arguments.seed.unwrap_or_else(rand::random),
        short: arguments.short,
    };
    let wanted: Vec<&str> = match arguments.scenarios.as_slice() {
        [] if options.short => SHORT.to_vec(),
        [] => NAMES.to_vec(),
        some => some.iter().map(String::as_str).collect(),
    };
    let mut outcomes = Vec::new();
    for name in wanted {
        println!("==> {name} (seed {})", options.seed);
        let begun = std::time::Instant::now();
        let outcome = run(name, &options).await.unwrap_or_else(|e| {
            Outcome::Ran(Row {
                failures: vec![format!("{e:#}")],
                ..Row::default()
            })
        });
        println!("    {:.1} s", begun.elapsed().as_secs_f64());
        outcomes.push((name, outcome));
    }
    let passed = print_table(options.seed, &outcomes);
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn account(text: &str) -> Result<(u32, u32), String> {
    let parsed = text.split_once(':').and_then(|(uid, gid)| {
        let uid = uid.parse().ok()?;
        Some((uid, gid.parse().ok()?))
    });
    parsed.ok_or_else(|| "UID:GID, in digits".to_owned())
}
