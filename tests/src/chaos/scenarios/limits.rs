//! What a process has too little of: a reader of its events, and descriptors.

use std::io::Read;
use std::slice::from_ref;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::super::stage::{HOPELESS, RECOVERY, Stage};
use super::super::{Options, Outcome};

const CLIENTS: usize = 8;

/// Descriptors that the process may have, and connections that do nothing but take them.
const DESCRIPTORS: usize = 64;
const IDLE: usize = 100;

/// Standard error is a pipe that nobody reads: it is full after about a hundred certificates.
pub(super) async fn output_blocked(options: &Options) -> anyhow::Result<Outcome> {
    let mut stage = Stage::set(options).await?;
    let mut launch = stage.found(None)?;
    launch.events = "info";
    let (mut reader, writer) = std::io::pipe()?;
    let mut process = launch.start_saying_to(writer.into())?;
    process.ready().await?;
    stage.watch(from_ref(&launch)).await?;
    let patience = Duration::from_secs(5);
    let crowd = stage.crowd(CLIENTS, from_ref(&launch), patience).await?;
    let wanted = options.either(5_000, 600);
    let deadline = Instant::now() + Duration::from_secs(options.either(120, 30));
    let mut issued = 0;
    while issued < wanted && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
        issued = stage.recorder.tally().issued;
    }
    stage.row.hold(issued >= wanted, || {
        format!("issuance stood still after {issued} certificates: nobody read its events")
    });
    crowd.stop().await?;
    process.signal("TERM")?;
    let ended = process.end(HOPELESS).await;
    let clean = ended.as_ref().is_ok_and(|status| status.code() == Some(0));
    stage
        .row
        .hold(clean, || format!("SIGTERM with nobody reading: {ended:?}"));
    let (mut next, writer) = std::io::pipe()?;
    std::mem::swap(&mut reader, &mut next);
    process = launch.start_saying_to(writer.into())?;
    process.ready().await?;
    std::thread::spawn(move || {
        let mut events = vec![0; 64 * 1024];
        while matches!(reader.read(&mut events), Ok(1..)) {}
    });
    let row = stage.judge(&launch).await?;
    Ok(Outcome::Ran(row))
}

/// Idle connections take all descriptors.
pub(super) async fn descriptors(options: &Options) -> anyhow::Result<Outcome> {
    let mut stage = Stage::set(options).await?;
    let mut launch = stage.found(None)?;
    launch.wrapper = vec![
        "prlimit".into(),
        format!("--nofile={DESCRIPTORS}:{DESCRIPTORS}").into(),
    ];
    let _process = stage.start(from_ref(&launch)).await?;
    let patience = Duration::from_secs(15);
    let crowd = stage.crowd(CLIENTS, from_ref(&launch), patience).await?;
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(TcpStream::connect(("127.0.0.1", launch.port)).await?);
    }
    let (taken, before) = (Instant::now(), stage.recorder.tally().clone());
    tokio::time::sleep(Duration::from_secs(options.either(8, 3))).await;
    let meanwhile = stage.recorder.tally().clone();
    let issued = meanwhile.issued - before.issued;
    let refused =
        |tally: &super::super::recorder::Tally| tally.refused.get(&503).map_or(0, |n| n.0);
    let refused = refused(&meanwhile) - refused(&before);
    let broken = meanwhile.unanswered - before.unanswered;
    stage
        .row
        .hold(issued + refused > 0, || "nobody was answered".to_owned());
    stage.row.notes.push(format!(
        "{IDLE} idle connections, {DESCRIPTORS} descriptors, {:.0} s: {issued} issued, {refused} \
         refused, {broken} without an answer",
        taken.elapsed().as_secs_f64()
    ));
    drop(idle);
    stage
        .expect_recovery(Instant::now(), RECOVERY, "descriptors came back")
        .await?;
    crowd.stop().await?;
    // Another crowd, whose connections are new.
    let crowd = stage.crowd(CLIENTS, from_ref(&launch), HOPELESS).await?;
    crowd.stop().await?;
    stage.judge(&launch).await.map(Outcome::Ran)
}
