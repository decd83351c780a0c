//! The entries of a log from where the trust ends to its head, a chunk at a time.

use std::ops::Range;
use std::sync::Arc;

use chancery_tlog::{Hash, TILE_WIDTH};

use super::Scan;
use crate::StoreError;
use crate::verify::entries::{Looked, Looker, panicked, parse};
use crate::verify::finding::Object;
use crate::verify::reading::{Chunk, Source, blame, patiently};
use crate::verify::tree::Leaves;
use crate::verify::{Progress, Stage};

/// Entries read at once: four tiles, a few megabytes.
const CHUNK: u64 = 1024;

/// How many tiles in a row may be absent from published files. A checkpoint may state 2^40 entries
/// over an empty folder, and to look for each takes years.
const ABSENT_TILES: u64 = 32;

impl Scan<'_> {
    /// Reads and checks entries up to the end; the next chunk is read while one is checked.
    pub(super) async fn read_entries(
        &mut self,
        observer: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), StoreError> {
        let source = self.source;
        let mut range = self.next(self.tree.size());
        let mut chunk = read(source, range.clone()).await?;
        while let Some(current) = chunk {
            let before = self.tree.size();
            range = self.next(range.end);
            let (checked, next) = tokio::join!(self.check(current), read(source, range.clone()));
            checked?;
            chunk = next?.filter(|_| self.tree.size() < self.end);
            observer(Progress {
                stage: Stage::Entries,
                done: self.tree.size() - self.since.tree_size,
                total: Some(self.end.saturating_sub(self.since.tree_size)),
            });
            self.pace.entries(self.tree.size() - before).await;
        }
        Ok(())
    }

    fn next(&self, start: u64) -> Range<u64> {
        start..((start / CHUNK + 1) * CHUNK).min(self.end).max(start)
    }

    async fn check(&mut self, mut chunk: Chunk) -> Result<(), StoreError> {
        self.notice_end(&mut chunk).await?;
        let chunk = Arc::new(chunk);
        let mut looked = look(&self.looker, &chunk).await?;
        self.add_issuers(&mut looked).await?;
        self.check_ties(&chunk, &mut looked).await?;
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
            let absent = stored.is_none() && hashes.iter().all(Option::is_none);
            self.absent_tiles = if absent { self.absent_tiles + 1 } else { 0 };
        }
        if self.source.store.is_none() && self.absent_tiles >= ABSENT_TILES {
            self.give_up();
        }
        Ok(())
    }

    /// Holds the entries with which nothing is wrong so far against what other logs have of them.
    async fn check_ties(&self, chunk: &Chunk, looked: &mut [Looked]) -> Result<(), StoreError> {
        let Some(contents) = &self.options.contents else {
            return Ok(());
        };
        let sound = looked.iter().zip(&chunk.entries);
        let sound = sound.filter(|(looked, _)| looked.wrong.is_none());
        let sound = sound.filter_map(|(looked, entry)| {
            let entry = entry.as_ref().ok()?;
            Some((looked.leaf_index, entry.as_slice()))
        });
        let sound: Vec<_> = sound.collect();
        for (leaf_index, wrong) in patiently(|| contents.check_ties(&sound)).await? {
            let entry = looked.iter_mut().find(|e| e.leaf_index == leaf_index);
            if let Some(entry) = entry {
                entry.wrong = Some(wrong);
            }
        }
        Ok(())
    }

    /// Ends here.
    fn give_up(&mut self) {
        let size = self.tree.size();
        let wrong = format!(
            "{} tiles in a row are missing, entries and hashes, up to entry {size}: nothing beyond was \
             looked at, of {} entries",
            self.absent_tiles, self.end
        );
        self.findings.add_first(Object::Stored("files"), wrong);
        self.gave_up = true;
        self.end = size;
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
    pub(super) async fn true_size(&self) -> Result<Option<u64>, StoreError> {
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
            let form = self.options.form;
            let hashes = (size..).zip(&chunk.entries).map_while(|(index, entry)| {
                let leaf = parse(form, index, entry.as_ref().ok()?).ok()?;
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
