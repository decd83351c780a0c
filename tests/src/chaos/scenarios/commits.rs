//! Answers to COMMIT that are lost or late, and a database that is slow.

use std::slice::from_ref;
use std::time::{Duration, Instant};

use rand::RngExt;

use super::super::forwarder::{Forwarder, LOSSES};
use super::super::postgres::Cluster;
use super::super::stage::{RECOVERY, Stage};
use super::super::{Options, Outcome};
use super::{DATABASE, cluster};

const CLIENTS: usize = 16;

/// What a COMMIT whose fate is unknown may cost: the wait for it, and the lock of a session that
/// nobody speaks to any more.
const UNKNOWN: Duration = Duration::from_secs(8);

/// COMMITs lost in every way, at random moments, under load.
pub(super) async fn lost(options: &Options) -> anyhow::Result<Outcome> {
    let cluster = cluster(options).await?;
    let forwarder = Forwarder::start(cluster.socket()).await?;
    let url = Cluster::url_through(forwarder.port(), DATABASE);
    let mut stage = Stage::set(options).await?;
    let launch = stage.found(Some(&url))?;
    let _process = stage.start(from_ref(&launch)).await?;
    let crowd = stage
        .crowd(CLIENTS, from_ref(&launch), Duration::from_secs(15))
        .await?;
    for round in 0..options.either(100, 5) {
        let moment = stage.random.random_range(20..300);
        tokio::time::sleep(Duration::from_millis(moment)).await;
        // Each in turn, then at random; sometimes the next one, too.
        let choose = |place: usize| LOSSES[place % LOSSES.len()];
        let place = match round {
            0..4 => round,
            _ => stage.random.random_range(0..LOSSES.len()),
        };
        let at = Instant::now();
        forwarder.lose(choose(place));
        if stage.random.random_bool(0.3) {
            let before = forwarder.lost();
            while forwarder.lost() == before && at.elapsed() < UNKNOWN {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            forwarder.lose(choose(stage.random.random_range(0..LOSSES.len())));
        }
        let before = forwarder.lost();
        while forwarder.lost() == before && at.elapsed() < UNKNOWN {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let since = Instant::now();
        stage
            .expect_recovery(since, UNKNOWN, "a lost COMMIT")
            .await?;
    }
    crowd.stop().await?;
    let lost = forwarder.lost();
    stage.row.hold(lost > 0, || "no COMMIT was lost".to_owned());
    stage
        .row
        .notes
        .push(format!("{lost} COMMITs lost, of them or of their answers"));
    stage.judge(&launch).await.map(Outcome::Ran)
}

/// Two seconds more for each answer of the database: refusals in time, and recovery.
pub(super) async fn slow(options: &Options) -> anyhow::Result<Outcome> {
    let cluster = cluster(options).await?;
    let forwarder = Forwarder::start(cluster.socket()).await?;
    let url = Cluster::url_through(forwarder.port(), DATABASE);
    let mut stage = Stage::set(options).await?;
    let launch = stage.found(Some(&url))?;
    let processes = stage.start(from_ref(&launch)).await?;
    let crowd = stage
        .crowd(CLIENTS, from_ref(&launch), Duration::from_secs(20))
        .await?;
    let before = processes[0].resident_mib()?;
    forwarder.delay(Duration::from_secs(2));
    tokio::time::sleep(Duration::from_secs(options.either(30, 10))).await;
    forwarder.delay(Duration::ZERO);
    let since = Instant::now();
    // What is under way is still delayed.
    let goal = RECOVERY + Duration::from_secs(2);
    stage
        .expect_recovery(since, goal, "a slow database")
        .await?;
    let after = processes[0].resident_mib()?;
    crowd.stop().await?;
    let slowest = stage.recorder.tally().slowest_refusal;
    stage.row.hold(slowest <= Duration::from_secs(10), || {
        format!("a refusal took {:.1} s", slowest.as_secs_f64())
    });
    stage.row.notes.push(format!(
        "slowest refusal {:.2} s; memory {before:.0} MiB before, {after:.0} MiB after",
        slowest.as_secs_f64()
    ));
    stage.judge(&launch).await.map(Outcome::Ran)
}
