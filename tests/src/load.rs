//! Load: clients that ask for certificates one after another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::task::JoinSet;

use crate::client::{Client, Identity};

/// How much to ask for: whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Certificates in all.
    pub count: u64,
    /// For how long.
    pub time: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Certificates received.
    pub issued: u64,
    /// How long it took.
    pub wall: Duration,
    /// Of each certificate, sorted.
    pub latencies: Vec<Duration>,
}

impl Outcome {
    /// Waits for workers that began at `begun`, each of which returns how long its certificates took.
    /// The first that failed ends it all.
    pub async fn gather(
        mut workers: JoinSet<anyhow::Result<Vec<Duration>>>,
        begun: Instant,
    ) -> anyhow::Result<Self> {
        let mut latencies = Vec::new();
        while let Some(worker) = workers.join_next().await {
            latencies.extend(worker??);
        }
        let wall = begun.elapsed();
        latencies.sort_unstable();
        Ok(Self {
            issued: latencies.len() as u64,
            wall,
            latencies,
        })
    }

    /// Returns certificates a second.
    pub fn rate(&self) -> f64 {
        self.issued as f64 / self.wall.as_secs_f64()
    }

    /// Returns the latency that `share` of all requests did not exceed, 0 to 1.
    pub fn percentile(&self, share: f64) -> Duration {
        let place = (self.latencies.len().saturating_sub(1) as f64 * share).round() as usize;
        self.latencies.get(place).copied().unwrap_or_default()
    }
}

/// Runs `clients` clients, each with a connection, a token and a key of its own. Any refusal ends
/// it all.
pub async fn run(url: &str, clients: usize, bounds: Bounds) -> anyhow::Result<Outcome> {
    let mut ready: Vec<(Client, Identity)> = Vec::with_capacity(clients);
    for number in 0..clients {
        let client = Client::new(url)?;
        let identity = client
            .identity(&format!("load{number}@example.com"))
            .await?;
        // The connection, and the issuer's keys, are not part of what is measured.
        client.get("/healthz").await?;
        ready.push((client, identity));
    }
    let left = Arc::new(AtomicU64::new(bounds.count));
    let begun = Instant::now();
    let until = begun + bounds.time;
    let mut workers = JoinSet::new();
    for (client, identity) in ready {
        let left = Arc::clone(&left);
        workers.spawn(async move { work(&client, &identity, &left, until).await });
    }
    Outcome::gather(workers, begun).await
}

async fn work(
    client: &Client,
    identity: &Identity,
    left: &AtomicU64,
    until: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    let take = || left.try_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
    while Instant::now() < until && take().is_ok() {
        let asked = Instant::now();
        let answer = client.signing_cert(identity).await?;
        if answer.status != 200 {
            bail!("status {}: {}", answer.status, answer.body);
        }
        latencies.push(asked.elapsed());
    }
    Ok(latencies)
}
