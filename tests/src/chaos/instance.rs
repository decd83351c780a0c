//! Instances as operators make them: `init`, `init --join`, and an identity configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::ensure;
use serde_json::json;

use super::Options;
use super::process::{Launch, steady_port};
use crate::issuer::Issuer;

/// The log's name in its URL.
pub(crate) const LOG: &str = "chaos";

/// The ledger's host name, and so the first line of its checkpoints.
pub(crate) const LEDGER: &str = "rekor.example.org";

/// Which guard an instance has.
#[derive(Clone, Debug)]
pub(crate) enum Guard {
    /// A file in the first replica's folder.
    File,
}

/// Makes instances for one scenario.
#[derive(Debug)]
pub(crate) struct Maker<'a> {
    pub(crate) options: &'a Options,
    pub(crate) issuer: &'a Issuer,
    pub(crate) guard: Guard,
}

impl Maker<'_> {
    /// Makes a new instance in `folder`; `database` is a URL, or SQLite in the folder.
    pub(crate) fn found(&self, folder: &Path, database: Option<&str>) -> anyhow::Result<Launch> {
        fs::create_dir_all(folder)?;
        self.init(folder, database, &[])?;
        self.launch(folder)
    }

    /// Makes another replica of the instance in `first`.
    pub(crate) fn join(
        &self,
        first: &Path,
        folder: &Path,
        database: &str,
    ) -> anyhow::Result<Launch> {
        for room in ["ca", "log", "tsa", "trust", "secrets"] {
            copy_room(&first.join(room), &folder.join(room))?;
        }
        let guard = first.join("guard");
        let more = match self.guard {
            Guard::File => vec!["--join".into(), "--guard".into(), guard.into_os_string()],
        };
        self.init(folder, Some(database), &more)?;
        self.launch(folder)
    }

    fn init(
        &self,
        folder: &Path,
        database: Option<&str>,
        more: &[std::ffi::OsString],
    ) -> anyhow::Result<()> {
        let mut command = Command::new(&self.options.binary);
        command
            .args(["init", "--url", "https://ca.example.org"])
            .args(["--log-read", "open", "--log-name", LOG, "--ledger", LEDGER])
            .args(more)
            .current_dir(folder)
            .stdin(Stdio::null())
            .env_remove("CHANCERY_DATABASE");
        if let Some(database) = database {
            command.args(["--database", database]);
        }
        let output = command.output()?;
        ensure!(
            output.status.success(),
            "init failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        take_all_entries(&folder.join("chancery.yaml"))?;
        Ok(fs::write(
            folder.join("identity.yaml"),
            self.identity_configuration()?,
        )?)
    }

    /// The issuer's keys stand in the configuration, so that nobody is asked for them. JSON is
    /// YAML.
    fn identity_configuration(&self) -> anyhow::Result<String> {
        let url = self.issuer.url();
        let keys = json!({ "keys": [self.issuer.jwk("es256")?] });
        let entry = json!({
            "issuer-url": url, "client-id": "sigstore", "type": "email",
            "allow-http": true, "jwks": keys,
        });
        Ok(json!({ "oidc-issuers": { url: entry } }).to_string())
    }

    fn launch(&self, folder: &Path) -> anyhow::Result<Launch> {
        Ok(Launch {
            binary: self.options.binary.clone(),
            folder: folder.to_owned(),
            port: steady_port()?,
            admin: steady_port()?,
            wrapper: Vec::new(),
            environment: Vec::new(),
            events: "warn",
        })
    }
}

/// Lets the ledger take whatever the clients can send.
fn take_all_entries(config: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(config)?;
    let rate = "  per-second: 200\n";
    ensure!(text.contains(rate), "no rate in {text}");
    let more = text.replace(rate, "  per-second: 100000\n");
    Ok(fs::write(config, more)?)
}

fn copy_room(from: &Path, to: &PathBuf) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}
