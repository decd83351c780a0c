//! Comparing the search index with the terms that the entries give, without sorting either.
//!
//! The index is stored in the order of its values, the entries in the order of their places. So
//! each term is hashed, and the hashes are summed up for each block of entries, which is the same in
//! any order: what the entries give is added, what is stored is subtracted. Only blocks that do not
//! come out even are looked at term by term.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};

use sha2::{Digest, Sha256};

use super::entries::{all_terms, panicked, parse};
use super::finding::{Findings, MAX_FINDINGS, Object};
use super::pace::Pace;
use super::pages::Pages;
use super::reading::Source;
use super::{Contents, Progress, Stage};
use crate::{Form, IndexTerm, LogStore, StoreError, StoredTerm};

/// Entries in a block.
const BLOCK: u64 = 4096;

/// The index as findings name it.
const INDEX: Object = Object::Stored("search index");

/// How many uneven blocks are looked at term by term; about 2 MB each.
const EXPLAINED_BLOCKS: usize = 16;

/// A sum of SHA-256 values modulo 2^256.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct TermSum([u64; 4]);

impl TermSum {
    /// Sums up what an entry should be found by; returns how many terms that are, too.
    pub(super) fn of(terms: &[IndexTerm], leaf_index: u64) -> (Self, u64) {
        let terms: BTreeSet<_> = terms.iter().map(stored).collect();
        let mut sum = Self::default();
        for (name, value) in &terms {
            sum.add(Self::of_term(name, value, leaf_index));
        }
        (sum, terms.len() as u64)
    }

    fn of_term(name: &str, value: &str, leaf_index: u64) -> Self {
        // No name holds a NUL, and the index has a fixed length: no two terms read the same.
        let digest = Sha256::new()
            .chain_update(name)
            .chain_update([0])
            .chain_update(leaf_index.to_be_bytes())
            .chain_update(value)
            .finalize();
        let digest: [u8; 32] = digest.into();
        let (limbs, _) = digest.as_chunks::<8>();
        let mut sum = Self::default();
        for (limb, bytes) in sum.0.iter_mut().zip(limbs) {
            *limb = u64::from_le_bytes(*bytes);
        }
        sum
    }

    fn add(&mut self, other: Self) {
        let mut carry = false;
        for (limb, addend) in self.0.iter_mut().zip(other.0) {
            (*limb, carry) = limb.carrying_add(addend, carry);
        }
    }

    fn subtract(&mut self, other: Self) {
        let mut borrow = false;
        for (limb, subtrahend) in self.0.iter_mut().zip(other.0) {
            (*limb, borrow) = limb.borrowing_sub(subtrahend, borrow);
        }
    }
}

fn stored(term: &IndexTerm) -> (&str, Cow<'_, str>) {
    (term.name, term.stored_value())
}

/// The sums of all blocks: 32 bytes for 4096 entries.
#[derive(Debug)]
pub(super) struct TermLedger {
    verified: Range<u64>,
    first_block: u64,
    sums: Vec<TermSum>,
    /// Entries that something is wrong with: what they should be found by is not known. Bounded,
    /// because so are the findings that lead here.
    doubtful: BTreeSet<u64>,
}

/// The most entries of which it is remembered that they are doubtful.
const MAX_DOUBTFUL: usize = 100_000;

impl TermLedger {
    pub(super) fn beginning_at(first: u64) -> Self {
        Self {
            verified: first..first,
            first_block: first / BLOCK,
            sums: Vec::new(),
            doubtful: BTreeSet::new(),
        }
    }

    /// Enters what an entry gives; `None` if that cannot be told.
    pub(super) fn expect(&mut self, leaf_index: u64, terms: Option<TermSum>) {
        self.verified.end = leaf_index + 1;
        let Some(place) = self.block(leaf_index) else {
            return;
        };
        if self.sums.len() <= place {
            self.sums.resize(place + 1, TermSum::default());
        }
        match (terms, self.sums.get_mut(place)) {
            (Some(terms), Some(sum)) => sum.add(terms),
            _ if self.doubtful.len() < MAX_DOUBTFUL => {
                self.doubtful.insert(leaf_index);
            }
            _ => {}
        }
    }

    /// Takes away what is stored for an entry.
    fn find(&mut self, leaf_index: u64, term: TermSum) {
        if self.verified.contains(&leaf_index)
            && let Some(place) = self.block(leaf_index)
            && let Some(sum) = self.sums.get_mut(place)
        {
            sum.subtract(term);
        }
    }

    /// Remembers that entries are damaged, and their terms with them.
    pub(super) fn doubt(&mut self, entries: RangeInclusive<u64>) {
        let room = MAX_DOUBTFUL.saturating_sub(self.doubtful.len());
        self.doubtful.extend(entries.take(room));
    }

    fn block(&self, leaf_index: u64) -> Option<usize> {
        usize::try_from((leaf_index / BLOCK).checked_sub(self.first_block)?).ok()
    }

    fn uneven(&self) -> Vec<u64> {
        let blocks = (self.first_block..).zip(&self.sums);
        blocks
            .filter(|(_, sum)| **sum != TermSum::default())
            .map(|(block, _)| block)
            .collect()
    }

