//! A whole `cosign sign-blob`: certificate, timestamp and entry of one instance, beside the same of
//! servers that answer at once. What is between the two is what a server costs a person who signs.

mod stub;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use chancery_tests::client::Client;
use chancery_tests::issuer::Issuer;
use clap::Args;
use serde::Serialize;

use crate::report::machine;
use crate::subject::{Kind, Subject};
use stub::Stub;

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The `chancery` binary.
    #[arg(long)]
    binary: PathBuf,
    /// The `cosign` binary.
    #[arg(long)]
    cosign: PathBuf,
    /// How often each of the two is run, in turns.
    #[arg(long, default_value_t = 31)]
    runs: usize,
    /// Where to write the results, as JSON.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Milliseconds from start to exit, run by run.
#[derive(Debug, Default, Serialize)]
struct Results {
    machine: String,
    load_average: String,
    chancery_ms: Vec<f64>,
    at_once_ms: Vec<f64>,
}

/// Measures, prints, and writes.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let issuer = Issuer::start().await?;
    let chancery = arguments.binary.canonicalize()?;
    let subject = Subject::start_with_ledger(Kind::Sqlite, &chancery, &issuer)
        .await?
        .context("SQLite needs nothing else")?;
    let port = subject.ports[0];
    let client = Client::new(&format!("http://localhost:{port}"))?;
    let config = client.get("/signing_config.v0.2.json").await?.body;
    let root = client.get("/trusted_root.json").await?.body;
    let stub = Stub::start().await?;
    let instead = format!("localhost:{}", stub.port());
    let stub_config = config.replace(&format!("localhost:{port}"), &instead);
    let stub_root = stub.trusted_root(&root)?;

    let cosign = arguments.cosign.canonicalize()?;
    let ours = Signer::new(&cosign, &issuer, &config, &root)?;
    let at_once = Signer::new(&cosign, &issuer, &stub_config, &stub_root)?;
    let mut results = Results {
        machine: machine(),
        ..Results::default()
    };
    // The first ones load the program from the disk.
    ours.sign().await?;
    at_once.sign().await?;
    for number in 0..arguments.runs {
        if number % 2 == 0 {
            results.chancery_ms.push(ours.sign().await?);
            results.at_once_ms.push(at_once.sign().await?);
        } else {
            results.at_once_ms.push(at_once.sign().await?);
            results.chancery_ms.push(ours.sign().await?);
        }
    }
    subject.stop().await?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.trim_end().clone_into(&mut results.load_average);
    results.print();
    match &arguments.out {
        Some(folder) => results.write(folder),
        None => Ok(()),
    }
}

impl Results {
    fn print(&self) {
        println!(
            "{}\nload of the machine: {}",
            self.machine, self.load_average
        );
        for (name, times) in [
            ("Chancery, SQLite", &self.chancery_ms),
            ("servers that answer at once", &self.at_once_ms),
        ] {
            println!(
                "cosign sign-blob, {name}: median {:.1} ms, least {:.1}, most {:.1}, {} runs",
                at(times, 0.5),
                at(times, 0.0),
                at(times, 1.0),
                times.len()
            );
        }
        let pairs = self.chancery_ms.iter().zip(&self.at_once_ms);
        let ratios: Vec<_> = pairs.map(|(ours, at_once)| ours / at_once).collect();
        println!(
            "ratio of the medians {:.3}; of the pairs: median {:.3}, quartiles {:.3} and {:.3}",
            at(&self.chancery_ms, 0.5) / at(&self.at_once_ms, 0.5),
            at(&ratios, 0.5),
            at(&ratios, 0.25),
            at(&ratios, 0.75)
        );
    }

    fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join("cosign.json");
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        std::fs::write(&path, json).with_context(|| path.display().to_string())
    }
}

/// Cosign with what it is configured with.
struct Signer {
    cosign: PathBuf,
    folder: tempfile::TempDir,
}

impl Signer {
    fn new(
        cosign: &Path,
        issuer: &Issuer,
        signing_config: &str,
        trusted_root: &str,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let email = "person@example.com";
        let spec = serde_json::json!({
            "claims": { "sub": email, "email": email, "email_verified": true },
        });
        let token = issuer.mint(&serde_json::from_value(spec)?)?;
        for (name, contents) in [
            ("signing_config.json", signing_config),
            ("trusted_root.json", trusted_root),
            ("token", &token),
            ("blob", "a file to sign\n"),
        ] {
            std::fs::write(folder.path().join(name), contents)?;
        }
        Ok(Self {
            cosign: cosign.to_owned(),
            folder,
        })
    }

    /// Signs once, and returns the milliseconds that it took.
    async fn sign(&self) -> anyhow::Result<f64> {
        let mut command = Command::new(&self.cosign);
        command
            .args(["sign-blob", "--yes", "--signing-config=signing_config.json"])
            .args(["--trusted-root=trusted_root.json", "--identity-token=token"])
            .args(["--bundle=bundle.json", "blob"])
            .current_dir(self.folder.path())
            // No trust root, token or configuration of the person who runs this.
            .env_clear()
            .env("HOME", self.folder.path())
            .stdin(Stdio::null());
        let (output, time) = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let output = command.output();
            (output, begun.elapsed())
        })
        .await?;
        let output = output?;
        anyhow::ensure!(
            output.status.success(),
            "cosign: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(ms(time))
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Returns the value that `share` of all do not exceed.
fn at(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    let place = (values.len().saturating_sub(1) as f64 * share).round() as usize;
    values.get(place).copied().unwrap_or(f64::NAN)
}
