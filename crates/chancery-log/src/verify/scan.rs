//! One verification, from the head through the entries to what lies beyond them.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use chancery_tlog::{Hash, MAX_TREE_SIZE, TILE_WIDTH, TreeHead, tile_width_at};
use sha2::{Digest, Sha256};
use tokio::task::JoinError;
use tokio::time::Instant;

use super::entries::{Looked, Looker, parse};
use super::finding::{Findings, Object};
use super::reading::{Chunk, Source, blame, patiently};
use super::terms::TermLedger;
use super::tree::{Leaves, Tree};
use super::{Options, Progress, Report, Since, Stage};
use crate::{Head, LogStore, StoreError};

/// Entries read at once: four tiles, a few megabytes.
const CHUNK: u64 = 1024;

/// How far a head may be ahead of the clock of whoever verifies.
const CLOCK_TOLERANCE_MS: u64 = 60_000;

/// The most issuers that are remembered as missing.
const MAX_ABSENT: usize = 100;

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

    async fn read_issuers(&mut self, store: &dyn LogStore) -> Result<(), StoreError> {
        match blame(patiently(|| store.issuers()).await)? {
            Ok(issuers) => {
                for (fingerprint, der) in issuers {
                    self.take_issuer(fingerprint, der);
                }
            }
            Err(wrong) => self.findings.add(Object::Stored("issuers"), wrong),
        }
        Ok(())
    }

    fn take_issuer(&mut self, fingerprint: [u8; 32], der: Vec<u8>) {
        let found: [u8; 32] = Sha256::digest(&der).into();
        if found != fingerprint {
            let wrong = format!("its certificate has SHA-256 {}", hex::encode(found));
            self.findings.add(Object::Issuer(fingerprint), wrong);
        }
        Arc::make_mut(&mut self.looker.issuers).insert(fingerprint, der);
    }

    /// Reads and checks entries up to the end; the next chunk is read while one is checked.
    async fn read_entries(
        &mut self,
        observer: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), StoreError> {
        let source = self.source;
        let mut range = self.next(self.tree.size());
        let mut chunk = read(source, range.clone()).await?;
        while let Some(current) = chunk {
            range = self.next(range.end);
            let (checked, next) = tokio::join!(self.check(current), read(source, range.clone()));
            checked?;
            chunk = next?.filter(|_| self.tree.size() < self.end);
            observer(Progress {
                stage: Stage::Entries,
                done: self.tree.size() - self.since.tree_size,
                total: Some(self.end.saturating_sub(self.since.tree_size)),
            });
            self.pace().await;
        }
        Ok(())
    }

    fn next(&self, start: u64) -> Range<u64> {
        start..((start / CHUNK + 1) * CHUNK).min(self.end).max(start)
    }

    async fn pace(&self) {
        if let Some(rate) = self.options.entries_per_second {
            let done = self.tree.size() - self.since.tree_size;
            let due = Duration::from_millis(done.saturating_mul(1000) / u64::from(rate.get()));
            tokio::time::sleep_until(self.started + due).await;
        }
    }

    async fn check(&mut self, mut chunk: Chunk) -> Result<(), StoreError> {
        self.notice_end(&mut chunk).await?;
        let chunk = Arc::new(chunk);
        let mut looked = look(&self.looker, &chunk).await?;
        self.add_issuers(&mut looked).await?;
        for tile in looked.chunk_by(|a, b| a.leaf_index / TILE_WIDTH == b.leaf_index / TILE_WIDTH) {
            let index = tile.first().map_or(0, |entry| entry.leaf_index) / TILE_WIDTH;
            let place = usize::try_from(index - chunk.first / TILE_WIDTH).unwrap_or(usize::MAX);
            let stored = chunk.tiles.get(place).and_then(Option::as_deref);
            let (in_tile, _) = stored.unwrap_or_default().as_chunks::<{ Hash::LENGTH }>();
            for entry in tile {
                let place = usize::try_from(entry.leaf_index % TILE_WIDTH).unwrap_or(usize::MAX);
                let hash = entry.hash.as_ref().map(Hash::as_bytes);
                self.note(entry, hash.is_some() && hash == in_tile.get(place));
            }
            let hashes: Vec<_> = tile.iter().map(|entry| entry.hash).collect();
            let leaves = Leaves {
                index,
                hashes: &hashes,
                stored,
            };
            self.tree
                .append(
                    &self.source,
                    leaves,
                    &self.options.known,
                    &mut self.findings,
                )
                .await?;
        }
        Ok(())
    }

    /// Where entries are missing to the head's end and no tile knows of them either, the head is to
    /// blame, and there is nothing more to read.
    async fn notice_end(&mut self, chunk: &mut Chunk) -> Result<(), StoreError> {
        let (Some(store), Some(ends_at)) = (self.source.store, chunk.ends_at) else {
            return Ok(());
        };
        let place = usize::try_from(ends_at / TILE_WIDTH - chunk.first / TILE_WIDTH);
        let tile = place
            .ok()
            .and_then(|place| chunk.tiles.get(place)?.as_deref());
        let known = tile.map_or(0, <[u8]>::len) / Hash::LENGTH;
        if known as u64 > ends_at % TILE_WIDTH {
            return Ok(());
        }
        if let Ok(beyond) = blame(patiently(|| store.beyond(ends_at)).await)?
            && beyond.entries.is_empty()
        {
            let wrong = format!("it says {} entries, but there are {ends_at} only", self.end);
            self.findings.add(Object::Head, wrong);
            self.end = ends_at;
            let left = usize::try_from(ends_at - chunk.first).unwrap_or_default();
            chunk.entries.truncate(left);
        }
        Ok(())
    }

    /// Reads issuers that no earlier entry has named, and finishes the entries that wait for them.
    async fn add_issuers(&mut self, looked: &mut Vec<Looked>) -> Result<(), StoreError> {
        if looked.iter().all(|entry| entry.unread_issuers.is_empty()) {
            return Ok(());
        }
        for entry in &*looked {
            for fingerprint in &entry.unread_issuers {
                self.read_issuer(fingerprint, entry.leaf_index).await?;
            }
        }
        let looker = self.looker.clone();
        let mut entries = std::mem::take(looked);
        let finishing = tokio::task::spawn_blocking(move || {
            for entry in &mut entries {
                if let Some(leaf) = entry.leaf.take() {
                    looker.finish(entry, &leaf);
                }
            }
            entries
        });
        *looked = finishing.await.map_err(panicked)?;
        Ok(())
    }

    async fn read_issuer(
        &mut self,
        fingerprint: &[u8; 32],
        named_by: u64,
    ) -> Result<(), StoreError> {
        if self.looker.issuers.contains_key(fingerprint) {
            return Ok(());
        }
        if let Some((_, count)) = self.absent.get_mut(fingerprint) {
            *count += 1;
            return Ok(());
        }
        match self.source.issuer(fingerprint).await? {
            Ok(Some(der)) => self.take_issuer(*fingerprint, der),
            Ok(None) if self.absent.len() < MAX_ABSENT => {
                self.absent.insert(*fingerprint, (named_by, 1));
            }
            Ok(None) => {}
            Err(wrong) => self.findings.add(Object::Issuer(*fingerprint), wrong),
        }
        Ok(())
    }

    /// Takes down what was seen of an entry. `confirmed` says whether it hashes to what its tile has:
    /// otherwise it may be damaged, and its time with it.
    fn note(&mut self, entry: &Looked, confirmed: bool) {
        let Looked { leaf_index, .. } = *entry;
        if let Some(wrong) = &entry.wrong {
            self.findings.add(Object::entry(leaf_index), wrong);
        } else if let Some(time) = entry.timestamp_ms {
            if let Some((_, before)) = self.last
                && time < before
                && confirmed
            {
                let wrong = format!("its time {time} is before that of the entry before, {before}");
                self.findings.add(Object::entry(leaf_index), wrong);
            }
            if confirmed {
                self.last = Some((leaf_index, time));
            }
        }
        if let Some(checked) = &entry.delivery {
            self.deliveries += 1;
            let wrong = checked.as_ref().err().or(entry.mismatch.as_ref());
            // Of a damaged entry it cannot be told what belongs to it.
            if let Some(wrong) = wrong.filter(|_| checked.is_err() || entry.wrong.is_none()) {
                self.findings.add(Object::Delivery(leaf_index), wrong);
            }
        }
        let terms = entry.terms.as_ref().map(|(sum, _)| *sum);
        self.ledger.expect(leaf_index, terms);
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

    fn name_absent(&mut self) {
        let read = self.tree.size() - self.since.tree_size;
        for (fingerprint, (first, count)) in std::mem::take(&mut self.absent) {
            // One entry among several that names what no other does has been changed.
            if count == 1 && read > 1 {
                let hex = hex::encode(fingerprint);
                let wrong = format!("it names issuer {hex}, which is missing");
                self.findings.add(Object::entry(first), wrong);
            } else {
                let wrong = format!("it is missing; entry {first} names it, the first of {count}");
                self.findings.add(Object::Issuer(fingerprint), wrong);
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

    /// Compares the index, and looks for what is stored beyond the head.
    async fn compare_rest(
        &mut self,
        store: &dyn LogStore,
        observer: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), StoreError> {
        let mut beyond_terms = Vec::new();
        if let Some(contents) = self.options.contents.clone() {
            let first = self.tree.size();
            let mut ledger = std::mem::replace(&mut self.ledger, TermLedger::beginning_at(first));
            for finding in self.findings.first() {
                if let Object::Entries(entries) = &finding.object {
                    ledger.doubt(entries.clone());
                }
            }
            (self.terms, beyond_terms) = ledger
                .compare(store, &*contents, &mut self.findings, observer)
                .await?;
        }
        let size = self.tree.size();
        let now = self.source.head().await?.unwrap_or(self.head);
        let beyond = blame(patiently(|| store.beyond(now.tree.tree_size.max(size))).await)?;
        // Appended meanwhile is not beyond.
        let now = self.source.head().await?.unwrap_or(self.head);
        if now.tree.tree_size < self.head.tree.tree_size {
            let wrong = format!(
                "it went back from {} to {} entries while the log was read",
                self.head.tree.tree_size, now.tree.tree_size
            );
            self.findings.add(Object::Head, wrong);
        }
        let end = now.tree.tree_size.max(size);
        let beyond = match beyond {
            Ok(beyond) => beyond,
            Err(wrong) => {
                self.findings
                    .add(Object::Stored("rows beyond the head"), wrong);
                return Ok(());
            }
        };
        let wrong = format!("it is beyond the head, which has {end} entries");
        for leaf_index in beyond.entries.into_iter().filter(|index| *index >= end) {
            self.findings.add(Object::entry(leaf_index), &*wrong);
        }
        for tile in beyond.hash_tiles {
            if tile_width_at(tile.level, tile.index, end) == 0 {
                self.findings.add(Object::HashTile(tile), &*wrong);
            }
        }
        for leaf_index in beyond.deliveries.into_iter().filter(|index| *index >= end) {
            self.findings.add(Object::Delivery(leaf_index), &*wrong);
        }
        for term in beyond_terms
            .into_iter()
            .filter(|term| term.leaf_index >= end)
        {
            let object = Object::Term {
                name: term.name,
                value: term.value,
                leaf_index: term.leaf_index,
            };
            self.findings.add(object, &*wrong);
        }
        Ok(())
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
    let trusted = match size {
        0 => 0,
        _ if size > end => {
            let said =
                head.map_or_else(String::new, |head| format!(" with root {}", head.root_hash));
            let wrong = format!(
                "it says {end} entries, fewer than the {size}{said} that are said to be verified: \
                 the log went back"
            );
            findings.add(Object::Head, wrong);
            0
        }
        _ => size,
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

/// Reads a chunk; `None` where there is nothing to read.
async fn read(source: Source<'_>, range: Range<u64>) -> Result<Option<Chunk>, StoreError> {
    match range.is_empty() {
        true => Ok(None),
        false => source.chunk(range).await.map(Some),
    }
}

/// Looks at the entries of a chunk, each tile in a thread of its own.
async fn look(looker: &Looker, chunk: &Arc<Chunk>) -> Result<Vec<Looked>, StoreError> {
    let mut tasks = Vec::new();
    let count = chunk.entries.len();
    let width = usize::from(chancery_tlog::TilePath::FULL_WIDTH);
    for first in (0..count).step_by(width) {
        let looker = looker.clone();
        let chunk = Arc::clone(chunk);
        tasks.push(tokio::task::spawn_blocking(move || {
            let entries = (chunk.first..).zip(&chunk.entries).skip(first).take(width);
            let look = |(leaf_index, entry)| {
                looker.look(leaf_index, entry, chunk.deliveries.get(&leaf_index))
            };
            entries.map(look).collect::<Vec<_>>()
        }));
    }
    let mut looked = Vec::with_capacity(count);
    for task in tasks {
        looked.extend(task.await.map_err(panicked)?);
    }
    Ok(looked)
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
