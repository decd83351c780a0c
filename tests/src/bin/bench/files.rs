//! A thousand files signed by one `chancery sign`, beside clients that ask the same server for the
//! same entries and timestamps and verify nothing: how much of what a server can do a signer gets.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use chancery_tests::client::Client;
use chancery_tests::issuer::Issuer;
use chancery_tests::usage::Usage;
use chancery_tests::wire::Connection;
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::report::machine;
use crate::signing::Requests;
use crate::subject::{Kind, Subject};

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The `chancery` binary.
    #[arg(long)]
    binary: PathBuf,
    /// How many files.
    #[arg(long, default_value_t = 1_000)]
    files: usize,
    /// How many signatures are under way at a time; of `chancery sign`, the default.
    #[arg(long, default_value_t = 32)]
    parallel: usize,
    /// How often each of the two is run, in turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where to write the results, as JSON.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// What came of one run.
#[derive(Clone, Copy, Debug, Serialize)]
struct Sample {
    per_second: f64,
    /// Processor time of the server for one signature, in microseconds.
    server_us: f64,
}

/// One database.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    /// `chancery sign`, from its start to its end.
    signed: Vec<Sample>,
    /// An entry and a timestamp at the same time, by clients that look at the status only.
    asked: Vec<Sample>,
}

#[derive(Debug, Serialize)]
struct Results {
    machine: String,
    load_average: String,
    files: usize,
    parallel: usize,
    rows: Vec<Row>,
}

/// Measures, prints, and writes.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let issuer = Issuer::start().await?;
    let chancery = arguments.binary.canonicalize()?;
    let mut rows = Vec::new();
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let Some(subject) = Subject::start_with_ledger(kind, &chancery, &issuer).await? else {
            println!("{}: left out, it is not installed", kind.name());
            continue;
        };
        let signer = Signer::new(&chancery, &subject, &issuer, arguments.files).await?;
        let mut row = Row {
            name: kind.name(),
            signed: Vec::new(),
            asked: Vec::new(),
        };
        for round in 0..arguments.rounds.max(1) {
            // Neither is always first.
            for signs in [round % 2 == 0, round % 2 == 1] {
                if signs {
                    let sign = signer.sign(arguments.parallel);
                    row.signed
                        .push(sample(&subject, arguments.files, sign).await?);
                } else {
                    let ready = clients(&subject, &issuer, arguments.parallel).await?;
                    let ask = ask(ready, arguments.files);
                    row.asked
                        .push(sample(&subject, arguments.files, ask).await?);
                }
            }
        }
        subject.stop().await?;
        rows.push(row);
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let results = Results {
        machine: machine(),
        load_average: load.trim_end().to_owned(),
        files: arguments.files,
        parallel: arguments.parallel,
        rows,
    };
    results.print();
    match &arguments.out {
        Some(folder) => results.write(folder),
        None => Ok(()),
    }
}

/// Times so many signatures.
async fn sample(
    subject: &Subject,
    signatures: usize,
    act: impl Future<Output = anyhow::Result<Duration>>,
) -> anyhow::Result<Sample> {
    let before = Usage::of(&subject.pids());
    let time = act.await?;
    let used = Usage::of(&subject.pids()) - &before;
    let each = signatures.max(1) as f64;
    Ok(Sample {
        per_second: each / time.as_secs_f64(),
        server_us: used.cpu().as_secs_f64() * 1e6 / each,
    })
}

/// Two connections and what is sent over each.
struct Asker {
    ledger: Connection,
    authority: Connection,
    entries: Requests,
    stamps: Requests,
}

async fn clients(subject: &Subject, issuer: &Issuer, number: usize) -> anyhow::Result<Vec<Asker>> {
    let port = subject.ports[0];
    let mut ready = Vec::with_capacity(number);
    for number in 0..number {
        ready.push(Asker {
            entries: Requests::entries(issuer, port, number).await?,
            stamps: Requests::timestamps()?,
            ledger: Connection::open(port).await?,
            authority: Connection::open(port).await?,
        });
    }
    Ok(ready)
}

