//! Writing tiles as the tree grows, in batches of which a few are under way at once.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use chancery_tlog::{Hash, RightEdge, TILE_WIDTH, TileId, TilePath, TreeHead};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use super::progress::Progress;
use super::tile::ReadTile;
use super::{ExportError, hash_tile_name};
use crate::published_files::{FilePlace, NewFile, PlaceError};
use crate::{Form, LogReader};

/// How many bytes are written at once, about.
const BATCH: usize = 4 << 20;

/// How many files are written at once, at most.
const FILES: usize = 128;

/// How many batches are under way.
const BATCHES: usize = 2;

/// After how many entries the progress is kept.
const KEEP: u64 = TILE_WIDTH * TILE_WIDTH;

/// How many issuers are remembered as written.
const ISSUERS: usize = 100_000;

/// A tree that grows, tile by tile.
pub(super) struct Writing {
    place: Arc<dyn FilePlace>,
    source: Arc<dyn LogReader>,
    form: Form,
    edge: RightEdge,
    /// The last tile of each level that has one that is not full.
    partial: BTreeMap<TileId, Vec<u8>>,
    issuers: HashSet<[u8; 32]>,
    batch: Vec<NewFile>,
    bytes: usize,
    /// Batches that are being written, which return their bytes.
    under_way: JoinSet<Result<usize, PlaceError>>,
    bytes_under_way: usize,
    kept: u64,
}

