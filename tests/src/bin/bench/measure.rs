//! One run: an arrangement, a number of clients, some seconds.

use std::time::{Duration, Instant};

use chancery_tests::issuer::Issuer;
use chancery_tests::load::Outcome;
use chancery_tests::usage::Usage;
use chancery_tests::wire::{Connection, request};
use serde::Serialize;

use crate::subject::{Kind, Subject, identity};

/// What came of a run. Times are in microseconds, and for one certificate.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) kind: Kind,
    pub(crate) clients: usize,
    pub(crate) issued: u64,
    pub(crate) per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    /// Processor time of the processes that issue; memory is of all of them together.
    pub(crate) server: Each,
    /// Processor time of the database server, where there is one.
    pub(crate) database_cpu: f64,
}

/// What the processes used for one certificate.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Each {
    pub(crate) cpu: f64,
    /// By the name of the thread: `tokio-rt-worker` decodes, verifies, signs and answers,
    /// `sqlx-sqlite-wor` is SQLite.
    pub(crate) usage: Usage,
}

/// Measures after a warm-up of a tenth of the time.
pub(crate) async fn measure(
    kind: Kind,
    subject: &Subject,
    issuer: &Issuer,
    clients: usize,
    time: Duration,
) -> anyhow::Result<Measured> {
    load(subject, issuer, clients, time / 10).await?;
    let databases = subject.database_pids().await?;
    let before = (Usage::of(&subject.pids()), Usage::of(&databases));
    let outcome = load(subject, issuer, clients, time).await?;
    let server = Usage::of(&subject.pids()) - &before.0;
    let database = Usage::of(&databases) - &before.1;

    let issued = outcome.issued.max(1) as f64;
    let each = |time: Duration| time.as_secs_f64() * 1e6 / issued;
    let at = |share| outcome.percentile(share).as_secs_f64() * 1e6;
    Ok(Measured {
        kind,
        clients,
        issued: outcome.issued,
        per_second: outcome.rate(),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        server: Each {
            cpu: each(server.cpu()),
            usage: server.for_each_of(issued),
        },
        database_cpu: each(database.cpu()),
    })
}

/// Asks for certificates with so many clients, spread over the processes.
async fn load(
    subject: &Subject,
    issuer: &Issuer,
    clients: usize,
    time: Duration,
) -> anyhow::Result<Outcome> {
    let mut ready = Vec::with_capacity(clients);
    for (number, port) in (0..clients).zip(subject.ports.iter().cycle()) {
        let connection = Connection::open(*port).await?;
        ready.push((connection, request(&identity(issuer, number).await?)));
    }
    let begun = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for (mut connection, request) in ready {
        workers.spawn(async move {
            let mut latencies = Vec::new();
            while begun.elapsed() < time {
                let asked = Instant::now();
                connection.ask(&request).await?;
                latencies.push(asked.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    Outcome::gather(workers, begun).await
}
