//! Finding an entry that was logged before, so that it need not be logged again.

use chancery_tlog::TreeHead;
use chancery_tlog::ct::{LeafIndex, TileLeaf};

use crate::leaf::{IndexTerm, Leaf};
use crate::log::Log;
use crate::read::{PublishedLog as _, ReadError};
use crate::sequencer::Sequenced;
use crate::snapshot::Snapshot;

impl Log {
    /// Returns the first entry that `term` finds, which must be `leaf`: the same place and time as
    /// when it was appended, so that an SCT for it says the same again.
    ///
    /// # Errors
    ///
    /// [`ReadError::Inconsistent`] if the entry is another one than `leaf`: nothing may be signed
    /// on the strength of it.
    pub async fn find(
        &self,
        term: &IndexTerm,
        leaf: &dyn Leaf,
    ) -> Result<Option<Sequenced>, ReadError> {
        let store = &self.publisher.store;
        let found = store.find(term.name, &term.stored_value(), 1).await?;
        let Some(&index) = found.first() else {
            return Ok(None);
        };
        let stored = store.entries(index..index.saturating_add(1)).await?;
        let inconsistent = |what: &str| {
            let IndexTerm { name, value } = term;
            ReadError::Inconsistent(format!("entry {index}, which {name} {value} finds, {what}"))
        };
        let [stored] = &*stored else {
            return Err(inconsistent("is missing"));
        };
        let Ok((stored, [])) = TileLeaf::parse(stored) else {
            return Err(inconsistent("does not parse"));
        };
        let place = LeafIndex::new(index).map_err(|_| inconsistent("is none"))?;
        let timestamp_ms = stored.timestamp_ms();
        let encoded = leaf.encode(place, timestamp_ms);
        if stored.merkle_tree_leaf() != encoded.merkle_leaf {
            return Err(inconsistent("is another one"));
        }
        let tree = self.head_beyond(index).await?;
        let merkle_leaf = encoded.merkle_leaf;
        Ok(Some(Sequenced::found(
            place,
            timestamp_ms,
            merkle_leaf,
            tree,
        )))
    }

    /// Returns a published head that covers an entry which is stored.
    async fn head_beyond(&self, leaf_index: u64) -> Result<TreeHead, ReadError> {
        let covers = |log: &Snapshot| log.head().tree.tree_size > leaf_index;
        let published = match self.known().filter(covers) {
            Some(known) => known,
            None => self.newest().await?,
        };
        if covers(&published) {
            return Ok(published.head().tree);
        }
        let what = format!("entry {leaf_index} is not covered by the published checkpoint yet");
        Err(ReadError::Unpublished(what))
    }
}
