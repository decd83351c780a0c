//! One verification, from the head through the entries to what lies beyond them.

mod beyond;
mod chunks;
mod issuers;
mod known;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chancery_tlog::{MAX_TREE_SIZE, TreeHead};
use tokio::task::JoinError;
use tokio::time::Instant;

use self::known::trusted;
use super::entries::{Looker, parse};
use super::finding::{Findings, Object};
use super::reading::Source;
use super::terms::TermLedger;
use super::tree::Tree;
use super::{Options, Progress, Report};
use crate::{Head, StoreError};

/// Entries read at once: four tiles, a few megabytes.
const CHUNK: u64 = 1024;

/// How far a head may be ahead of the clock of whoever verifies.
const CLOCK_TOLERANCE_MS: u64 = 60_000;

/// A verification under way.
pub(super) struct Scan<'a> {
    source: Source<'a>,
    options: Options,
    head: Head,
    /// Where the entries end: the head's size, unless that is to blame.
    end: u64,
    since: TreeHead,
    tree: Tree,
    looker: Looker,
    ledger: TermLedger,
    findings: Findings,
    /// Issuers that entries name and that are not stored: the first such entry, and how many there
    /// are.
    absent: BTreeMap<[u8; 32], (u64, u64)>,
    /// The last entry that was read well, and its time.
    last: Option<(u64, u64)>,
    deliveries: u64,
    terms: u64,
    started: Instant,
}

impl<'a> Scan<'a> {
    pub(super) async fn begin(
        source: Source<'a>,
        options: Options,
    ) -> Result<Result<Self, Report>, StoreError> {
        let mut findings = Findings::default();
        let head = match source.head().await? {
            Ok(head) => head,
            Err(wrong) => return Ok(Err(unreadable(wrong))),
        };
        let mut end = head.tree.tree_size;
        if end > MAX_TREE_SIZE {
            let wrong = format!("it says {end} entries, more than a log can have");
            findings.add(Object::Head, wrong);
            end = MAX_TREE_SIZE;
        }
        let tree = trusted(&source, options.since, end, &mut findings).await?;
        let mut scan = Self {
            source,
            head,
            end,
            since: tree.head(),
            looker: Looker {
                contents: options.contents.clone(),
                issuers: Arc::new(HashMap::new()),
            },
            ledger: TermLedger::beginning_at(tree.size()),
            tree,
            options,
            findings,
            absent: BTreeMap::new(),
            last: None,
            deliveries: 0,
            terms: 0,
            started: Instant::now(),
        };
        scan.compare_known().await?;
        Ok(Ok(scan))
    }

    pub(super) async fn run(
        mut self,
        observer: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Report, StoreError> {
        if let Some(store) = self.source.store {
            self.read_issuers(store).await?;
        }
        self.read_entries(observer).await?;
        if let Some(size) = self.true_size().await? {
            let wrong = format!(
                "it says {} entries, but its root is that of {size}",
                self.end
            );
            self.findings.add(Object::Head, wrong);
            self.end = size;
            self.read_entries(observer).await?;
        }
        let root = self.head.tree.root_hash;
        self.tree
            .finish(&self.source, root, &mut self.findings)
            .await?;
        self.name_absent();
        self.compare_time();
        if let Some(store) = self.source.store {
            self.compare_rest(store, observer).await?;
        }
        Ok(Report {
            head: self.head,
            since: self.since,
            entries: self.tree.size() - self.since.tree_size,
            tiles: self.tree.tiles,
            issuers: self.looker.issuers.len() as u64,
            deliveries: self.deliveries,
            terms: self.terms,
            findings: self.findings,
        })
    }

    /// Finds out whether the head's root is that of a larger tree, which is in the store: then its
    /// size is wrong, and nothing else.
    async fn true_size(&self) -> Result<Option<u64>, StoreError> {
        let root = self.head.tree.root_hash;
        let hopeless = self.source.store.is_none()
            || !self.findings.is_empty()
            || self.tree.head().root_hash == root
            || !self.tree.edge_is_stored(&self.source).await?;
        if hopeless {
            return Ok(None);
        }
        let mut tree = self.tree.clone();
        loop {
            let size = tree.size();
            let chunk = self.source.chunk(size..size + CHUNK).await?;
            let hashes = chunk.entries.iter().map_while(|entry| {
                let leaf = parse(entry.as_ref().ok()?).ok()?;
                Some(leaf.leaf_hash())
            });
            let hashes: Vec<_> = hashes.collect();
            if let Some(more) = tree.grow_to(root, &hashes) {
                return Ok(Some(size + more));
            }
            if (hashes.len() as u64) < CHUNK {
                return Ok(None);
            }
        }
    }

    /// A head has the time of the batch that made it, which is that of its last entry.
    fn compare_time(&mut self) {
        let time = self.head.timestamp_ms;
        let now_ms = self.options.now_ms;
        if now_ms > 0 && time > now_ms.saturating_add(CLOCK_TOLERANCE_MS) {
            let wrong = format!("its time {time} is ahead of the clock, which says {now_ms}");
            self.findings.add(Object::Head, wrong);
            return;
        }
        let Some((leaf_index, last)) = self.last else {
            return;
        };
        let is_last = leaf_index + 1 == self.tree.size();
        let sound = !self.findings.named(&(leaf_index..=leaf_index));
        // Published heads of other logs may be later than their last entry.
        let own = self.source.store.is_some();
        if is_last && sound && (time < last || own && time != last) {
            let wrong = format!("its time is {time}, and that of its last entry {last}");
            self.findings.add(Object::Head, wrong);
        }
    }
}

fn panicked(error: JoinError) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

fn unreadable(wrong: String) -> Report {
    let mut findings = Findings::default();
    findings.add(Object::Head, wrong);
    Report {
        head: Head {
            tree: TreeHead::EMPTY,
            timestamp_ms: 0,
        },
        since: TreeHead::EMPTY,
        entries: 0,
        tiles: 0,
        issuers: 0,
        deliveries: 0,
        terms: 0,
        findings,
    }
}
