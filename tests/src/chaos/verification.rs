//! The product's own verification of a log, as its operator would run it beside its replicas.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::process::Launch;
use super::report::Row;

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs `chancery log verify` on the instance of a replica that is running, and demands that it
/// finds nothing: it reads what the oracle does not, such as hash tiles, issuers and the index.
pub(crate) async fn run(row: &mut Row, launch: &Launch) -> anyhow::Result<()> {
    let said = launch.folder.join("verification");
    let output = File::create(&said)?;
    let mut child = Command::new(&launch.binary)
        .args(["log", "verify", "--config", "chancery.yaml"])
        .current_dir(&launch.folder)
        .env_remove("CHANCERY_DATABASE")
        // The clock among others: times are compared with it.
        .envs(launch.environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| launch.binary.display().to_string())?;
    let deadline = Instant::now() + LIMIT;
    let ended = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            break None;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let said = String::from_utf8_lossy(&fs::read(said)?).into_owned();
    row.hold(ended.is_some_and(|status| status.success()), || {
        let ended = ended.map_or_else(
            || format!("did not end within {} s", LIMIT.as_secs()),
            |status| format!("ended with {status}"),
        );
        format!("`log verify` {ended}: {said}")
    });
    Ok(())
}