impl Writing {
    pub(super) fn begin(
        place: Arc<dyn FilePlace>,
        source: Arc<dyn LogReader>,
        form: Form,
        begin: Progress,
    ) -> Self {
        Self {
            place,
            source,
            form,
            kept: begin.edge.tree_size(),
            edge: begin.edge,
            partial: begin.tiles.into_iter().collect(),
            issuers: HashSet::new(),
            batch: Vec::new(),
            bytes: 0,
            under_way: JoinSet::new(),
            bytes_under_way: 0,
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.edge.tree_size()
    }

    /// Appends what a tile has beyond the tree.
    pub(super) async fn append(&mut self, tile: ReadTile) -> Result<(), ExportError> {
        let first = tile.index * TILE_WIDTH;
        let known = usize::try_from(self.size().saturating_sub(first)).unwrap_or(usize::MAX);
        let new = tile.hashes.get(known..).unwrap_or_default();
        let writes = self.edge.append(new);
        let id = TileId {
            level: 0,
            index: tile.index,
        };
        for write in writes {
            if write.id() == id {
                require_same(first, &tile.hashes, &write.hashes)?;
            }
            if write.hashes.len() == usize::from(TilePath::FULL_WIDTH) * Hash::LENGTH {
                self.partial.remove(&write.id());
                let name = hash_tile_name(write.id(), TilePath::FULL_WIDTH);
                self.add(name, write.hashes);
            } else {
                self.partial.insert(write.id(), write.hashes);
            }
        }
        self.write_issuers(&tile).await?;
        if let Some(data) = tile.data {
            let width = u16::try_from(tile.hashes.len()).unwrap_or(TilePath::FULL_WIDTH);
            self.add(self.form.data_tile_name(tile.index, width), data);
        }
        self.flush_if_full().await?;
        if self.size() >= self.kept + KEEP && self.size().is_multiple_of(TILE_WIDTH) {
            self.keep().await?;
        }
        Ok(())
    }

    /// Writes the partial tiles, and returns once everything is durable and has the root of `to`.
    pub(super) async fn finish(mut self, to: &TreeHead) -> Result<(), ExportError> {
        let found = self.edge.tree_head();
        if found != *to {
            // Whatever is under way is of the log's entries all the same.
            self.settle_all().await?;
            return Err(ExportError::OtherRoot { found, to: *to });
        }
        for (id, hashes) in std::mem::take(&mut self.partial) {
            let width = u16::try_from(hashes.len() / Hash::LENGTH).unwrap_or(TilePath::FULL_WIDTH);
            self.add(hash_tile_name(id, width), hashes);
        }
        self.settle_all().await
    }

    fn add(&mut self, name: String, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        self.batch.push(NewFile { name, bytes });
    }

    async fn flush_if_full(&mut self) -> Result<(), ExportError> {
        match self.bytes >= BATCH || self.batch.len() >= FILES {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    async fn flush(&mut self) -> Result<(), ExportError> {
        let batch = std::mem::take(&mut self.batch);
        let bytes = std::mem::take(&mut self.bytes);
        if batch.is_empty() {
            return Ok(());
        }
        // One that is larger than usual, because one of its files is, is alone under way.
        let left = (BATCHES * BATCH).saturating_sub(bytes);
        while self.under_way.len() >= BATCHES || self.bytes_under_way > left {
            self.settle_one().await?;
        }
        self.bytes_under_way += bytes;
        let place = Arc::clone(&self.place);
        self.under_way
            .spawn(async move { place.write(batch).await.map(|()| bytes) });
        Ok(())
    }

    /// Writes what there is, and returns once nothing of it is in memory.
    pub(super) async fn settle_all(&mut self) -> Result<(), ExportError> {
        self.flush().await?;
        self.settle().await
    }

    /// Waits until all that was begun is durable.
    async fn settle(&mut self) -> Result<(), ExportError> {
        while !self.under_way.is_empty() {
            self.settle_one().await?;
        }
        Ok(())
    }

    async fn settle_one(&mut self) -> Result<(), ExportError> {
        match self.under_way.join_next().await {
            Some(written) => self.bytes_under_way -= written.map_err(ExportError::panicked)??,
            None => self.bytes_under_way = 0,
        }
        Ok(())
    }

    /// Keeps the progress, once all of it is durable.
    async fn keep(&mut self) -> Result<(), ExportError> {
        self.settle_all().await?;
        let tiles = RightEdge::tiles_needed(self.size()).into_iter();
        let tiles = tiles.filter_map(|id| Some((id, self.partial.get(&id)?.clone())));
        let progress = Progress {
            edge: self.edge.clone(),
            tiles: tiles.collect(),
        };
        self.place.write(vec![progress.file()]).await?;
        self.kept = self.size();
        Ok(())
    }

    /// Writes the certificates that no earlier tile of this run has named.
    async fn write_issuers(&mut self, tile: &ReadTile) -> Result<(), ExportError> {
        for fingerprint in &tile.issuers {
            if self.issuers.contains(fingerprint) {
                continue;
            }
            let wrong = |wrong: &str| ExportError::Issuer {
                fingerprint: *fingerprint,
                wrong: wrong.to_owned(),
            };
            let der = self.source.issuer(fingerprint).await;
            let der = der.map_err(ExportError::of_source)?;
            let der = der.ok_or_else(|| wrong("is missing"))?;
            if <[u8; 32]>::from(Sha256::digest(&der)) != *fingerprint {
                return Err(wrong("is another certificate"));
            }
            self.add(format!("issuer/{}", hex::encode(fingerprint)), der);
            self.flush_if_full().await?;
            if self.issuers.len() >= ISSUERS {
                self.issuers.clear();
            }
            self.issuers.insert(*fingerprint);
        }
        Ok(())
    }
}

/// Requires that the entries of a tile that the tree had before are still the same.
fn require_same(first: u64, hashes: &[Hash], written: &[u8]) -> Result<(), ExportError> {
    let (written, _) = written.as_chunks::<{ Hash::LENGTH }>();
    let differs = |(a, b): (&Hash, &[u8; Hash::LENGTH])| a.as_bytes() != b;
    match hashes.iter().zip(written).position(differs) {
        None => Ok(()),
        Some(place) => Err(ExportError::Entry {
            leaf_index: first + place as u64,
            wrong: "is another one than before".to_owned(),
        }),
    }
}
