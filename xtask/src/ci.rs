//! `cargo xtask ci`: everything that must hold before a change lands.

use anyhow::Result;

use crate::steps::{Step, Steps};
use crate::{chaos, clients, deny, process, rules, test, workspace};

/// What `cargo xtask ci` can be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Leaves out the tests, because `cargo xtask test` has just run
    #[arg(long)]
    after_test: bool,

    /// The steps to run; all of them if none is named
    steps: Vec<String>,
}

/// The steps after the tests, cheap ones first.
const STEPS: [Step; 7] = [
    ("fmt", fmt),
    ("rules", rules::check),
    ("deny", deny::check),
    ("clippy", clippy),
    ("doc", doc),
    ("chaos", chaos::short),
    ("clients", clients::check_all),
];

/// Runs every step and fails with the names of those that failed.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let tests: [Step; 1] = [("test", || test::run(&test::Arguments::default()))];
    let first = if arguments.after_test {
        &[][..]
    } else {
        &tests
    };
    Steps::choose([first, &STEPS].concat(), &arguments.steps)?.run()
}

fn fmt() -> Result<()> {
    process::run(workspace::cargo("fmt").args(["--all", "--check"]))?;
    let apart = ["--manifest-path", "fuzz/Cargo.toml", "--check"];
    process::run(workspace::cargo("fmt").args(apart))
}

fn clippy() -> Result<()> {
    let mut cargo = workspace::cargo("clippy");
    cargo.args([
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]);
    process::run(&mut cargo)
}

fn doc() -> Result<()> {
    let mut cargo = workspace::cargo("doc");
    cargo
        .args(["--workspace", "--no-deps", "--locked"])
        .env("RUSTDOCFLAGS", "-D warnings");
    process::run(&mut cargo)
}
