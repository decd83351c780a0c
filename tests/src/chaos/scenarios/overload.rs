//! Three times the load that it can take.

use std::slice::from_ref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::super::crowd::Signatory;
use super::super::kind::Kind;
use super::super::process::Process;
use super::super::processors::Apart;
use super::super::recorder::Recorder;
use super::super::stage::Stage;
use super::super::{Options, Outcome};
use crate::client::{Client, Identity};

/// Clients at the peak, each asking for one certificate after another.
const AT_PEAK: usize = 64;

/// Connections of HTTP/2, which carry as many requests at once as are offered.
const CONNECTIONS: usize = 64;

/// Requests without an answer after which no more are offered: what a machine that asks has, too.
const OUTSTANDING: u64 = 6_000;

/// The share of the peak that must remain.
const GOODPUT: f64 = 0.8;

/// Memory that may be added, in MiB.
const GROWTH_MIB: f64 = 96.0;

/// Server and clients have processors of their own: what clients spend on requests that are refused
/// must not be taken from the server.
///
/// Requests come whether or not earlier ones were answered, three times as many as the peak.
pub(super) async fn three_times_the_peak(options: &Options) -> anyhow::Result<Outcome> {
    let mut stage = Stage::set(options).await?;
    let launch = stage.found(None)?;
    let processes = stage.start(from_ref(&launch)).await?;
    let _apart = Apart::keep(&processes[0])?;
    let window = Duration::from_secs(options.either(15, 4));
    let crowd = stage
        .crowd_of(
            &[Kind::Issuance],
            AT_PEAK,
            from_ref(&launch),
            Duration::from_secs(30),
        )
        .await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = (
        stage.recorder.tally().issued,
        processes[0].processor_time()?,
    );
    tokio::time::sleep(window).await;
    let at_peak = (processes[0].processor_time()? - before.1).as_secs_f64() / window.as_secs_f64();
    let peak = (stage.recorder.tally().issued - before.0) as f64 / window.as_secs_f64();
    crowd.stop().await?;

    let memory = processes[0].resident_mib()?;
    let identities = stage.identities(CONNECTIONS).await?;
    let load = Duration::from_secs(options.either(60, 6));
    let offered = Offered::run(
        &stage.recorder,
        &processes[0],
        &launch.url(),
        identities,
        3.0 * peak,
        load,
    )
    .await?;
    let most = processes[0].resident_mib()?;

    stage.row.hold(offered.goodput >= GOODPUT * peak, || {
        format!("goodput {:.0}/s of a peak of {peak:.0}/s", offered.goodput)
    });
    stage.row.hold(most - memory <= GROWTH_MIB, || {
        format!("memory grew from {memory:.0} to {most:.0} MiB")
    });
    stage.row.notes.push(format!(
        "peak {peak:.0}/s with {at_peak:.2} processors for the server, {:.2} under load; offered {:.0}/s ({} not sent, since {OUTSTANDING} waited); goodput \
         {:.0}/s, {:.0} % of the peak; p99 of certificates {:.2} s; memory {memory:.0} MiB before, \
         {most:.0} MiB under load",
        offered.processors,
        offered.sent as f64 / load.as_secs_f64(),
        offered.held_back,
        offered.goodput,
        offered.goodput / peak * 100.0,
        offered.p99.as_secs_f64(),
    ));
    stage.judge(&launch).await.map(Outcome::Ran)
}

/// What was offered, and what came of it.
struct Offered {
    sent: u64,
    held_back: u64,
    /// Certificates a second while requests were offered.
    goodput: f64,
    /// Processors that the server used meanwhile.
    processors: f64,
    p99: Duration,
}

impl Offered {
    async fn run(
        recorder: &Arc<Recorder>,
        process: &Process,
        url: &str,
        identities: Vec<Signatory>,
        rate: f64,
        load: Duration,
    ) -> anyhow::Result<Self> {
        let ways = identities
            .into_iter()
            .map(|who| anyhow::Ok((Client::over_http2(url)?, who.identity)))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let before = recorder.tally().issued;
        let used = process.processor_time()?;
        let outstanding = Arc::new(AtomicU64::new(0));
        let mut requests = JoinSet::new();
        let (mut sent, mut held_back) = (0, 0);
        let begun = Instant::now();
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while begun.elapsed() < load {
            ticks.tick().await;
            let due = (begun.elapsed().as_secs_f64() * rate) as u64;
            while sent + held_back < due {
                if outstanding.load(Ordering::Relaxed) >= OUTSTANDING {
                    held_back += 1;
                    continue;
                }
                outstanding.fetch_add(1, Ordering::Relaxed);
                let (client, identity) = ways[sent as usize % ways.len()].clone();
                let (recorder, outstanding) = (Arc::clone(recorder), Arc::clone(&outstanding));
                requests.spawn(async move {
                    let taken = request(&recorder, &client, &identity).await;
                    outstanding.fetch_sub(1, Ordering::Relaxed);
                    taken
                });
                sent += 1;
            }
        }
        let goodput = (recorder.tally().issued - before) as f64 / load.as_secs_f64();
        let used = process.processor_time()? - used;
        let mut times = Vec::new();
        while let Some(taken) = requests.join_next().await {
            times.extend(taken??);
        }
        times.sort_unstable();
        let p99 = times.get(times.len() * 99 / 100).copied();
        Ok(Self {
            sent,
            held_back,
            goodput,
            processors: used.as_secs_f64() / load.as_secs_f64(),
            p99: p99.unwrap_or_default(),
        })
    }
}

/// Asks once, and returns how long a certificate took.
async fn request(
    recorder: &Recorder,
    client: &Client,
    identity: &Identity,
) -> anyhow::Result<Option<Duration>> {
    let asked = Instant::now();
    match client.signing_cert(identity).await {
        Ok(answer) => {
            let took = asked.elapsed();
            recorder.answered(0, &answer, took).await?;
            Ok((answer.status == 200).then_some(took))
        }
        Err(_) => {
            recorder.unanswered();
            Ok(None)
        }
    }
}
