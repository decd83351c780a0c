//! Reading the search index from begin to end.

use super::pace::Pace;
use super::reading::{self, Read};
use crate::{LogStore, StoreError, StoredTerm};

/// Terms read at once.
const PAGE: u32 = 4096;

/// Reads the index, a page at a time.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    store: &'a dyn LogStore,
    after: Option<StoredTerm>,
    limit: u32,
    ended: bool,
}

impl<'a> Pages<'a> {
    pub(super) fn of(store: &'a dyn LogStore) -> Self {
        Self {
            store,
            after: None,
            limit: PAGE,
            ended: false,
        }
    }

    /// Reads the next page, and waits for as long as that should take; `None` after the last one.
    /// Where the index cannot be read on, says after which term, as the last page.
    pub(super) async fn next(
        &mut self,
        pace: &mut Pace,
    ) -> Result<Option<Read<Vec<StoredTerm>>>, StoreError> {
        while !self.ended {
            match reading::terms(self.store, self.after.as_ref(), self.limit).await? {
                Ok(page) => {
                    // Not until a page is empty: an index that grows might never come to that.
                    self.ended = page.len() < usize::try_from(self.limit).unwrap_or(usize::MAX);
                    if let Some(last) = page.last() {
                        self.after = Some(last.clone());
                    }
                    pace.terms(page.len() as u64).await;
                    return Ok(Some(Ok(page)));
                }
                // One by one to the place.
                Err(_) if self.limit > 1 => self.limit = 1,
                Err(wrong) => {
                    self.ended = true;
                    return Ok(Some(Err(self.fault(&wrong))));
                }
            }
        }
        Ok(None)
    }

    fn fault(&self, wrong: &str) -> String {
        match &self.after {
            Some(StoredTerm {
                name,
                value,
                leaf_index,
            }) => {
                format!(
                    "it cannot be read on after {name}={value:?} of entry {leaf_index}: {wrong}"
                )
            }
            None => format!("its first term cannot be read: {wrong}"),
        }
    }
}
