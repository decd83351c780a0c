//! The search index, and what is stored beyond the head.

use chancery_tlog::tile_width_at;

use super::Scan;
use crate::verify::Progress;
use crate::verify::finding::Object;
use crate::verify::reading::{blame, patiently};
use crate::verify::terms::TermLedger;
use crate::{Beyond, LogStore, StoreError, StoredTerm};

impl Scan<'_> {
    /// Compares the index with the terms of the entries. Returns the last of its terms that lie
    /// beyond what was verified.
    pub(super) async fn compare_index(
        &mut self,
        store: &dyn LogStore,
        observer: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Vec<StoredTerm>, StoreError> {
        let Some(contents) = self.options.contents.clone() else {
            return Ok(Vec::new());
        };
        if !self.options.index {
            return Ok(Vec::new());
        }
        let first = self.tree.size();
        let mut ledger = std::mem::replace(&mut self.ledger, TermLedger::beginning_at(first));
        for finding in self.findings.first() {
            if let Object::Entries(entries) = &finding.object {
                ledger.doubt(entries.clone());
            }
        }
        let beyond;
        (self.terms, beyond) = ledger
            .compare(
                store,
                self.options.form,
                &*contents,
                &mut self.pace,
                &mut self.findings,
                observer,
            )
            .await?;
        Ok(beyond)
    }

    /// Looks for what is stored beyond the head.
    pub(super) async fn compare_beyond(
        &mut self,
        store: &dyn LogStore,
        terms: Vec<StoredTerm>,
    ) -> Result<(), StoreError> {
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
        match beyond {
            Ok(beyond) => self.name_beyond(beyond, terms, now.tree.tree_size.max(size)),
            Err(wrong) => self
                .findings
                .add(Object::Stored("rows beyond the head"), wrong),
        }
        Ok(())
    }

    fn name_beyond(&mut self, beyond: Beyond, terms: Vec<StoredTerm>, end: u64) {
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
        for term in terms.into_iter().filter(|term| term.leaf_index >= end) {
            let object = Object::Term {
                name: term.name,
                value: term.value,
                leaf_index: term.leaf_index,
            };
            self.findings.add(object, &*wrong);
        }
    }
}
