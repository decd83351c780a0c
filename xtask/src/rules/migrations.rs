//! Migrations: a file that was committed is never changed or removed.
//!
//! A database in the field remembers the checksum of what it ran; an edited file would stop it.

use std::process::Command;

use anyhow::Result;

use crate::process::run_quietly;
use crate::workspace;

/// Returns the migrations that history or the working tree changed after their first commit.
pub(super) fn check() -> Result<Vec<String>> {
    if run_quietly(&mut git(&["rev-parse", "--verify", "HEAD"])).is_err() {
        println!("no git history here: unchanged migrations are taken on trust");
        return Ok(Vec::new());
    }
    let filter = ["--no-renames", "--diff-filter=MDT", "--name-only"];
    let committed = run_quietly(
        git(&["log", "--format="])
            .args(filter)
            .args(["--", "migrations"]),
    )?;
    let pending = run_quietly(
        git(&["diff", "HEAD"])
            .args(filter)
            .args(["--", "migrations"]),
    )?;
    let mut changed: Vec<_> = committed
        .lines()
        .chain(pending.lines())
        .map(str::to_owned)
        .collect();
    changed.retain(|name| !name.is_empty());
    changed.sort();
    changed.dedup();
    Ok(changed
        .iter()
        .map(|name| format!("{name}: a migration was changed; add one"))
        .collect())
}

fn git(arguments: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.args(arguments).current_dir(workspace::root());
    git
}
