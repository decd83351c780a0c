//! A machine that fails its processes: a full disk, and clocks that are wrong.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::slice::from_ref;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::super::faketime::FakeClock;
use super::super::instance::LOG;
use super::super::process::is_root;
use super::super::stage::{HOPELESS, RECOVERY, Stage};
use super::super::{Options, Outcome};
use super::{DATABASE, cluster};
use crate::client::Client;

const CLIENTS: usize = 8;

/// The size of the disk, and what it is enlarged to, in MiB.
const DISK_MIB: (u64, u64) = (24, 128);

/// What the short form leaves free, in bytes.
const SHORT_FREE: u64 = 2 << 20;

/// Refusals after which the disk counts as full.
const FULL: u64 = 20;

/// A folder of limited size. Dropping it unmounts it.
#[derive(Debug)]
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: PathBuf) -> anyhow::Result<Option<Self>> {
        std::fs::create_dir_all(&path)?;
        let size = format!("size={}m,mode=0700", DISK_MIB.0);
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&path);
        let mounted = is_root() && mount.output().is_ok_and(|output| output.status.success());
        Ok(mounted.then_some(Self(path)))
    }

    fn enlarge(&self) -> anyhow::Result<()> {
        let size = format!("remount,size={}m", DISK_MIB.1);
        let mut mount = Command::new("mount");
        let enlarged = mount.args(["-o", &size]).arg(&self.0).status()?;
        ensure!(enlarged.success(), "cannot enlarge {}", self.0.display());
        Ok(())
    }

    /// Fills it up to the last `free` bytes.
    fn fill(&self, free: u64) -> anyhow::Result<()> {
        let used = used(&self.0)?;
        let rest = (DISK_MIB.0 << 20).saturating_sub(used + free);
        std::fs::write(self.0.join("ballast"), vec![1; usize::try_from(rest)?])?;
        Ok(())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process may still be in it.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn used(folder: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += match metadata.is_dir() {
            true => used(&entry.path())?,
            // In whole pages.
            false => metadata.len().next_multiple_of(4096),
        };
    }
    Ok(sum)
}

