//! One verification, from the head through the entries to what lies beyond them.

mod beyond;
mod entries;
mod issuers;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chancery_tlog::{MAX_TREE_SIZE, TreeHead};

use super::entries::Looker;
use super::finding::{Findings, Object};
use super::pace::Pace;
use super::reading::Source;
use super::terms::TermLedger;
use super::tree::Tree;
use super::{Options, Progress, Report, Since};
use crate::{Head, StoreError};

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
    /// How many tiles in a row, up to here, have neither entries nor hashes.
    absent_tiles: u64,
    /// Whether so many are absent that the rest is not looked at.
    gave_up: bool,
    pace: Pace,
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
                form: options.form,
                contents: options.contents.clone(),
                issuers: Arc::new(HashMap::new()),
            },
            ledger: TermLedger::beginning_at(tree.size()),
            tree,
            pace: Pace::begin(options.entries_per_second),
            options,
            findings,
            absent: BTreeMap::new(),
            last: None,
            deliveries: 0,
            terms: 0,
            absent_tiles: 0,
            gave_up: false,
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
        if self.gave_up {
            return Ok(self.report());
        }
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
            let beyond = self.compare_index(store, observer).await?;
            self.compare_beyond(store, beyond).await?;
        }
        Ok(self.report())
    }

    fn report(self) -> Report {
        Report {
            head: self.head,
            since: self.since,
            entries: self.tree.size() - self.since.tree_size,
            tiles: self.tree.tiles,
            issuers: self.looker.issuers.len() as u64,
            deliveries: self.deliveries,
            terms: self.terms,
            findings: self.findings,
        }
    }

    /// Holds the log against heads that others have seen, as far as they lie in what is not read
    /// again.
    async fn compare_known(&mut self) -> Result<(), StoreError> {
        for known in self.options.known.clone() {
            let size = known.head.tree_size;
            if size > self.end {
                self.findings.add(
                    Object::Known(known.name),
                    format!(
                        "it has seen {size} entries with root {}, and this log has {} with root \
                         {}: the log went back",
                        known.head.root_hash, self.end, self.head.tree.root_hash
                    ),
                );
            } else if size <= self.since.tree_size {
                match Tree::stored_at(&self.source, size).await? {
                    Ok(tree) => tree.compare_known(&[known], &mut self.findings),
                    Err(wrong) => self.findings.add(Object::Stored("hash tiles"), wrong),
                }
            }
        }
        Ok(())
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

/// Returns the tree that is trusted, as far as it can be: an empty one otherwise.
async fn trusted(
    source: &Source<'_>,
    since: Since,
    end: u64,
    findings: &mut Findings,
) -> Result<Tree, StoreError> {
    let (size, head) = match since {
        Since::Beginning => (0, None),
        Since::Size(size) => (size, None),
        Since::Head(head) => (head.tree_size, Some(head)),
    };
    let trusted = if size > end {
        let said = head.map_or_else(String::new, |head| format!(" with root {}", head.root_hash));
        let wrong = format!(
            "it says {end} entries, fewer than the {size}{said} that are said to be verified: the \
             log went back"
        );
        findings.add(Object::Head, wrong);
        0
    } else {
        size
    };
    let tree = match Tree::stored_at(source, trusted).await? {
        Ok(tree) => tree,
        Err(wrong) => {
            findings.add(Object::Stored("hash tiles"), wrong);
            return Ok(Tree::empty());
        }
    };
    match head {
        Some(head) if trusted > 0 && tree.head().root_hash != head.root_hash => {
            let wrong = format!(
                "at {size} entries their root is {}, not {}, which is said to be verified: all is \
                 verified from the beginning",
                tree.head().root_hash,
                head.root_hash
            );
            findings.add(Object::Stored("hash tiles"), wrong);
            Ok(Tree::empty())
        }
        _ => Ok(tree),
    }
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
