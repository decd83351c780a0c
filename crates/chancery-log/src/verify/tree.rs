//! Rebuilding the tree from the hashes of its entries, and holding every stored hash tile against
//! it.
//!
//! Where two disagree, the tile above decides, or the head where there is none: it hashes to one of
//! them, and the other is to blame.

use std::collections::BTreeMap;

use chancery_tlog::{Hash, RightEdge, TILE_WIDTH, TileId, TileWrite, TreeHead, tile_width_at};

use super::KnownHead;
use super::finding::{Findings, Object};
use super::reading::Source;
use crate::StoreError;
use crate::read::cut;

/// The hashes of a full tile.
const FULL: usize = 256 * Hash::LENGTH;

/// A tree that grows from its entries.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    edge: RightEdge,
    /// The partial tiles of the edge, by level.
    partial: BTreeMap<u8, Vec<u8>>,
    /// How many stored tiles were compared.
    pub(super) tiles: u64,
}

/// The hashes of the entries of one tile, and the tile as it is stored.
pub(super) struct Leaves<'a> {
    pub(super) index: u64,
    /// From the place where the tree ends; `None` where an entry cannot be read.
    pub(super) hashes: &'a [Option<Hash>],
    pub(super) stored: Option<&'a [u8]>,
}

impl Tree {
    pub(super) fn empty() -> Self {
        Self {
            edge: RightEdge::empty(),
            partial: BTreeMap::new(),
            tiles: 0,
        }
    }

    /// Begins with the tree of `size` entries as its stored tiles have it.
    pub(super) async fn stored_at(
        source: &Source<'_>,
        size: u64,
    ) -> Result<Result<Self, String>, StoreError> {
        let needed = RightEdge::tiles_needed(size);
        let stored = source.hash_tiles(&needed).await?;
        let tiles: BTreeMap<_, _> = needed
            .into_iter()
            .zip(stored)
            .filter_map(|(id, bytes)| Some((id, cut(bytes?, id, size))))
            .collect();
        let edge = RightEdge::from_tiles(size, |id| tiles.get(&id).map(Vec::as_slice));
        Ok(edge.map_err(|e| e.to_string()).map(|edge| Self {
            edge,
            partial: tiles.into_iter().map(|(id, b)| (id.level, b)).collect(),
            tiles: 0,
        }))
    }

    pub(super) fn head(&self) -> TreeHead {
        self.edge.tree_head()
    }

    pub(super) fn size(&self) -> u64 {
        self.edge.tree_size()
    }

    /// Appends the entries of one tile, in place of which stands what the tile has where an entry
    /// is to blame, and holds every tile that becomes full against the stored one.
    pub(super) async fn append(
        &mut self,
        source: &Source<'_>,
        leaves: Leaves<'_>,
        known: &[KnownHead],
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let id = TileId {
            level: 0,
            index: leaves.index,
        };
        let mut hashes = self.fill_gaps(&leaves, findings);
        let mut whole = self.partial.get(&0).cloned().unwrap_or_default();
        let begins = whole.len() / Hash::LENGTH;
        whole.extend(hashes.iter().flat_map(|hash| *hash.as_bytes()));
        if whole.len() == FULL {
            let stored = leaves.stored.map(<[u8]>::to_vec);
            if let Some(right) = self.settle(source, id, &whole, stored, findings).await? {
                hashes = hashes_of(&right).skip(begins).collect();
            }
        }
        for write in self.grow(&hashes, known, findings) {
            if write.level > 0 && write.hashes.len() == FULL {
                let id = write.id();
                let stored = source.hash_tile(id).await?;
                self.settle(source, id, &write.hashes, stored, findings)
                    .await?;
            }
        }
        Ok(())
    }

    /// Puts the stored hash in the place of an entry that cannot be read: it was computed when the
    /// entry was written.
    fn fill_gaps(&self, leaves: &Leaves<'_>, findings: &mut Findings) -> Vec<Hash> {
        let stored = |place: u64| {
            let stored: Vec<_> = hashes_of(leaves.stored.unwrap_or_default()).collect();
            usize::try_from(place % TILE_WIDTH)
                .ok()
                .and_then(|place| stored.get(place).copied())
        };
        let mut gap = None;
        let hashes = (self.size()..).zip(leaves.hashes).map(|(place, hash)| {
            hash.or_else(|| stored(place)).unwrap_or_else(|| {
                gap.get_or_insert(place);
                Hash::EMPTY_ROOT
            })
        });
        let hashes = hashes.collect();
        if let Some(place) = gap {
            let wrong = "neither the entry nor its hash tile tells its hash: the root cannot be \
                         computed";
            findings.add(Object::entry(place), wrong);
        }
        hashes
    }

