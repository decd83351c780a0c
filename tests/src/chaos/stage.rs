//! What every scenario begins and ends with: a folder, an issuer, recorder, archive and verdict.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Options;
use super::archive::Archive;
use super::crowd::{Crowd, Recorders, Signatory, identity};
use super::instance::{Guard, Maker};
use super::kind::Kind;
use super::oracle;
use super::process::{Launch, Process};
use super::recorder::Recorder;
use super::report::Row;
use super::trust::Trust;
use super::verification;
use crate::client::Client;
use crate::issuer::Issuer;

/// The goal for the first certificate after a start or the end of a fault.
pub(crate) const RECOVERY: Duration = Duration::from_secs(3);

/// After which a scenario gives up waiting for a certificate.
pub(crate) const HOPELESS: Duration = Duration::from_secs(30);

/// A scenario under way.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) options: &'a Options,
    pub(crate) random: StdRng,
    /// Of the certificates.
    pub(crate) recorder: Arc<Recorder>,
    /// Of the entries in the ledger.
    pub(crate) entries: Arc<Recorder>,
    pub(crate) row: Row,
    folder: tempfile::TempDir,
    issuer: Issuer,
    watch: Option<(Arc<Trust>, [Archive; 2])>,
}

impl<'a> Stage<'a> {
    pub(crate) async fn set(options: &'a Options) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("chancery-chaos-")
            .tempdir()?;
        Ok(Self {
            options,
            random: StdRng::seed_from_u64(options.seed),
            recorder: Arc::new(Recorder::start(Kind::Issuance, folder.path())?),
            entries: Arc::new(Recorder::start(Kind::Ledger, folder.path())?),
            row: Row::default(),
            issuer: Issuer::start().await?,
            folder,
            watch: None,
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn maker(&self) -> Maker<'_> {
        Maker {
            options: self.options,
            issuer: &self.issuer,
            guard: Guard::File,
        }
    }

    /// Makes a new instance.
    pub(crate) fn found(&self, database: Option<&str>) -> anyhow::Result<Launch> {
        self.maker().found(&self.path("replica0"), database)
    }

    /// Makes a new instance in a folder elsewhere.
    pub(crate) fn found_in(&self, folder: &Path) -> anyhow::Result<Launch> {
        self.maker().found(folder, None)
    }

    /// Makes another replica.
    pub(crate) fn join(&self, number: usize, database: &str) -> anyhow::Result<Launch> {
        let folder = self.path(&format!("replica{number}"));
        self.maker().join(&self.path("replica0"), &folder, database)
    }

    /// Starts replicas, takes their trust root and begins to collect their checkpoints.
    pub(crate) async fn start(&mut self, launches: &[Launch]) -> anyhow::Result<Vec<Process>> {
        let mut processes = Vec::new();
        for launch in launches {
            let mut process = launch.start()?;
            process.ready().await?;
            processes.push(process);
        }
        self.watch(launches).await?;
        Ok(processes)
    }

    /// Takes the trust root of replicas that run, and begins to collect their checkpoints.
    pub(crate) async fn watch(&mut self, launches: &[Launch]) -> anyhow::Result<()> {
        let urls: Vec<String> = launches.iter().map(Launch::url).collect();
        let trust = Arc::new(Trust::fetch(urls.first().context("no replica")?).await?);
        let [issuance, ledger] = Kind::ALL.map(|kind| Archive::start(kind, &trust, &urls));
        let archives = [issuance?, ledger?];
        self.watch = Some((trust, archives));
        Ok(())
    }

    /// Makes identities.
    pub(crate) async fn identities(&self, count: usize) -> anyhow::Result<Vec<Signatory>> {
        let mut identities = Vec::with_capacity(count);
        for number in 0..count {
            identities.push(identity(&self.issuer, &format!("c{number}@example.com")).await?);
        }
        Ok(identities)
    }

    /// Returns where what the logs give is recorded.
    pub(crate) fn recorders(&self) -> Recorders {
        Recorders {
            issuance: Arc::clone(&self.recorder),
            ledger: Arc::clone(&self.entries),
        }
    }

    /// Starts clients of both logs, and waits until each has given something.
    pub(crate) async fn crowd(
        &self,
        clients: usize,
        launches: &[Launch],
        patience: Duration,
    ) -> anyhow::Result<Crowd> {
        self.crowd_of(&Kind::ALL, clients, launches, patience).await
    }

    /// Starts clients of some logs, and waits until each has given something.
    pub(crate) async fn crowd_of(
        &self,
        kinds: &[Kind],
        clients: usize,
        launches: &[Launch],
        patience: Duration,
    ) -> anyhow::Result<Crowd> {
        let urls: Vec<String> = launches.iter().map(Launch::url).collect();
        let identities = self.identities(clients).await?;
        let begun = Instant::now();
        let recorders = self.recorders();
        let crowd = Crowd::start(&recorders, kinds, &identities, &urls, patience)?;
        for kind in kinds {
            let good = recorders.of(*kind).good_after(begun, HOPELESS, |_| true);
            let none = || format!("the {kind} gave no {} at all", kind.receipt());
            good.await.with_context(none)?;
        }
        Ok(crowd)
    }

    /// Waits for a certificate and an entry after `since`, from whichever replica fits, and returns how
    /// long after it both were there; nothing at `limit`.
    pub(crate) async fn good_after(
        &self,
        since: Instant,
        limit: Duration,
        fits: impl Fn(usize) -> bool,
    ) -> Option<Duration> {
        let certificate = self.recorder.good_after(since, limit, &fits).await?;
        let entry = self.entries.good_after(since, limit, &fits).await?;
        Some(certificate.max(entry))
    }

    /// Returns the longest time without a certificate, or without an entry, between two moments.
    pub(crate) fn longest_gap(
        &self,
        from: Instant,
        to: Instant,
        fits: impl Fn(usize) -> bool,
    ) -> Duration {
        let certificates = self.recorder.longest_gap(from, to, &fits);
        certificates.max(self.entries.longest_gap(from, to, &fits))
    }

    /// Waits for a certificate and an entry after `since`, notes how long it took, and demands that it is no
    /// longer than `goal`. The short form runs beside other work and is not held to it.
    pub(crate) async fn expect_recovery(
        &mut self,
        since: Instant,
        goal: Duration,
        what: &str,
    ) -> anyhow::Result<()> {
        let took = self.good_after(since, HOPELESS, |_| true).await;
        let took = took.with_context(|| format!("nothing was logged any more after {what}"))?;
        self.row.recovered(took);
        let goal = if self.options.short { HOPELESS } else { goal };
        self.row.hold(took <= goal, || {
            format!(
                "after {what}, the next certificate and entry took {:.2} s",
                took.as_secs_f64()
            )
        });
        Ok(())
    }

    /// Gets one more certificate and entry from the replica, judges the logs as it publishes them, and
    /// has the product verify the log as it is stored. The replica is still running.
    pub(crate) async fn judge(mut self, launch: &Launch) -> anyhow::Result<Row> {
        let url = launch.url();
        self.one_more(&url).await?;
        let (trust, archives) = self.watch.take().context("nothing was watched")?;
        for (kind, archive) in Kind::ALL.into_iter().zip(archives) {
            let found = archive.close(self.folder.path()).await?;
            let recorder = Arc::clone(self.recorders().of(kind));
            recorder.fill(&mut self.row);
            let received = recorder.read_back()?;
            oracle::judge(kind, &mut self.row, &url, &trust, &received, &found).await?;
        }
        verification::run(&mut self.row, launch).await?;
        if !self.row.failures.is_empty() {
            let kept = self.folder.keep();
            self.row
                .notes
                .push(format!("all is left in {}", kept.display()));
        }
        Ok(self.row)
    }

    async fn one_more(&self, url: &str) -> anyhow::Result<()> {
        let client = Client::new(url)?;
        let last = identity(&self.issuer, "last@example.com").await?;
        let deadline = Instant::now() + HOPELESS;
        loop {
            let asked = Instant::now();
            let mut answer = client.signing_cert(&last.identity).await?;
            self.recorder.answered(0, &answer, asked.elapsed()).await?;
            if answer.status == 200 {
                let (entry, asked) = (last.sign(&answer.leaf()?)?, Instant::now());
                answer = client.add_entry(&entry).await?;
                let took = asked.elapsed();
                if self.entries.entered(0, &entry, &answer, took).await? {
                    return Ok(());
                }
            }
            anyhow::ensure!(
                Instant::now() < deadline,
                "the last request: {}",
                answer.body
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
