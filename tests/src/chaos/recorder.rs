//! The recorder: every certificate or entry is on disk before it counts as received.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::kind::Kind;
use super::report::Row;
use crate::client::{Answer, EntryRequest};

/// How many records share one flush at most.
const BATCH: usize = 256;

/// Writes what clients receive for what they enter in one log.
#[derive(Debug)]
pub(crate) struct Recorder {
    kind: Kind,
    path: PathBuf,
    queue: mpsc::Sender<(Vec<u8>, oneshot::Sender<()>)>,
    tally: Mutex<Tally>,
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Certificates or entries that clients hold.
    pub(crate) issued: u64,
    /// By status: how many, and how many of them with `Retry-After`.
    pub(crate) refused: BTreeMap<u16, (u64, u64)>,
    pub(crate) unanswered: u64,
    /// When each was there, and from which replica.
    pub(crate) good: Vec<(Instant, usize)>,
    /// The longest that a refusal took.
    pub(crate) slowest_refusal: Duration,
    /// One text for each status.
    pub(crate) examples: BTreeMap<u16, String>,
}

impl Recorder {
    pub(crate) fn start(kind: Kind, folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(format!("received-{kind}"));
        let file = File::create(&path)?;
        let (queue, received) = mpsc::channel(4096);
        std::thread::spawn(move || write_all(file, received));
        Ok(Self {
            kind,
            path,
            queue,
            tally: Mutex::default(),
        })
    }

    /// Takes a client's answer. A certificate is on disk when this returns.
    pub(crate) async fn answered(
        &self,
        replica: usize,
        answer: &Answer,
        took: Duration,
    ) -> anyhow::Result<()> {
        if answer.status != 200 {
            self.refused(answer, took);
            return Ok(());
        }
        self.received(Some(replica), answer.leaf()?).await
    }

    /// Takes the ledger's answer to a request for an entry, and tells whether the entry is there, and
    /// on disk: it may be found to be there where an earlier answer was lost.
    pub(crate) async fn entered(
        &self,
        replica: usize,
        request: &EntryRequest,
        answer: &Answer,
        took: Duration,
    ) -> anyhow::Result<bool> {
        match (answer.status, answer.log_index) {
            (201, _) => {
                let body = answer.body.clone().into_bytes();
                self.received(Some(replica), body).await?;
            }
            (409, Some(index)) => {
                let place = json!({ "place": index, "digest": request.digest });
                self.received(None, place.to_string().into_bytes()).await?;
            }
            _ => {
                self.refused(answer, took);
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn refused(&self, answer: &Answer, took: Duration) {
        let mut tally = self.tally();
        let (count, with) = tally.refused.entry(answer.status).or_default();
        *count += 1;
        *with += u64::from(answer.retry_after.is_some());
        tally.slowest_refusal = tally.slowest_refusal.max(took);
        let text = || answer.body.clone();
        tally.examples.entry(answer.status).or_insert_with(text);
    }

    /// Writes what a client holds; `replica` has just logged it.
    async fn received(&self, replica: Option<usize>, record: Vec<u8>) -> anyhow::Result<()> {
        let there = Instant::now();
        let (done, written) = oneshot::channel();
        self.queue.send((record, done)).await?;
        written.await.context("the recorder cannot write")?;
        let mut tally = self.tally();
        tally.issued += 1;
        tally.good.extend(replica.map(|replica| (there, replica)));
        Ok(())
    }

    /// Counts a request that got no answer.
    pub(crate) fn unanswered(&self) {
        self.tally().unanswered += 1;
    }

    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for one after `since`, from whichever replica fits, and returns how long
    /// after it came; nothing at `limit`.
    pub(crate) async fn good_after(
        &self,
        since: Instant,
        limit: Duration,
        fits: impl Fn(usize) -> bool,
    ) -> Option<Duration> {
        loop {
            let first = self
                .tally()
                .good
                .iter()
                .rev()
                .take_while(|(at, _)| *at > since)
                .filter(|(_, replica)| fits(*replica))
                .map(|(at, _)| *at)
                .min();
            if let Some(first) = first {
                return Some(first - since);
            }
            if since.elapsed() > limit {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Returns the longest time without one between two moments.
    pub(crate) fn longest_gap(
        &self,
        from: Instant,
        to: Instant,
        fits: impl Fn(usize) -> bool,
    ) -> Duration {
        let tally = self.tally();
        let times = tally.good.iter().filter(|(_, replica)| fits(*replica));
        let mut times: Vec<Instant> = times.map(|(at, _)| *at).collect();
        times.retain(|at| *at > from && *at < to);
        times.extend([from, to]);
        times.sort_unstable();
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.max().unwrap_or_default()
    }

    /// Puts the counts into a row.
    pub(crate) fn fill(&self, row: &mut Row) {
        let tally = self.tally();
        let counts = row.of(self.kind);
        counts.issued = tally.issued;
        counts.refused.clone_from(&tally.refused);
        counts.unanswered = tally.unanswered;
        for (status, (count, with)) in &tally.refused {
            if matches!(status, 429 | 503) {
                row.hold(count == with, || {
                    format!(
                        "{}: {} of {count} answers {status} had no Retry-After",
                        self.kind,
                        count - with
                    )
                });
            } else {
                let example = tally.examples.get(status).cloned().unwrap_or_default();
                row.failures.push(format!(
                    "{}: {count} answers {status}, such as: {example}",
                    self.kind
                ));
            }
        }
    }

    /// Reads back from disk what was received.
    pub(crate) fn read_back(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        let bytes = std::fs::read(&self.path)?;
        let mut rest = bytes.as_slice();
        let mut records = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            let (record, after) = after
                .split_at_checked(length)
                .context("the record is cut off")?;
            records.push(record.to_vec());
            rest = after;
        }
        Ok(records)
    }
}

/// Writes until nobody sends any more; whoever cannot be written gets no word.
fn write_all(mut file: File, mut received: mpsc::Receiver<(Vec<u8>, oneshot::Sender<()>)>) {
    let mut batch = Vec::new();
    while received.blocking_recv_many(&mut batch, BATCH) > 0 {
        let mut bytes = Vec::new();
        for (record, _) in &batch {
            bytes.extend_from_slice(&(record.len() as u32).to_be_bytes());
            bytes.extend_from_slice(record);
        }
        if file
            .write_all(&bytes)
            .and_then(|()| file.sync_data())
            .is_err()
        {
            return;
        }
        for (_, done) in batch.drain(..) {
            // A client that was aborted counts nothing.
            let _ = done.send(());
        }
    }
}