    /// Appends hashes, stopping at every known head on the way.
    fn grow(
        &mut self,
        hashes: &[Hash],
        known: &[KnownHead],
        findings: &mut Findings,
    ) -> Vec<TileWrite> {
        let mut writes = Vec::new();
        let mut rest = hashes;
        while !rest.is_empty() {
            let reached = self.size() + rest.len() as u64;
            let stops = known.iter().map(|known| known.head.tree_size);
            let stop = stops.filter(|stop| *stop > self.size()).min();
            let stop = stop.map_or(reached, |stop| stop.min(reached));
            let count = usize::try_from(stop - self.size()).unwrap_or(rest.len());
            let (now, later) = rest.split_at(count.min(rest.len()));
            for write in self.edge.append(now) {
                match write.hashes.len() {
                    FULL => {
                        self.partial.remove(&write.level);
                        writes.push(write);
                    }
                    _ => {
                        self.partial.insert(write.level, write.hashes);
                    }
                }
            }
            rest = later;
            self.compare_known(known, findings);
        }
        writes
    }

    /// Holds the tree, if it has just the size of a known head, against that.
    pub(super) fn compare_known(&self, known: &[KnownHead], findings: &mut Findings) {
        let here = known
            .iter()
            .filter(|known| known.head.tree_size == self.size());
        for KnownHead { name, head } in here {
            let root = self.head().root_hash;
            if root != head.root_hash {
                findings.add(
                    Object::Known(name.clone()),
                    format!(
                        "it has seen {} entries with root {}, and this log's first {} entries have \
                         root {root}: the log is another one, forked, or damaged",
                        head.tree_size, head.root_hash, head.tree_size
                    ),
                );
            }
        }
    }

    /// Holds a full tile against the stored one. Returns the stored hashes where they are right.
    async fn settle(
        &mut self,
        source: &Source<'_>,
        id: TileId,
        computed: &[u8],
        stored: Option<Vec<u8>>,
        findings: &mut Findings,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.tiles += 1;
        let Some(stored) = usable(id, stored, FULL..=FULL, findings) else {
            return Ok(None);
        };
        if stored == computed {
            return Ok(None);
        }
        let above = TileId {
            level: id.level + 1,
            index: id.index / TILE_WIDTH,
        };
        let above = source.hash_tile(above).await?.unwrap_or_default();
        let place = usize::try_from(id.index % TILE_WIDTH).unwrap_or_default();
        let above = hashes_of(&above).nth(place);
        if above == Some(root_of(&stored)) {
            blame_below(id, computed, &stored, findings);
            return Ok(Some(stored));
        }
        match above == Some(root_of(computed)) {
            true => blame_tile(id, computed, &stored, findings),
            false => blame_either(id, computed, &stored, findings),
        }
        Ok(None)
    }

    /// Holds the partial tiles and the root against what is stored. A tile may be as wide as the log
    /// has become meanwhile.
    pub(super) async fn finish(
        &mut self,
        source: &Source<'_>,
        root: Hash,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let size = self.size();
        let needed = RightEdge::tiles_needed(size);
        let mut differing = Vec::new();
        let tiles = source.hash_tiles(&needed).await?;
        let grown = source
            .head()
            .await?
            .map_or(size, |now| now.tree.tree_size.max(size));
        for (id, stored) in needed.iter().zip(tiles) {
            self.tiles += 1;
            let Some(computed) = self.partial.get(&id.level) else {
                continue;
            };
            let widest = usize::from(tile_width_at(id.level, id.index, grown)) * Hash::LENGTH;
            let Some(stored) = usable(*id, stored, computed.len()..=widest, findings) else {
                continue;
            };
            let stored = cut(stored, *id, size);
            if stored != *computed {
                differing.push((*id, computed.clone(), stored));
            }
        }
        match self.choice_for(root, &differing) {
            Some(choice) => {
                for (place, (id, computed, stored)) in differing.iter().enumerate() {
                    match choice >> place & 1 == 1 {
                        true => blame_below(*id, computed, stored, findings),
                        false => blame_tile(*id, computed, stored, findings),
                    }
                }
            }
            None => {
                for (id, computed, stored) in &differing {
                    blame_either(*id, computed, stored, findings);
                }
                let computed = self.head().root_hash;
                let wrong = format!(
                    "it says that {size} entries have root {root}; computed from them it is \
                     {computed}"
                );
                findings.add(Object::Head, wrong);
            }
        }
        Ok(())
    }

