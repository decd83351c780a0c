//! A log store in memory whose writes can be made to fail, for tests.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chancery_tlog::{RightEdge, TileId, TreeHead, tile_width_at};

use crate::store::{
    Batch, Beyond, Head, LogReader, LogStore, Plan, PlanRefused, SequenceError, StoreError,
    StoredTerm, Tip,
};
use crate::{Delivery, IndexTerm};

/// What the next call of [`LogStore::sequence`] does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Fails before anything is written.
    NotCommitted,
    /// Writes, and loses the answer.
    CommittedUnknown,
    /// Does not write, and loses the answer.
    LostUnknown,
}

/// A log in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    faults: Arc<Mutex<VecDeque<Fault>>>,
}

/// All that is stored.
#[derive(Clone, Debug)]
pub struct State {
    /// The stored head.
    pub head: Head,
    /// What the times of the entries are all before.
    pub ends_ms: Option<u64>,
    /// Data-tile bytes of each entry.
    pub entries: Vec<Vec<u8>>,
    /// Hash tiles.
    pub tiles: BTreeMap<(u8, u64), Vec<u8>>,
    /// Index terms with their entry.
    pub terms: Vec<(IndexTerm, u64)>,
    /// Deliveries by entry.
    pub deliveries: BTreeMap<u64, Delivery>,
    /// How many of the first entries count as gone.
    pub pruned_below: u64,
    /// Issuer certificates by SHA-256.
    pub issuers: BTreeMap<[u8; 32], Vec<u8>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            head: Head {
                tree: TreeHead::EMPTY,
                timestamp_ms: 0,
            },
            ends_ms: None,
            entries: Vec::new(),
            tiles: BTreeMap::new(),
            terms: Vec::new(),
            deliveries: BTreeMap::new(),
            pruned_below: 0,
            issuers: BTreeMap::new(),
        }
    }
}

impl MemoryStore {
    /// Makes the next calls of `sequence` fail so, in this order.
    pub fn fail_next(&self, faults: &[Fault]) {
        let mut waiting = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(faults);
    }

    /// Forgets the faults that have not happened yet.
    pub fn heal(&self) {
        let mut waiting = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.clear();
    }

    /// Gives access to all that is stored, to look at it or to damage it.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_fault(&self) -> Option<Fault> {
        self.faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }
}

impl State {
    /// Returns which of the leaves that may be logged once only are logged.
    fn already_logged(&self, batch: &Batch) -> Vec<String> {
        let terms = batch.only_once.iter().map(IndexTerm::leaf_hash);
        let terms = terms.filter(|term| self.terms.iter().any(|(stored, _)| stored == term));
        terms.map(|term| term.value).collect()
    }

    fn write(&mut self, batch: Batch) {
        self.head = batch.head;
        for entry in batch.entries {
            self.entries.push(entry.tile_leaf);
            self.terms
                .extend(entry.terms.into_iter().map(|term| (term, entry.leaf_index)));
        }
        for tile in batch.tiles {
            self.tiles.insert((tile.level, tile.index), tile.hashes);
        }
        for delivery in batch.deliveries {
            self.deliveries
                .entry(delivery.leaf_index)
                .or_insert(delivery);
        }
        for issuer in batch.issuers {
            self.issuers
                .entry(*issuer.fingerprint())
                .or_insert_with(|| issuer.der().to_vec());
        }
    }
}

fn away() -> StoreError {
    StoreError::Unavailable("injected by a test".into())
}

#[async_trait]
impl LogReader for MemoryStore {
    async fn head(&self) -> Result<Head, StoreError> {
        Ok(self.state().head)
    }

    async fn hash_tiles(&self, tiles: &[TileId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let state = self.state();
        Ok(tiles
            .iter()
            .map(|t| state.tiles.get(&(t.level, t.index)).cloned())
            .collect())
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        let state = self.state();
        let bound = |n: u64| {
            usize::try_from(n)
                .unwrap_or(usize::MAX)
                .min(state.entries.len())
        };
        let range = range.start.max(state.pruned_below)..range.end.max(state.pruned_below);
        Ok(state.entries[bound(range.start)..bound(range.end)].to_vec())
    }

    async fn issuer(&self, fingerprint: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.state().issuers.get(fingerprint).cloned())
    }

