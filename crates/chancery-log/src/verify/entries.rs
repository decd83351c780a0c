//! Looking at entries one by one, off the async threads.

use std::collections::HashMap;
use std::sync::Arc;

use chancery_tlog::Hash;
use sha2::{Digest, Sha256};
use tokio::task::JoinError;

use super::contents::Contents;
use super::reading::Read;
use super::terms::TermSum;
use crate::{Delivery, Form, IndexTerm, StoreError, StoredLeaf};

/// RFC 6962 is of June 2013: no entry is older.
const EARLIEST_MS: u64 = 1_370_044_800_000;

/// What is known before any entry is looked at. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Looker {
    pub(super) form: Form,
    pub(super) contents: Option<Arc<dyn Contents>>,
    /// The DER of the issuers that were read so far.
    pub(super) issuers: Arc<HashMap<[u8; 32], Vec<u8>>>,
}

/// An entry that was looked at.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) leaf_index: u64,
    /// Its hash in the tree, if it parses.
    pub(super) hash: Option<Hash>,
    pub(super) timestamp_ms: Option<u64>,
    /// What is wrong with it.
    pub(super) wrong: Option<String>,
    /// The issuers that it names and that were not read yet; it waits for them.
    pub(super) unread_issuers: Vec<[u8; 32]>,
    pub(super) leaf: Option<StoredLeaf>,
    /// The sum of its terms and their number; `None` if they cannot be told.
    pub(super) terms: Option<(TermSum, u64)>,
    /// What is wrong with its delivery by itself, if there is one.
    pub(super) delivery: Option<Result<(), String>>,
    /// Why the delivery does not belong to the entry.
    pub(super) mismatch: Option<String>,
}

impl Looker {
    /// Looks at an entry and what was handed out for it.
    pub(super) fn look(
        &self,
        leaf_index: u64,
        entry: &Read<Vec<u8>>,
        delivery: Option<&Read<Delivery>>,
    ) -> Looked {
        let mut looked = Looked {
            leaf_index,
            hash: None,
            timestamp_ms: None,
            wrong: None,
            unread_issuers: Vec::new(),
            leaf: None,
            terms: None,
            delivery: delivery.map(check_digest),
            mismatch: None,
        };
        match entry
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|entry| parse(self.form, leaf_index, entry))
        {
            Ok(leaf) => {
                looked.hash = Some(leaf.leaf_hash());
                looked.timestamp_ms = leaf.timestamp_ms();
                looked.wrong = fault_of(&leaf).err();
                looked.unread_issuers = self.unread(&leaf);
                if let (Some(contents), Some(Ok(delivery))) = (&self.contents, delivery) {
                    looked.mismatch = contents.check_delivery(&leaf, &delivery.body).err();
                }
                if looked.unread_issuers.is_empty() {
                    self.finish(&mut looked, &leaf);
                } else {
                    looked.leaf = Some(leaf);
                }
            }
            Err(wrong) => looked.wrong = Some(wrong),
        }
        looked
    }

    /// Checks an entry's contents, now that all issuers that are to be had were read.
    pub(super) fn finish(&self, looked: &mut Looked, leaf: &StoredLeaf) {
        let Some(contents) = &self.contents else {
            return;
        };
        if looked.wrong.is_none() {
            let issuer = leaf.chain_fingerprints().first();
            let issuer = issuer.and_then(|fingerprint| self.issuers.get(fingerprint));
            looked.wrong = contents
                .check_entry(looked.leaf_index, leaf, issuer.map(Vec::as_slice))
                .err();
        }
        if looked.wrong.is_none() {
            match all_terms(&**contents, leaf) {
                Ok(terms) => looked.terms = Some(TermSum::of(&terms, looked.leaf_index)),
                Err(wrong) => looked.wrong = Some(wrong),
            }
        }
    }

    fn unread(&self, leaf: &StoredLeaf) -> Vec<[u8; 32]> {
        let named = leaf.chain_fingerprints().iter();
        named
            .filter(|fingerprint| !self.issuers.contains_key(*fingerprint))
            .copied()
            .collect()
    }
}

fn fault_of(leaf: &StoredLeaf) -> Result<(), String> {
    match leaf.timestamp_ms() {
        None | Some(EARLIEST_MS..) => Ok(()),
        Some(time) => Err(format!("its time {time} is before there were such logs")),
    }
}

/// Returns what an entry should be found by: what it means, and its place in the tree.
pub(super) fn all_terms(
    contents: &dyn Contents,
    leaf: &StoredLeaf,
) -> Result<Vec<IndexTerm>, String> {
    let mut terms = contents.terms(leaf)?;
    terms.push(IndexTerm::leaf_hash(&leaf.leaf_hash()));
    Ok(terms)
}

/// Parses an entry that is one leaf and nothing else, and says its place.
pub(super) fn parse(form: Form, leaf_index: u64, entry: &[u8]) -> Result<StoredLeaf, String> {
    let parsed = form.parse(leaf_index, entry);
    parsed.map_err(|wrong| format!("it {wrong}"))
}

/// A panic in a thread that looked at something.
pub(super) fn panicked(error: JoinError) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

fn check_digest(delivery: &Read<Delivery>) -> Result<(), String> {
    let delivery = delivery.as_ref().map_err(Clone::clone)?;
    if <[u8; 32]>::from(Sha256::digest(&delivery.body)) == delivery.sha256 {
        Ok(())
    } else {
        Err("its SHA-256 is not the one recorded".to_owned())
    }
}
