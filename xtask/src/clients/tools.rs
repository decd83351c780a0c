//! The clients themselves, built or installed once for each version.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::outside;
use crate::process::{run, run_quietly};
use crate::workspace;

const COSIGN_VERSION: &str = "v3.1.3";
const SIGSTORE_VERSION: &str = "4.5.1";

/// Names the folder with ctfsck's source, if it is not beside the workspace.
const CTFSCK_VARIABLE: &str = "CHANCERY_CTFSCK";

/// Returns cosign's program.
pub(super) fn cosign() -> Result<PathBuf> {
    let folder = clients().join(format!("cosign-{COSIGN_VERSION}"));
    let program = folder.join("cosign");
    if !program.is_file() {
        println!("building cosign {COSIGN_VERSION}");
        let mut go = Command::new("go");
        go.arg("install")
            .arg(format!(
                "github.com/sigstore/cosign/v3/cmd/cosign@{COSIGN_VERSION}"
            ))
            .env("GOBIN", &folder);
        run_quietly(&mut go).context("cosign cannot be built; it needs Go")?;
    }
    Ok(program)
}

/// Returns ctfsck's program, built from its source at every run (a second, if nothing changed).
pub(super) fn ctfsck() -> Result<PathBuf> {
    let source = match std::env::var_os(CTFSCK_VARIABLE) {
        Some(folder) => PathBuf::from(folder),
        None => workspace::root().join("../shared/ctfsck"),
    };
    if !source.join("main.go").is_file() {
        bail!(
            "no source of ctfsck in {}; set {CTFSCK_VARIABLE}",
            source.display()
        );
    }
    let program = clients().join("ctfsck");
    let mut go = Command::new("go");
    go.args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(&source);
    run_quietly(&mut go).context("ctfsck cannot be built; it needs Go")?;
    Ok(program)
}

/// A Python with sigstore-python, and with the `cryptography` that our own scripts use.
pub(super) struct Python {
    program: PathBuf,
}

impl Python {
    /// Makes the virtual environment, or finds it finished.
    pub(super) fn with_sigstore() -> Result<Self> {
        let folder = clients().join(format!("sigstore-{SIGSTORE_VERSION}"));
        let requirements = outside().join("requirements.txt");
        let wanted = fs::read(&requirements).context("cannot read the Python requirements")?;
        let installed = folder.join("installed.txt");
        let program = folder.join("bin/python");
        if fs::read(&installed).ok().as_ref() != Some(&wanted) {
            println!("installing sigstore-python {SIGSTORE_VERSION}");
            make_environment(&folder, &requirements)
                .context("sigstore-python cannot be installed; it needs Python 3.10 or newer")?;
            // Written last: without it the environment counts as unfinished.
            fs::write(&installed, wanted)?;
        }
        Ok(Self { program })
    }

    /// Returns a command that runs a script.
    pub(super) fn script(&self, script: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("-B").arg(script);
        command
    }
}

fn make_environment(folder: &Path, requirements: &Path) -> Result<()> {
    let mut venv = Command::new("python3");
    run_quietly(venv.args(["-m", "venv", "--clear"]).arg(folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ]);
    run(pip.arg(requirements))
}

fn clients() -> PathBuf {
    workspace::target().join("clients")
}