    async fn find(&self, name: &str, value: &str, limit: u32) -> Result<Vec<u64>, StoreError> {
        let state = self.state();
        let found = state
            .terms
            .iter()
            .filter(|(term, _)| term.name == name && term.stored_value() == value);
        let mut found: Vec<_> = found.map(|(_, leaf_index)| *leaf_index).collect();
        found.sort_unstable();
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }
}

#[async_trait]
impl LogStore for MemoryStore {
    async fn sequence(&self, known: Option<TreeHead>, plan: Plan<'_>) -> Result<(), SequenceError> {
        let fault = self.next_fault();
        if fault == Some(Fault::NotCommitted) {
            return Err(SequenceError::NotCommitted(away()));
        }
        let mut state = self.state();
        let head = state.head;
        let edge_tiles = (known != Some(head.tree)).then(|| {
            RightEdge::tiles_needed(head.tree.tree_size)
                .into_iter()
                .filter_map(|t| Some((t, state.tiles.get(&(t.level, t.index))?.clone())))
                .collect()
        });
        let batch = plan(Tip {
            head,
            ends_ms: state.ends_ms,
            edge_tiles,
            database_time_ms: None,
            server_run: None,
        })?;
        let terms = state.already_logged(&batch);
        if !terms.is_empty() {
            return Err(PlanRefused::AlreadyLogged { terms }.into());
        }
        if fault != Some(Fault::LostUnknown) {
            state.write(batch);
        }
        match fault {
            Some(_) => Err(SequenceError::Unknown(away())),
            None => Ok(()),
        }
    }

    async fn pruned_below(&self) -> Result<u64, StoreError> {
        Ok(self.state().pruned_below)
    }

    async fn prune(&self, below: u64) -> Result<(), StoreError> {
        let mut state = self.state();
        state.pruned_below = state.pruned_below.max(below);
        Ok(())
    }

    async fn record(&self, deliveries: &[Delivery]) -> Result<(), StoreError> {
        let mut state = self.state();
        for delivery in deliveries {
            state
                .deliveries
                .entry(delivery.leaf_index)
                .or_insert_with(|| delivery.clone());
        }
        Ok(())
    }

    async fn deliveries(&self, range: Range<u64>) -> Result<Vec<Delivery>, StoreError> {
        let state = self.state();
        let found = state.deliveries.range(range);
        Ok(found.map(|(_, delivery)| delivery.clone()).collect())
    }

    async fn terms(
        &self,
        after: Option<&StoredTerm>,
        limit: u32,
    ) -> Result<Vec<StoredTerm>, StoreError> {
        let stored = |(term, leaf_index): &(IndexTerm, u64)| StoredTerm {
            name: term.name.to_owned(),
            value: term.stored_value().into_owned(),
            leaf_index: *leaf_index,
        };
        let mut terms: Vec<_> = self.state().terms.iter().map(stored).collect();
        terms.sort_unstable();
        terms.retain(|term| after.is_none_or(|after| term > after));
        terms.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(terms)
    }

    async fn beyond(&self, tree_size: u64) -> Result<Beyond, StoreError> {
        let state = self.state();
        let tiles = state.tiles.keys().map(|(level, index)| TileId {
            level: *level,
            index: *index,
        });
        Ok(Beyond {
            entries: (tree_size..state.entries.len() as u64).collect(),
            hash_tiles: tiles
                .filter(|tile| tile_width_at(tile.level, tile.index, tree_size) == 0)
                .collect(),
            deliveries: state
                .deliveries
                .range(tree_size..)
                .map(|(i, _)| *i)
                .collect(),
        })
    }

    async fn issuers(&self) -> Result<Vec<([u8; 32], Vec<u8>)>, StoreError> {
        Ok(self.state().issuers.clone().into_iter().collect())
    }
}
