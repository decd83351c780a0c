//! A process that is killed, and one that is asked to stop.

use std::slice::from_ref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt;
use tokio::task::JoinSet;

use super::super::crowd::{Recorders, Signatory};
use super::super::stage::{RECOVERY, Stage};
use super::super::wire::{Ended, Wire};
use super::super::{Options, Outcome};
use super::{DATABASE, cluster};
use crate::client::EntryRequest;

const CLIENTS: usize = 16;

pub(super) async fn kill_on_sqlite(options: &Options) -> anyhow::Result<Outcome> {
    kill(options, None).await
}

pub(super) async fn kill_on_postgres(options: &Options) -> anyhow::Result<Outcome> {
    let cluster = cluster(options).await?;
    kill(options, Some(&cluster.url(DATABASE))).await
}

/// `kill -9` at random moments under 16 clients, and a start on what was left.
async fn kill(options: &Options, database: Option<&str>) -> anyhow::Result<Outcome> {
    let mut stage = Stage::set(options).await?;
    let launch = stage.found(database)?;
    let mut process = stage.start(from_ref(&launch)).await?.remove(0);
    let patience = Duration::from_secs(10);
    let crowd = stage.crowd(CLIENTS, from_ref(&launch), patience).await?;
    let (rounds, longest) = options.either((100, 2_000), (3, 1_000));
    for _ in 0..rounds {
        let moment = stage.random.random_range(50..longest);
        tokio::time::sleep(Duration::from_millis(moment)).await;
        process.kill()?;
        let started = Instant::now();
        process = launch.start()?;
        stage
            .expect_recovery(started, RECOVERY, "a start after kill -9")
            .await?;
    }
    crowd.stop().await?;
    stage.row.notes.push(format!("killed {rounds} times"));
    stage.judge(&launch).await.map(Outcome::Ran)
}

/// What SIGTERM did to requests.
#[derive(Debug, Default)]
struct Losses {
    /// Sent as the first request of a connection, and not answered.
    first: AtomicU64,
    /// Sent on a connection that had carried others, and not answered.
    later: AtomicU64,
    answered: AtomicU64,
}

/// SIGTERM under load: what was sent is answered, and the exit code is 0.
pub(super) async fn terminate(options: &Options) -> anyhow::Result<Outcome> {
    let mut stage = Stage::set(options).await?;
    let launch = stage.found(None)?;
    let mut process = stage.start(from_ref(&launch)).await?.remove(0);
    let identities = stage.identities(CLIENTS).await?;
    let rounds = options.either(20, 3);
    let losses = Arc::new(Losses::default());
    for _ in 0..rounds {
        let mut clients = JoinSet::new();
        for (number, identity) in identities.iter().enumerate() {
            let client = UntilRefused {
                port: launch.port,
                signatory: identity.clone(),
                waiting: None,
                reuse: number % 2 == 0,
                losses: Arc::clone(&losses),
                recorders: stage.recorders(),
            };
            clients.spawn(client.ask_on());
        }
        let moment = stage.random.random_range(300..1_000);
        tokio::time::sleep(Duration::from_millis(moment)).await;
        process.signal("TERM")?;
        let status = process.end(Duration::from_secs(40)).await?;
        stage.row.hold(status.code() == Some(0), || {
            format!("it ended with {status}")
        });
        while let Some(client) = clients.join_next().await {
            client??;
        }
        let started = Instant::now();
        process = launch.start()?;
        process.ready().await?;
        stage.row.recovered(started.elapsed());
    }
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (first, later) = (count(&losses.first), count(&losses.later));
    let answered = count(&losses.answered);
    stage.row.hold(first + later == 0, || {
        format!("{first} requests were lost on new connections, {later} on old ones")
    });
    stage.row.notes.push(format!(
        "{rounds} times; {} of {answered} requests lost",
        first + later
    ));
    stage.judge(&launch).await.map(Outcome::Ran)
}

/// A client that asks until nobody listens any more.
struct UntilRefused {
    port: u16,
    signatory: Signatory,
    /// What it asks the ledger for next.
    waiting: Option<EntryRequest>,
    /// Whether it keeps its connection.
    reuse: bool,
    losses: Arc<Losses>,
    recorders: Recorders,
}

impl UntilRefused {
    async fn ask_on(mut self) -> anyhow::Result<()> {
        let limit = Duration::from_secs(30);
        while let Some(mut wire) = Wire::connect(self.port).await? {
            let mut used = false;
            loop {
                match self.ask(&mut wire, limit).await? {
                    None => {
                        self.losses.answered.fetch_add(1, Ordering::Relaxed);
                    }
                    Some(why) => {
                        eprintln!("lost: {why}");
                        let counter = match used {
                            true => &self.losses.later,
                            false => &self.losses.first,
                        };
                        counter.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                }
                used = true;
                if !self.reuse || wire.is_closing() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Asks for a certificate and for an entry in turn, and returns why there was no answer, if so.
    async fn ask(&mut self, wire: &mut Wire, limit: Duration) -> anyhow::Result<Option<String>> {
        let asked = Instant::now();
        if let Some(request) = self.waiting.take() {
            return match wire.enter(&request, limit).await {
                Ended::Answered(answer) => {
                    let (recorder, took) = (&self.recorders.ledger, asked.elapsed());
                    let there = recorder.entered(0, &request, &answer, took).await?;
                    self.waiting = (!there).then_some(request);
                    Ok(None)
                }
                Ended::Lost(why) => Ok(Some(why)),
            };
        }
        match wire.ask(&self.signatory.identity, limit).await {
            Ended::Answered(answer) => {
                let took = asked.elapsed();
                self.recorders.issuance.answered(0, &answer, took).await?;
                if answer.status == 200 {
                    self.waiting = Some(self.signatory.sign(&answer.leaf()?)?);
                }
                Ok(None)
            }
            Ended::Lost(why) => Ok(Some(why)),
        }
    }
}
