//! Sigstore's own servers: rekor-tiles on POSIX files, and timestamp-authority.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use chancery_tests::server::free_port;

use crate::subject::Subject;

pub(super) const REKOR: &str = "rekor-tiles v2.3.0";
pub(super) const EAGER_REKOR: &str = "rekor-tiles, eager";
pub(super) const TIMESTAMPS: &str = "timestamp-authority";

/// How long an entry waits for its checkpoint at most, unless rekor-tiles is told otherwise.
pub(super) const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(10);

/// What lets an entry wait least: the shortest interval between checkpoints that Tessera takes, and
/// batches that are not held back. Half a second is left, which no flag changes: rekor-tiles looks
/// for a checkpoint once a second.
pub(super) const EAGER: [&str; 2] = ["--checkpoint-interval=100ms", "--batch-max-age=5ms"];

/// Starts rekor-tiles as its flags have it, without a check for entries that it has already.
pub(super) async fn rekor(program: &Path, more: &[&str]) -> anyhow::Result<Subject> {
    Subject::start_other("/healthz", |folder, port| {
        let made = Command::new("openssl")
            .args(["genpkey", "-algorithm", "ed25519", "-out", "key.pem"])
            .current_dir(folder)
            .stderr(Stdio::null())
            .status()
            .context("openssl, which makes rekor-tiles' key")?;
        anyhow::ensure!(made.success(), "openssl: {made}");
        let mut command = Command::new(program);
        command
            .args(["serve", "--hostname=rekor.example.org"])
            .args(["--storage-dir=tiles", "--signer-filepath=key.pem"])
            .arg(format!("--http-port={port}"))
            .arg(format!("--grpc-port={}", free_port()?))
            .arg(format!("--http-metrics-port={}", free_port()?))
            .args(more);
        Ok(command)
    })
    .await
}

/// Starts timestamp-authority with a P-256 key in memory, and without asking anybody for the time.
pub(super) async fn timestamp_server(program: &Path) -> anyhow::Result<Subject> {
    Subject::start_other("/ping", |_, port| {
        let mut command = Command::new(program);
        command
            .args(["serve", "--host=127.0.0.1", "--log-type=prod"])
            .args(["--timestamp-signer=memory", "--disable-ntp-monitoring"])
            .arg(format!("--port={port}"));
        Ok(command)
    })
    .await
}
