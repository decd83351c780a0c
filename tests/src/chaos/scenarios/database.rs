//! PostgreSQL stopped and started, and frozen.

use std::slice::from_ref;
use std::time::{Duration, Instant};

use super::super::instance::LOG;
use super::super::stage::{RECOVERY, Stage};
use super::super::{Options, Outcome};
use super::{DATABASE, cluster};
use crate::client::Client;

const CLIENTS: usize = 16;

/// How long a request may take while the database does not answer.
const REFUSED_WITHIN: Duration = Duration::from_secs(10);

/// Memory that may be added while it is away, in MiB.
const GROWTH_MIB: f64 = 64.0;

/// An immediate stop under load, and a start after 0, 2 and 10 s.
pub(super) async fn restarted(options: &Options) -> anyhow::Result<Outcome> {
    let mut cluster = cluster(options).await?;
    let mut stage = Stage::set(options).await?;
    let launch = stage.found(Some(&cluster.url(DATABASE)))?;
    let _process = stage.start(from_ref(&launch)).await?;
    let crowd = stage
        .crowd(CLIENTS, from_ref(&launch), Duration::from_secs(15))
        .await?;
    let pauses: &[u64] = options.either(&[0, 2, 10], &[0, 2]);
    let rounds = options.either(3, 1);
    for seconds in pauses.iter().cycle().take(pauses.len() * rounds) {
        tokio::time::sleep(Duration::from_millis(500)).await;
        cluster.stop()?;
        tokio::time::sleep(Duration::from_secs(*seconds)).await;
        let begun = Instant::now();
        cluster.start().await?;
        let itself = begun.elapsed();
        let ready = Instant::now();
        stage
            .expect_recovery(ready, Duration::from_secs(2), "PostgreSQL was there again")
            .await?;
        let itself = itself.as_secs_f64();
        stage.row.notes.push(format!(
            "stopped for {seconds} s; PostgreSQL itself took {itself:.2} s to start"
        ));
    }
    crowd.stop().await?;
    let refused = stage.recorder.tally().refused.contains_key(&503);
    stage
        .row
        .hold(refused, || "nothing was refused meanwhile".to_owned());
    stage.judge(&launch).await.map(Outcome::Ran)
}

/// All of PostgreSQL frozen: refusals in time, no memory, and recovery without a hand.
pub(super) async fn paused(options: &Options) -> anyhow::Result<Outcome> {
    let cluster = cluster(options).await?;
    let mut stage = Stage::set(options).await?;
    let launch = stage.found(Some(&cluster.url(DATABASE)))?;
    let processes = stage.start(from_ref(&launch)).await?;
    let crowd = stage
        .crowd(CLIENTS, from_ref(&launch), Duration::from_secs(20))
        .await?;
    tokio::time::sleep(Duration::from_secs(2)).await;

    let before = processes[0].resident_mib()?;
    cluster.freeze(true)?;
    let length = Duration::from_secs(options.either(30, 12));
    tokio::time::sleep(length).await;
    let after = processes[0].resident_mib()?;
    let checkpoint = Client::new(&launch.url())?
        .get(&format!("/ct/{LOG}/checkpoint"))
        .await?
        .status;
    cluster.freeze(false)?;
    let woken = Instant::now();
    stage
        .expect_recovery(woken, RECOVERY, "PostgreSQL went on")
        .await?;
    crowd.stop().await?;

    let (refused, slowest) = {
        let tally = stage.recorder.tally();
        (tally.refused.contains_key(&503), tally.slowest_refusal)
    };
    stage
        .row
        .hold(refused, || "nothing was refused meanwhile".to_owned());
    stage.row.hold(slowest <= REFUSED_WITHIN, || {
        format!("a refusal took {:.1} s", slowest.as_secs_f64())
    });
    stage.row.hold(after - before <= GROWTH_MIB, || {
        format!("memory grew from {before:.0} to {after:.0} MiB")
    });
    stage.row.hold(checkpoint == 200, || {
        format!("the checkpoint was answered {checkpoint}")
    });
    stage.row.notes.push(format!(
        "frozen {} s; slowest refusal {:.2} s; memory {before:.0} MiB before, {after:.0} MiB after",
        length.as_secs(),
        slowest.as_secs_f64()
    ));
    stage.judge(&launch).await.map(Outcome::Ran)
}
