//! What a signature costs besides its certificate: an entry in the ledger and a timestamp, here and
//! of Sigstore's own servers, in rounds that take turns.

mod peers;
mod report;
mod requests;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use chancery_tests::floor::Floor;
use chancery_tests::issuer::Issuer;
use chancery_tests::load::Outcome;
use chancery_tests::usage::Usage;
use chancery_tests::wire::Connection;
use clap::Args;
use serde::Serialize;

use crate::subject::{Kind, Subject};
use report::Report;

pub(crate) use requests::Requests;

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The `chancery` binary.
    #[arg(long)]
    binary: PathBuf,
    /// The server of rekor-tiles on POSIX files, to compare with.
    #[arg(long)]
    rekor: Option<PathBuf>,
    /// The server of timestamp-authority, to compare with.
    #[arg(long)]
    timestamp_server: Option<PathBuf>,
    /// Seconds of each run.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How often everything is measured; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many clients.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    clients: Vec<usize>,
    /// Where to write the results, as JSON.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) enum Service {
    Ledger,
    Timestamps,
}

/// A server, and what is asked of it.
struct Contestant {
    name: &'static str,
    service: Service,
    /// Which of the running servers it is.
    server: usize,
    /// Which of the running servers has issued the certificates.
    issued_by: usize,
    /// One that makes everybody wait for this long is measured for longer, and once.
    waits: Option<Duration>,
}

/// What came of one run. Times are in microseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) answered: u64,
    pub(crate) per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Processor time of the server for one answer.
    pub(crate) cpu: f64,
    /// Processor time of the database's server for one answer.
    pub(crate) database_cpu: f64,
    /// Processor time of the clients for one answer.
    pub(crate) client_cpu: f64,
    pub(crate) resident: u64,
}

/// Measures, prints, and writes.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let issuer = Issuer::start().await?;
    let mut running = Vec::new();
    let contestants = start(&arguments, &issuer, &mut running).await?;
    let mut report = Report::new(Floor::measure_busy()?);
    for round in 0..arguments.rounds.max(1) {
        for &clients in &arguments.clients {
            // Nobody is always first.
            let count = contestants.len();
            for contestant in contestants.iter().cycle().skip(round % count).take(count) {
                if contestant.waits.is_some() && round > 0 {
                    continue;
                }
                let time = contestant.waits.map_or(arguments.seconds, |wait| {
                    arguments.seconds.max(wait.as_secs() * 5 / 2)
                });
                let time = Duration::from_secs(time);
                let sample = measure(contestant, &running, &issuer, clients, time)
                    .await
                    .with_context(|| format!("{}, {clients} clients", contestant.name))?;
                report.add(contestant.service, contestant.name, clients, sample);
            }
        }
    }
    for subject in running {
        subject.stop().await?;
    }
    report.finish(Floor::measure_busy()?);
    match &arguments.out {
        Some(folder) => report.write(folder),
        None => Ok(()),
    }
}

