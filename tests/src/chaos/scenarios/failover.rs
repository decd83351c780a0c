//! The primary dies, and a standby that lags behind takes its place.

use std::slice::from_ref;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::super::forwarder::Forwarder;
use super::super::instance::LOG;
use super::super::postgres::Cluster;
use super::super::stage::{HOPELESS, Stage};
use super::super::{Options, Outcome};
use super::{DATABASE, cluster};
use crate::client::Client;

const CLIENTS: usize = 8;

/// The service must refuse, name both heads, and never sign a second history.
pub(super) async fn lagging_standby(options: &Options) -> anyhow::Result<Outcome> {
    let mut primary = cluster(options).await?;
    let standby = primary.standby().await?;
    let forwarder = Forwarder::start(primary.socket()).await?;
    let url = Cluster::url_through(forwarder.port(), DATABASE);
    let mut stage = Stage::set(options).await?;
    let launch = stage.found(Some(&url))?;
    let mut process = stage.start(from_ref(&launch)).await?.remove(0);
    let crowd = stage
        .crowd(CLIENTS, from_ref(&launch), Duration::from_secs(15))
        .await?;

    let client = Client::new(&launch.url())?;
    let checkpoint = format!("/ct/{LOG}/checkpoint");
    tokio::time::sleep(Duration::from_secs(1)).await;
    standby.cut_off().await?;
    let cut = Instant::now();
    // What is issued from here on is on the primary alone.
    stage
        .good_after(cut, HOPELESS, |_| true)
        .await
        .context("nothing was logged without the standby")?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    primary.stop()?;
    standby.promote().await?;
    forwarder.lead_to(standby.socket());

    // It must come to know that the database went back, and say so.
    let deadline = Instant::now() + HOPELESS;
    let mut last = String::new();
    while Instant::now() < deadline && !last.contains("[log-halted]") {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let examples = stage.recorder.tally().examples.clone();
        last = examples.get(&503).cloned().unwrap_or_default();
        if launch.said().contains("at odds") {
            break;
        }
    }
    let promoted = Instant::now();
    tokio::time::sleep(Duration::from_secs(options.either(10, 2))).await;
    for recorder in [&stage.recorder, &stage.entries] {
        let later = recorder
            .tally()
            .good
            .iter()
            .filter(|(at, _)| *at > promoted)
            .count();
        stage.row.hold(later == 0, || {
            format!("{later} certificates or entries after the log was halted")
        });
    }
    let said = launch.said();
    let named = said.contains("at odds") && said.matches("size ").count() >= 2;
    stage
        .row
        .hold(named, || format!("it never named both heads: {said}"));
    let served = client.get(&checkpoint).await?.status;
    stage.row.notes.push(format!(
        "the checkpoint was answered {served} after the failover"
    ));
    crowd.stop().await?;

    process.kill()?;
    let before = launch.said().len();
    let mut again = launch.start()?;
    let status = again.end(HOPELESS).await;
    let words = launch.said().split_off(before);
    let refused = status.as_ref().is_ok_and(|status| status.code() == Some(3));
    stage
        .row
        .hold(refused, || format!("a start on the standby: {status:?}"));
    let named = words.matches("size ").count() >= 2;
    stage.row.hold(named, || {
        format!("a start on the standby did not name both heads: {words}")
    });
    drop(again);

    // The newest database comes back, and nothing is missing.
    forwarder.lead_to(primary.socket());
    primary.start().await?;
    let mut process = launch.start()?;
    process.ready().await?;
    stage.judge(&launch).await.map(Outcome::Ran)
}
