//! `cargo xtask chaos`: faults under load, and the whole log verified after.

use std::process::Command;

use anyhow::Result;

use crate::postgres::Binaries;
use crate::{process, workspace};

/// What `cargo xtask chaos` can be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A few seconds each, in a debug build; without names only those that are worth it
    #[arg(long)]
    short: bool,

    /// Where random choices come from, to repeat a run; by default another one each time
    #[arg(long)]
    seed: Option<u64>,

    /// The scenarios to run; all of them if none is named
    scenarios: Vec<String>,
}

/// Builds, and runs the scenarios with a PostgreSQL that they can stop, freeze and copy.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut build = workspace::cargo("build");
    build.args(["--locked", "--package=chancery", "--package=chancery-tests"]);
    // Loads and times count in the full form.
    let profile = if arguments.short {
        "debug"
    } else {
        build.arg("--release");
        "release"
    };
    process::run(&mut build)?;
    let built = workspace::target().join(profile);
    let postgres = Binaries::find_or_install()?;
    let mut chaos = Command::new(built.join("chancery-chaos"));
    chaos
        .arg("--binary")
        .arg(built.join("chancery"))
        .arg("--postgres")
        .arg(postgres.folder());
    if let Some(account) = postgres.account() {
        let account = format!("{}:{}", account.uid, account.gid);
        chaos.args(["--postgres-account", &account]);
    }
    if arguments.short {
        chaos.arg("--short");
    }
    if let Some(seed) = arguments.seed {
        chaos.args(["--seed", &seed.to_string()]);
    }
    process::run(chaos.args(&arguments.scenarios))
}

/// The short form, as a step of `ci`.
pub(crate) fn short() -> Result<()> {
    run(&Arguments {
        short: true,
        seed: None,
        scenarios: Vec::new(),
    })
}