    /// Reads the whole index, subtracts what is stored, and names what differs. Returns how many
    /// terms there are, and the last of those that lie beyond what was verified.
    pub(super) async fn compare(
        mut self,
        store: &dyn LogStore,
        form: Form,
        contents: &dyn Contents,
        pace: &mut Pace,
        findings: &mut Findings,
        observer: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(u64, Vec<StoredTerm>), StoreError> {
        let mut count = 0;
        let mut beyond = Vec::new();
        let mut pages = Pages::of(store);
        while let Some(page) = pages.next(pace).await? {
            let Ok(page) = page.map_err(|wrong| findings.add(INDEX, wrong)) else {
                return Ok((count, beyond));
            };
            count += page.len() as u64;
            for (term, sum) in hashed(page).await? {
                if term.leaf_index < self.verified.end {
                    self.find(term.leaf_index, sum);
                } else {
                    beyond.push(term);
                }
            }
            // What was appended meanwhile is here too, and must not crowd out what is beyond the head.
            beyond.sort_unstable_by_key(|term| std::cmp::Reverse(term.leaf_index));
            beyond.truncate(MAX_FINDINGS);
            observer(Progress {
                stage: Stage::Index,
                done: count,
                total: None,
            });
        }
        let uneven = self.uneven();
        for blocks in uneven.chunks(EXPLAINED_BLOCKS).take(1) {
            self.explain(store, form, contents, blocks, pace, findings)
                .await?;
        }
        for block in uneven.iter().skip(EXPLAINED_BLOCKS) {
            let first = self.verified.start.max(block * BLOCK);
            let last = self.verified.end.min((block + 1) * BLOCK) - 1;
            let wrong = "the search index does not have exactly their terms";
            findings.add(Object::Entries(first..=last), wrong);
        }
        Ok((count, beyond))
    }

    /// Derives the terms of some blocks again and holds them against the stored ones, one by one.
    async fn explain(
        &self,
        store: &dyn LogStore,
        form: Form,
        contents: &dyn Contents,
        blocks: &[u64],
        pace: &mut Pace,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        // Whether a term is given by its entry (true), or stored alone (false).
        let mut differing: BTreeMap<(u64, String, String), bool> = BTreeMap::new();
        for block in blocks {
            let first = self.verified.start.max(block * BLOCK);
            let end = self.verified.end.min((block + 1) * BLOCK);
            for leaf_index in first..end {
                for (name, value) in given(store, form, contents, leaf_index).await? {
                    differing.insert((leaf_index, name, value), true);
                }
                pace.entries(1).await;
            }
        }
        let mut pages = Pages::of(store);
        while let Some(page) = pages.next(pace).await? {
            let page = page.unwrap_or_else(|wrong| {
                findings.add(INDEX, wrong);
                Vec::new()
            });
            let wanted = page.into_iter().filter(|term| {
                self.verified.contains(&term.leaf_index)
                    && blocks.contains(&(term.leaf_index / BLOCK))
            });
            for term in wanted {
                let key = (term.leaf_index, term.name, term.value);
                if differing.remove(&key).is_none() {
                    differing.insert(key, false);
                }
            }
        }
        for ((leaf_index, name, value), given) in differing {
            if self.doubtful.contains(&leaf_index) {
                continue;
            }
            let object = Object::Term {
                name,
                value,
                leaf_index,
            };
            let wrong = match given {
                true => "the search index lacks it",
                false => "the entry does not give it",
            };
            findings.add(object, wrong);
        }
        Ok(())
    }
}

/// Hashes terms off the async threads.
async fn hashed(page: Vec<StoredTerm>) -> Result<Vec<(StoredTerm, TermSum)>, StoreError> {
    let hashing = tokio::task::spawn_blocking(move || {
        let hash = |term: StoredTerm| {
            let sum = TermSum::of_term(&term.name, &term.value, term.leaf_index);
            (term, sum)
        };
        page.into_iter().map(hash).collect()
    });
    hashing.await.map_err(panicked)
}

async fn given(
    store: &dyn LogStore,
    form: Form,
    contents: &dyn Contents,
    leaf_index: u64,
) -> Result<Vec<(String, String)>, StoreError> {
    let entry = Source::database(store).entry(leaf_index).await?;
    let leaf = entry.and_then(|entry| parse(form, leaf_index, &entry));
    let terms = leaf
        .and_then(|leaf| all_terms(contents, &leaf))
        .unwrap_or_default();
    let owned = |term: &IndexTerm| (term.name.to_owned(), term.stored_value().into_owned());
    Ok(terms.iter().map(owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_the_same_in_any_order_and_come_out_even() {
        let terms = [("a", "x"), ("a", "y"), ("b", "x")];
        let mut forwards = TermSum::default();
        let mut backwards = TermSum::default();
        for (name, value) in terms {
            forwards.add(TermSum::of_term(name, value, 7));
        }
        for (name, value) in terms.into_iter().rev() {
            backwards.add(TermSum::of_term(name, value, 7));
        }
        assert_eq!(forwards, backwards);
        for (name, value) in terms {
            assert_ne!(forwards, TermSum::default());
            forwards.subtract(TermSum::of_term(name, value, 7));
        }
        assert_eq!(forwards, TermSum::default());
    }

    #[test]
    fn a_sum_carries_and_borrows_over_all_its_limbs() {
        let mut sum = TermSum([u64::MAX, u64::MAX, u64::MAX, 0]);
        sum.add(TermSum([1, 0, 0, 0]));
        assert_eq!(sum, TermSum([0, 0, 0, 1]));
        sum.subtract(TermSum([1, 0, 0, 0]));
        assert_eq!(sum, TermSum([u64::MAX, u64::MAX, u64::MAX, 0]));
    }
}