/// Lets all clients together ask for so many entries, each with a timestamp.
async fn ask(ready: Vec<Asker>, signatures: usize) -> anyhow::Result<Duration> {
    let left = Arc::new(AtomicUsize::new(signatures));
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for mut asker in ready {
        let left = Arc::clone(&left);
        workers.spawn(async move {
            let take =
                || left.try_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
            while take().is_ok() {
                let (entry, stamp) = (asker.entries.make()?, asker.stamps.make()?);
                tokio::try_join!(asker.ledger.ask(&entry), asker.authority.ask(&stamp))?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended??;
    }
    Ok(begun.elapsed())
}

/// A folder of files, and what `chancery sign` is told.
struct Signer {
    chancery: PathBuf,
    folder: tempfile::TempDir,
    names: Vec<String>,
}

impl Signer {
    async fn new(
        chancery: &Path,
        subject: &Subject,
        issuer: &Issuer,
        files: usize,
    ) -> anyhow::Result<Self> {
        let client = Client::new(&format!("http://localhost:{}", subject.ports[0]))?;
        let email = "person@example.com";
        let spec = serde_json::json!({
            "claims": { "sub": email, "email": email, "email_verified": true },
        });
        let folder = tempfile::tempdir()?;
        let write = |name: &str, contents: &str| std::fs::write(folder.path().join(name), contents);
        write("token", &issuer.mint(&serde_json::from_value(spec)?)?)?;
        for name in ["signing_config.v0.2.json", "trusted_root.json"] {
            write(name, &client.get(&format!("/{name}")).await?.body)?;
        }
        let names: Vec<String> = (0..files).map(|number| format!("file-{number}")).collect();
        for name in &names {
            write(name, name)?;
        }
        Ok(Self {
            chancery: chancery.to_owned(),
            folder,
            names,
        })
    }

    /// Signs all files, and makes sure that one certificate did.
    async fn sign(&self, parallel: usize) -> anyhow::Result<Duration> {
        let mut command = Command::new(&self.chancery);
        command
            .args(["sign", "--overwrite", "--format", "json"])
            .args(["--parallel", &parallel.to_string()])
            .args(["--signing-config", "signing_config.v0.2.json"])
            .args(["--trusted-root", "trusted_root.json"])
            .args(["--identity-token", "token"])
            .args(&self.names)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        let (output, time) = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let output = command.output();
            (output, begun.elapsed())
        })
        .await?;
        let output = output?;
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "chancery sign: {said}");
        let told: Value = serde_json::from_slice(&output.stdout)?;
        let signed = told["signed"].as_array().map_or(0, Vec::len);
        anyhow::ensure!(signed == self.names.len(), "{signed} files were signed");
        anyhow::ensure!(told["certificates"] == 1, "by more than one certificate");
        Ok(time)
    }
}

impl Results {
    fn print(&self) {
        println!(
            "{}\nload of the machine: {}\n{} files, {} at a time",
            self.machine, self.load_average, self.files, self.parallel
        );
        println!(
            "{:<12}{:>6}{:>12}{:>12}{:>7}{:>16}{:>16}",
            "", "runs", "signed/s", "asked/s", "ratio", "server us, sign", "server us, ask"
        );
        for row in &self.rows {
            let rate = |samples: &[Sample]| median(samples, |sample| sample.per_second);
            let cost = |samples: &[Sample]| median(samples, |sample| sample.server_us);
            println!(
                "{:<12}{:>6}{:>12.0}{:>12.0}{:>7.2}{:>16.0}{:>16.0}",
                row.name,
                row.signed.len(),
                rate(&row.signed),
                rate(&row.asked),
                rate(&row.signed) / rate(&row.asked),
                cost(&row.signed),
                cost(&row.asked),
            );
        }
    }

    fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join("files.json");
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        std::fs::write(&path, json).with_context(|| path.display().to_string())
    }
}

fn median(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(of).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