/// The disk of a SQLite database fills up under load, and is enlarged.
pub(super) async fn disk_full(options: &Options) -> anyhow::Result<Outcome> {
    let mut stage = Stage::set(options).await?;
    let Some(disk) = SmallDisk::mount(stage.path("disk"))? else {
        return Ok(Outcome::LeftOut(
            "needs root, and leave to mount a tmpfs".to_owned(),
        ));
    };
    let launch = stage.found_in(&disk.0)?;
    let processes = stage.start(from_ref(&launch)).await?;
    if options.short {
        disk.fill(SHORT_FREE)?;
    }
    let patience = Duration::from_secs(15);
    let crowd = stage.crowd(CLIENTS, from_ref(&launch), patience).await?;
    let deadline = Instant::now() + Duration::from_secs(options.either(300, 30));
    let refusals = |stage: &Stage<'_>| {
        let tally = stage.recorder.tally();
        tally.refused.get(&503).map_or(0, |(count, _)| *count)
    };
    while refusals(&stage) < FULL {
        ensure!(
            Instant::now() < deadline,
            "the disk did not fill up in time"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = processes[0].resident_mib()?;
    tokio::time::sleep(Duration::from_secs(options.either(10, 2))).await;
    let after = processes[0].resident_mib()?;
    let checkpoint = Client::new(&launch.url())?
        .get(&format!("/ct/{LOG}/checkpoint"))
        .await?
        .status;
    stage.row.hold(checkpoint == 200, || {
        format!("the checkpoint was answered {checkpoint}")
    });
    disk.enlarge()?;
    stage
        .expect_recovery(Instant::now(), RECOVERY, "the disk had room again")
        .await?;
    crowd.stop().await?;
    let slowest = stage.recorder.tally().slowest_refusal;
    let goal = Duration::from_secs(options.either(1, 5));
    stage.row.hold(slowest <= goal, || {
        format!("a refusal took {:.2} s", slowest.as_secs_f64())
    });
    stage.row.notes.push(format!(
        "slowest refusal {:.2} s; memory {before:.0} MiB when it filled up, {after:.0} MiB later",
        slowest.as_secs_f64()
    ));
    let row = stage.judge(&launch).await?;
    drop(processes);
    Ok(Outcome::Ran(row))
}

const NO_FAKETIME: &str = "needs libfaketime, such as Debian's package `faketime`";

/// One process's clock goes an hour back, comes right, and goes an hour forward.
pub(super) async fn clock_jump(options: &Options) -> anyhow::Result<Outcome> {
    let mut stage = Stage::set(options).await?;
    let mut launch = stage.found(None)?;
    let Some(clock) = FakeClock::for_launch(&mut launch)? else {
        return Ok(Outcome::LeftOut(NO_FAKETIME.to_owned()));
    };
    let _process = stage.start(from_ref(&launch)).await?;
    let patience = Duration::from_secs(15);
    let crowd = stage.crowd(CLIENTS, from_ref(&launch), patience).await?;
    let while_wrong = Duration::from_secs(options.either(10, 2));
    let logged = |stage: &Stage<'_>| stage.recorder.tally().issued + stage.entries.tally().issued;

    clock.shift(-3_600)?;
    // What is under way may have looked at the clock before.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = logged(&stage);
    tokio::time::sleep(while_wrong).await;
    let issued = logged(&stage) - before;
    stage.row.hold(issued == 0, || {
        format!("{issued} certificates and entries with the clock an hour back")
    });
    clock.shift(0)?;
    stage
        .expect_recovery(Instant::now(), RECOVERY, "the clock came right")
        .await?;

    clock.shift(3_600)?;
    let forward = Instant::now();
    tokio::time::sleep(while_wrong).await;
    let went_on = stage
        .good_after(forward, Duration::ZERO, |_| true)
        .await
        .is_some();
    stage.row.notes.push(format!(
        "an hour back: all refused; an hour forward: {}",
        if went_on { "went on" } else { "all refused" }
    ));
    crowd.stop().await?;
    stage.judge(&launch).await.map(Outcome::Ran)
}

/// Two replicas on one database, their clocks 10 s apart from each other and 5 s from it.
pub(super) async fn clocks_apart(options: &Options) -> anyhow::Result<Outcome> {
    let cluster = cluster(options).await?;
    let mut stage = Stage::set(options).await?;
    let url = cluster.url(DATABASE);
    let mut launches = [stage.found(Some(&url))?, stage.join(1, &url)?];
    let mut clocks = Vec::new();
    for launch in &mut launches {
        let Some(clock) = FakeClock::for_launch(launch)? else {
            return Ok(Outcome::LeftOut(NO_FAKETIME.to_owned()));
        };
        clocks.push(clock);
    }
    let _processes = stage.start(&launches).await?;
    let patience = Duration::from_secs(15);
    let crowd = stage.crowd(CLIENTS, &launches, patience).await?;
    let while_wrong = Duration::from_secs(options.either(10, 2));

    for shifts in [[5, -5], [-5, 5], [5, 0]] {
        for (clock, shift) in clocks.iter().zip(shifts) {
            clock.shift(shift)?;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let begun = Instant::now();
        tokio::time::sleep(while_wrong).await;
        for (replica, shift) in shifts.into_iter().enumerate() {
            let wrong = |number| number == replica;
            let issued = stage.good_after(begun, Duration::ZERO, wrong).await;
            let right = issued.is_some() == (shift == 0);
            stage.row.hold(right, || {
                let issued = if issued.is_some() {
                    "issued"
                } else {
                    "did not issue"
                };
                format!("replica {replica}, {shift} s from the database, {issued}")
            });
        }
        clocks.iter().try_for_each(|clock| clock.shift(0))?;
        stage
            .expect_recovery(Instant::now(), RECOVERY, "the clocks came right")
            .await?;
    }
    // Within what is allowed: both, or one of them, go on.
    clocks.first().context("no clock")?.shift(1)?;
    let begun = Instant::now();
    let went_on = stage.good_after(begun, HOPELESS, |_| true).await.is_some();
    stage.row.hold(went_on, || {
        "nobody issued with the clocks 1 s apart".to_owned()
    });
    crowd.stop().await?;
    stage.judge(&launches[1]).await.map(Outcome::Ran)
}
