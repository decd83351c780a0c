//! `cargo xtask fuzz`: throws inputs that nobody thought of at every reader of foreign bytes.
//!
//! The targets are in `fuzz`, a workspace of its own. They are built for libFuzzer by the toolchain
//! that builds everything else; all that `cargo fuzz` would add needs a nightly one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::{line, run as run_command, run_quietly};
use crate::workspace;

/// What `cargo xtask fuzz` can be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Seconds of each target
    #[arg(long, default_value_t = 60)]
    seconds: u32,

    /// The targets to run; all of them if none is named
    targets: Vec<String>,
}

/// Each has a file of this name in `fuzz/src`, and a folder in `fuzz/seeds`.
const TARGETS: [&str; 16] = [
    "bundle",
    "csr",
    "identity_config",
    "jwks",
    "ledger",
    "ledger_grpc",
    "public_key",
    "request",
    "submitted_chain",
    "template",
    "timestamp",
    "tlog_proof",
    "token",
    "trust_metadata",
    "trusted_root",
    "witness",
];

/// What lets libFuzzer see which code an input reached, and what it was compared with.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Seconds after which an input counts as a finding. The slowest honest one takes a tenth.
const TOO_SLOW: u32 = 10;

/// The longest input in octets; as large as tokens may be.
const LONGEST: usize = 16 << 10;

/// Builds the targets, runs each for its time, and fails if any found something.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let targets = choose(&arguments.targets)?;
    let built = build()?;
    let found: Vec<_> = targets
        .into_iter()
        .map(|target| {
            println!("\n==> {target}, {} s", arguments.seconds);
            fuzz(&built, target, arguments.seconds).map(|clean| (target, clean))
        })
        .collect::<Result<_>>()?;
    let findings: Vec<_> = found
        .iter()
        .filter(|(_, clean)| !clean)
        .map(|(target, _)| *target)
        .collect();
    if !findings.is_empty() {
        bail!("findings in {}", findings.join(", "));
    }
    Ok(())
}

fn choose(wanted: &[String]) -> Result<Vec<&'static str>> {
    if let Some(unknown) = wanted.iter().find(|name| !TARGETS.contains(&name.as_str())) {
        bail!(
            "no target is called `{unknown}`; there are {}",
            TARGETS.join(", ")
        );
    }
    let chosen = |target: &&str| wanted.is_empty() || wanted.iter().any(|name| name == target);
    Ok(TARGETS.into_iter().filter(chosen).collect())
}

/// Builds for the host by its name: only so are build scripts and macros left as they are.
fn build() -> Result<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = run_quietly(Command::new(rustc).arg("-vV"))?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("`rustc -vV` names no host")?;
    let target = home();
    run_command(
        workspace::cargo("build")
            .args(["--release", "--locked", "--target", host])
            .args(["--manifest-path", "fuzz/Cargo.toml"])
            .arg("--target-dir")
            .arg(&target)
            .env("RUSTFLAGS", COVERAGE),
    )?;
    Ok(target.join(host).join("release"))
}

/// Runs one target; says whether it found nothing.
fn fuzz(built: &Path, target: &str, seconds: u32) -> Result<bool> {
    let (corpus, findings) = (folder("corpus", target)?, folder("findings", target)?);
    let mut fuzzer = Command::new(built.join(target));
    fuzzer
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={TOO_SLOW}"))
        .arg(format!("-max_len={LONGEST}"))
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .arg("-print_final_stats=1")
        .arg("-verbosity=0")
        .arg(corpus)
        .args(seeds(target)?)
        .current_dir(workspace::root());
    let status = fuzzer
        .status()
        .with_context(|| format!("cannot start `{}`", line(&fuzzer)))?;
    if !status.success() {
        eprintln!(
            "==> {target} found something; its input is the newest in {}. To run it again:\n    {} INPUT",
            findings.display(),
            built.join(target).display()
        );
    }
    Ok(status.success())
}

/// Returns the folders with the first inputs of a target.
fn seeds(target: &str) -> Result<Vec<PathBuf>> {
    let root = workspace::root();
    let mut seeds = vec![root.join("fuzz/seeds").join(target)];
    match target {
        "identity_config" => seeds.push(root.join("config/issuers")),
        "template" => seeds.push(recorded_templates()?),
        _ => (),
    }
    Ok(seeds)
}

/// Writes the templates that were recorded from Go into a file each.
fn recorded_templates() -> Result<PathBuf> {
    let seeds = folder("seeds", "template")?;
    for name in ["recorded.json", "probes.json"] {
        let file = workspace::root()
            .join("crates/chancery-template/tests/go")
            .join(name);
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let corpus: Value = serde_json::from_str(&text)?;
        let cases = corpus["cases"].as_array().context("it has no cases")?;
        for (index, case) in cases.iter().enumerate() {
            let template = case["template"].as_str().context("it has no template")?;
            fs::write(seeds.join(format!("{name}-{index}")), template)?;
        }
    }
    Ok(seeds)
}

/// Returns the fuzzer's own part of the folder of build products.
fn home() -> PathBuf {
    workspace::target().join("fuzz")
}

fn folder(kind: &str, target: &str) -> Result<PathBuf> {
    let folder = home().join(kind).join(target);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::{TARGETS, choose};
    use crate::workspace;

    /// The names in a folder of `fuzz`, without extension.
    fn names(folder: &str) -> BTreeSet<String> {
        fs::read_dir(workspace::root().join("fuzz").join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_owned())
            .map(|name| name.into_string().unwrap())
            .collect()
    }

    #[test]
    fn every_target_has_a_binary_and_seeds_and_there_are_no_others() {
        let known = TARGETS.map(str::to_owned).into();
        assert_eq!(names("targets"), known);
        assert_eq!(names("seeds"), known);
    }

    #[test]
    fn only_the_named_targets_run_and_an_unknown_name_is_refused() {
        assert_eq!(choose(&[]).unwrap(), TARGETS);
        assert_eq!(choose(&["token".into()]).unwrap(), ["token"]);
        let refused = choose(&["tokens".into()]).unwrap_err().to_string();
        assert!(
            refused.starts_with("no target is called `tokens`"),
            "{refused}"
        );
    }
}