/// Starts every server there is. All run all the time: at rest they use next to nothing.
async fn start(
    arguments: &Arguments,
    issuer: &Issuer,
    running: &mut Vec<Subject>,
) -> anyhow::Result<Vec<Contestant>> {
    let mut contestants = Vec::new();
    let mut enter = |name, service, server: &mut usize, subject: Option<Subject>| {
        if let Some(subject) = subject {
            running.push(subject);
            *server = running.len() - 1;
        }
        contestants.push(Contestant {
            name,
            service,
            server: *server,
            issued_by: 0,
            waits: None,
        });
    };
    let chancery = arguments.binary.canonicalize()?;
    let mut server = 0;
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let Some(subject) = Subject::start_with_ledger(kind, &chancery, issuer).await? else {
            println!("{}: left out, it is not installed", kind.name());
            continue;
        };
        enter(kind.name(), Service::Ledger, &mut server, Some(subject));
        enter(kind.name(), Service::Timestamps, &mut server, None);
    }
    if let Some(rekor) = &arguments.rekor {
        let rekor = rekor.canonicalize()?;
        let subject = peers::rekor(&rekor, &[]).await?;
        let service = Service::Ledger;
        enter(peers::REKOR, service, &mut server, Some(subject));
        let subject = peers::rekor(&rekor, &peers::EAGER).await?;
        enter(peers::EAGER_REKOR, service, &mut server, Some(subject));
    }
    if let Some(program) = &arguments.timestamp_server {
        let subject = peers::timestamp_server(&program.canonicalize()?).await?;
        let service = Service::Timestamps;
        enter(peers::TIMESTAMPS, service, &mut server, Some(subject));
    }
    for contestant in &mut contestants {
        match contestant.name {
            peers::REKOR => contestant.waits = Some(peers::CHECKPOINT_INTERVAL),
            // What is logged here has to be issued here; others take whatever certificate comes.
            name if name == Kind::Postgres.name() => contestant.issued_by = contestant.server,
            _ => {}
        }
    }
    Ok(contestants)
}

async fn measure(
    contestant: &Contestant,
    running: &[Subject],
    issuer: &Issuer,
    clients: usize,
    time: Duration,
) -> anyhow::Result<Sample> {
    let port = |server: usize| running[server].ports[0];
    let subject = &running[contestant.server];
    let mut requests = Vec::with_capacity(clients);
    for number in 0..clients {
        requests.push(match contestant.service {
            Service::Ledger => {
                Requests::entries(issuer, port(contestant.issued_by), number).await?
            }
            Service::Timestamps => Requests::timestamps()?,
        });
    }
    // Last, so that no server waits for long until it is asked something.
    let mut ready = Vec::with_capacity(clients);
    for requests in requests {
        ready.push((Connection::open(port(contestant.server)).await?, requests));
    }
    if contestant.waits.is_none() {
        ready = load(ready, time / 10).await?.1;
    }
    let own = [std::process::id()];
    let databases = subject.database_pids().await?;
    let usage = || {
        (
            Usage::of(&subject.pids()),
            Usage::of(&databases),
            Usage::of(&own),
        )
    };
    let before = usage();
    let (outcome, _) = load(ready, time).await?;
    let after = usage();

    let answered = outcome.issued.max(1) as f64;
    let each = |after: Usage, before: &Usage| (after - before).cpu().as_secs_f64() * 1e6 / answered;
    let at = |share| outcome.percentile(share).as_secs_f64() * 1e6;
    Ok(Sample {
        answered: outcome.issued,
        per_second: outcome.rate(),
        p50: at(0.5),
        p99: at(0.99),
        resident: after.0.resident,
        cpu: each(after.0, &before.0),
        database_cpu: each(after.1, &before.1),
        client_cpu: each(after.2, &before.2),
    })
}

type Ready = Vec<(Connection, Requests)>;

/// Lets every client ask again as soon as it has its answer. Making a request is no part of its
/// latency.
async fn load(ready: Ready, time: Duration) -> anyhow::Result<(Outcome, Ready)> {
    let begun = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    let (back, mut returned) = tokio::sync::mpsc::unbounded_channel();
    for (mut connection, mut requests) in ready {
        let back = back.clone();
        workers.spawn(async move {
            let mut latencies = Vec::new();
            while begun.elapsed() < time {
                let request = requests.make()?;
                let asked = Instant::now();
                connection.ask(&request).await?;
                latencies.push(asked.elapsed());
            }
            // Nobody is left to take it only where all has failed.
            let _ = back.send((connection, requests));
            anyhow::Ok(latencies)
        });
    }
    drop(back);
    let outcome = Outcome::gather(workers, begun).await?;
    let mut ready = Vec::new();
    while let Some(client) = returned.recv().await {
        ready.push(client);
    }
    Ok((outcome, ready))
}
