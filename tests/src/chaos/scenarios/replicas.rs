//! Three replicas on one database, and the one that holds the head frozen.

use std::time::{Duration, Instant};

use rand::RngExt;

use super::super::postgres::Cluster;
use super::super::process::Process;
use super::super::stage::{RECOVERY, Stage};
use super::super::{Options, Outcome};
use super::{DATABASE, cluster};

const REPLICAS: usize = 3;
const CLIENTS: usize = 24;

/// How often a replica is frozen until it is found to hold the head.
const TRIES: usize = 300;

/// Freezes the holder again and again; the others go on.
pub(super) async fn frozen_holder(options: &Options) -> anyhow::Result<Outcome> {
    let cluster = cluster(options).await?;
    let mut stage = Stage::set(options).await?;
    let mut launches = Vec::new();
    for number in 0..REPLICAS {
        // A user for each, by whom its sessions are known.
        let user = user(number);
        cluster
            .execute(&format!("CREATE ROLE {user} SUPERUSER LOGIN"))
            .await?;
        let url = cluster.url_as(&user, DATABASE);
        launches.push(match number {
            0 => stage.found(Some(&url))?,
            _ => stage.join(number, &url)?,
        });
    }
    let processes = stage.start(&launches).await?;
    let patience = Duration::from_secs(3);
    let crowd = stage.crowd(CLIENTS, &launches, patience).await?;

    let until = Instant::now() + Duration::from_secs(options.either(60, 6));
    let longest = options.either(20_000, 2_500);
    let (mut rounds, mut held) = (0, 0);
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(stage.random.random_range(50..1_000))).await;
        let first = stage.random.random_range(0..REPLICAS);
        let (frozen, holder) = freeze(&cluster, &processes, first).await?;
        rounds += 1;
        held += usize::from(holder);
        let at = Instant::now();
        let length = Duration::from_millis(stage.random.random_range(0..=longest));
        let end = (at + length).min(until.max(at));
        tokio::time::sleep_until(end.into()).await;
        let gap = stage.longest_gap(at, Instant::now(), |replica| replica != frozen);
        processes[frozen].signal("CONT")?;
        stage.row.recovered(gap);
        let goal = if options.short {
            RECOVERY * 2
        } else {
            RECOVERY
        };
        stage.row.hold(gap <= goal, || {
            format!(
                "with {frozen} frozen, the others logged nothing for {:.2} s",
                gap.as_secs_f64()
            )
        });
        // The one that wakes has to issue again, too.
        let woken = Instant::now();
        let back = stage.good_after(woken, patience * 4, |replica| replica == frozen);
        let back = back.await;
        stage.row.hold(back.is_some(), || {
            format!("replica {frozen} logged nothing after it woke")
        });
    }
    crowd.stop().await?;
    stage.row.notes.push(format!(
        "frozen {rounds} times, {held} of them while it held the head; recovery is the longest gap \
         of the others"
    ));
    for (number, launch) in launches.iter().enumerate() {
        let told = launch.said().contains("halted");
        stage
            .row
            .hold(!told, || format!("replica {number} halted its log"));
    }
    stage.judge(&launches[0]).await.map(Outcome::Ran)
}

fn user(number: usize) -> String {
    format!("replica{number}")
}

/// Freezes replicas one after the other until one is found with a transaction open on the head,
/// and returns it. After too many tries it is the last one, whatever it holds.
async fn freeze(
    cluster: &Cluster,
    processes: &[Process],
    first: usize,
) -> anyhow::Result<(usize, bool)> {
    for number in (0..REPLICAS).cycle().skip(first).take(TRIES) {
        processes[number].signal("STOP")?;
        let held = format!(
            "SELECT a.usename::text FROM pg_stat_activity a JOIN pg_locks l USING (pid) \
             WHERE a.usename = '{}' AND a.state = 'idle in transaction' AND l.granted \
             AND l.mode IN ('RowShareLock', 'RowExclusiveLock') AND l.database = \
             (SELECT oid FROM pg_database WHERE datname = '{DATABASE}')",
            user(number)
        );
        if !cluster.query(&held).await?.is_empty() {
            return Ok((number, true));
        }
        processes[number].signal("CONT")?;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    processes[first].signal("STOP")?;
    Ok((first, false))
}
