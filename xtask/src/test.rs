//! `cargo xtask test`: every test, on SQLite and on PostgreSQL.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::postgres::{self, REQUIRE_VARIABLE, URL_VARIABLE};
use crate::{process, workspace};

/// What `cargo xtask test` can be told.
#[derive(clap::Args, Default)]
pub(crate) struct Arguments {
    /// Leaves out every test that needs PostgreSQL
    #[arg(long)]
    without_postgres: bool,

    /// Passed on to `cargo test`
    #[arg(last = true)]
    cargo_arguments: Vec<String>,
}

/// Runs the tests; fails if one fails, or if PostgreSQL is wanted and cannot be had.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut cargo_test = workspace::cargo("test");
    cargo_test
        .args(["--workspace", "--locked"])
        .args(&arguments.cargo_arguments);

    if arguments.without_postgres {
        cargo_test
            .env_remove(URL_VARIABLE)
            .env_remove(REQUIRE_VARIABLE);
        let result = timed("tests", || process::run(&mut cargo_test));
        println!("\nLEFT OUT: every test on PostgreSQL (--without-postgres)");
        say_that_clients_are_left_out();
        return result;
    }

    let server = timed("PostgreSQL", postgres::provide)?;
    // A test that finds no server must fail here instead of leaving itself out.
    cargo_test
        .env(URL_VARIABLE, server.url())
        .env(REQUIRE_VARIABLE, "1");
    let result = timed("tests", || process::run(&mut cargo_test));
    timed("PostgreSQL's end", || server.stop())?;
    say_that_clients_are_left_out();
    result
}

fn timed<T>(phase: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let result = work();
    println!("xtask: {phase}: {:.1} s", start.elapsed().as_secs_f64());
    result
}

fn say_that_clients_are_left_out() {
    let missing: Vec<_> = ["go", "python3"]
        .into_iter()
        .filter(|program| process::run_quietly(&mut version(program)).is_err())
        .collect();
    println!("left out: the checks with real clients; run `cargo xtask clients` for them");
    if !missing.is_empty() {
        println!(
            "(they need Go and Python; not found here: {})",
            missing.join(", ")
        );
    }
}

fn version(program: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(if program == "go" {
        "version"
    } else {
        "--version"
    });
    command
}
