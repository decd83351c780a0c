//! Running other programs, and saying which one failed.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Runs a command whose output belongs on the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

/// Runs a command whose output matters only when it fails, and returns what it wrote to stdout.
pub(crate) fn run_quietly(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{line}`"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` ended with {}\n{stdout}{stderr}", output.status);
    }
    Ok(stdout)
}

/// Returns a pip command that installs the wheels of `xtask/requirements/<requirements>`, pinned
/// by their hashes; the caller says where to.
pub(crate) fn pip_wheel(requirements: &str) -> Command {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps"])
        .args([
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--requirement",
        ])
        .arg(
            workspace::root()
                .join("xtask/requirements")
                .join(requirements),
        );
    pip
}

/// Returns the path of a program, looked up as a shell would.
pub(crate) fn find_in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// Says whether this process runs as root, by who owns a file that it makes.
pub(crate) fn is_root() -> bool {
    tempfile::tempfile()
        .and_then(|file| file.metadata())
        .is_ok_and(|metadata| metadata.uid() == 0)
}

/// Returns a command as a person would type it.
pub(crate) fn line(command: &Command) -> String {
    let mut line = OsString::from(command.get_program());
    for argument in command.get_args() {
        line.push(" ");
        line.push(argument);
    }
    line.to_string_lossy().into_owned()
}