    /// Finds out which of the differing tiles are right (1) and which are damaged (0), by the root
    /// that they lead to.
    fn choice_for(&self, root: Hash, differing: &[(TileId, Vec<u8>, Vec<u8>)]) -> Option<u32> {
        (0..1_u32 << differing.len()).find(|choice| {
            let edge = RightEdge::from_tiles(self.size(), |id| {
                let chosen = differing.iter().enumerate().find(|(_, tile)| tile.0 == id);
                match chosen {
                    Some((place, (_, _, stored))) if choice >> place & 1 == 1 => Some(stored),
                    _ => self.partial.get(&id.level).map(Vec::as_slice),
                }
            });
            edge.is_ok_and(|edge| edge.tree_head().root_hash == root)
        })
    }

    /// Tells whether the stored right edge is the computed one: then only the head can be wrong.
    pub(super) async fn edge_is_stored(&self, source: &Source<'_>) -> Result<bool, StoreError> {
        let stored = Self::stored_at(source, self.size()).await?;
        Ok(stored.is_ok_and(|stored| stored.partial == self.partial))
    }

    /// Appends entries one by one until the root is `root`; returns how many that took.
    pub(super) fn grow_to(&mut self, root: Hash, hashes: &[Hash]) -> Option<u64> {
        (1..).zip(hashes).find_map(|(count, hash)| {
            self.edge.append(&[*hash]);
            (self.head().root_hash == root).then_some(count)
        })
    }
}

fn hashes_of(tile: &[u8]) -> impl Iterator<Item = Hash> {
    let (hashes, _) = tile.as_chunks::<{ Hash::LENGTH }>();
    hashes.iter().map(|hash| Hash::from_bytes(*hash))
}

fn root_of(tile: &[u8]) -> Hash {
    let mut subtree = RightEdge::empty();
    subtree.append(&hashes_of(tile).collect::<Vec<_>>());
    subtree.tree_head().root_hash
}

/// Returns a stored tile if it is there and as long as it must be.
fn usable(
    id: TileId,
    stored: Option<Vec<u8>>,
    lengths: std::ops::RangeInclusive<usize>,
    findings: &mut Findings,
) -> Option<Vec<u8>> {
    let Some(stored) = stored else {
        findings.add(Object::HashTile(id), "it is missing");
        return None;
    };
    if !lengths.contains(&stored.len()) || !stored.len().is_multiple_of(Hash::LENGTH) {
        let (found, least) = (stored.len(), lengths.start());
        let wrong = format!("it has {found} bytes instead of {least}");
        findings.add(Object::HashTile(id), wrong);
        return None;
    }
    Some(stored)
}

/// The places at which two tiles differ, with the hashes of both.
fn differences(computed: &[u8], stored: &[u8]) -> impl Iterator<Item = (u64, Hash, Hash)> {
    (0..)
        .zip(hashes_of(computed).zip(hashes_of(stored)))
        .filter(|(_, (computed, stored))| computed != stored)
        .map(|(place, (computed, stored))| (place, computed, stored))
}

fn blame_tile(id: TileId, computed: &[u8], stored: &[u8], findings: &mut Findings) {
    for (place, computed, stored) in differences(computed, stored).take(1) {
        let wrong = format!("hash {place} is {stored}; it must be {computed}");
        findings.add(Object::HashTile(id), wrong);
    }
}

fn blame_below(id: TileId, computed: &[u8], stored: &[u8], findings: &mut Findings) {
    for (place, computed, stored) in differences(computed, stored) {
        let below = id.index * TILE_WIDTH + place;
        let (object, what) = match id.level.checked_sub(1) {
            None => (Object::entry(below), "it hashes"),
            Some(level) => {
                let tile = TileId {
                    level,
                    index: below,
                };
                (Object::HashTile(tile), "it and the entries under it hash")
            }
        };
        let wrong = format!("{what} to {computed}; the tree has {stored}");
        findings.add(object, wrong);
    }
}

fn blame_either(id: TileId, computed: &[u8], stored: &[u8], findings: &mut Findings) {
    for (place, computed, stored) in differences(computed, stored).take(1) {
        let below = id.index * TILE_WIDTH + place;
        let source = match id.level.checked_sub(1) {
            None => format!("entry {below} hashes"),
            Some(level) => format!("hash tile level {level} index {below} hashes"),
        };
        let wrong = format!("hash {place} is {stored}, but {source} to {computed}");
        findings.add(Object::HashTile(id), wrong);
    }
}
