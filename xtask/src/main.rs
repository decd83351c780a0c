//! The project's own chores: `cargo xtask <command>`.

mod bench;
mod chaos;
mod ci;
mod clients;
mod deny;
mod fuzz;
mod postgres;
mod process;
mod rules;
mod steps;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The command line of `cargo xtask`.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "The project's own chores",
    disable_version_flag = true
)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Runs every test, on SQLite and on PostgreSQL
    Test(test::Arguments),
    /// Measures what a certificate costs, on SQLite and PostgreSQL
    Bench(bench::Arguments),
    /// Kills, freezes and starves replicas under load, then verifies the whole log
    Chaos(chaos::Arguments),
    /// Runs a command beside a throw-away PostgreSQL server
    Postgres(postgres::Arguments),
    /// Runs everything that must hold before a change lands
    Ci(ci::Arguments),
    /// Runs real Sigstore clients and independent checkers against `chancery dev`
    Clients(clients::Arguments),
    /// Feeds made-up inputs to every reader of foreign bytes; no part of `ci`
    Fuzz(fuzz::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Test(arguments) => test::run(&arguments),
        Chore::Bench(arguments) => bench::run(&arguments),
        Chore::Chaos(arguments) => chaos::run(&arguments),
        Chore::Postgres(arguments) => postgres::run(&arguments),
        Chore::Ci(arguments) => ci::run(&arguments),
        Chore::Clients(arguments) => clients::run(&arguments),
        Chore::Fuzz(arguments) => fuzz::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
