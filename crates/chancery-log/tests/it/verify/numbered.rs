//! A log whose certificates say their number, twice, and its verification.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chancery_log::memory::{MemoryStore, State};
use chancery_log::verify::{Contents, Findings, Options, Report, verify_stored};
use chancery_log::{Delivery, Head, IndexTerm, StoredLeaf};
use chancery_tlog::ct::{Entry, PrecertEntry};
use chancery_tlog::{RightEdge, leaf_hash};
use sha2::{Digest, Sha256};

use crate::world::START_MS;

/// A log with full tiles on level 0, and partial ones on levels 0 and 1.
pub(super) const SIZE: u64 = 700;

/// What the certificates of these tests say: their number, twice.
#[derive(Debug)]
pub(super) struct Numbered;

impl Contents for Numbered {
    fn check_entry(&self, _: u64, leaf: &StoredLeaf, issuer: Option<&[u8]>) -> Result<(), String> {
        let Entry::Precert(entry) = leaf.certificate()?.entry() else {
            return Err("it is no precertificate".to_owned());
        };
        if issuer.is_some_and(|issuer| issuer != ISSUER) {
            return Err("it has another issuer".to_owned());
        }
        match entry.precertificate() == [b"pre", entry.tbs()].concat() {
            true => Ok(()),
            false => Err("its precertificate is another".to_owned()),
        }
    }

    fn terms(&self, leaf: &StoredLeaf) -> Result<Vec<IndexTerm>, String> {
        let Entry::Precert(entry) = leaf.certificate()?.entry() else {
            return Err("it is no precertificate".to_owned());
        };
        Ok(terms(entry.tbs()))
    }

    fn check_delivery(&self, leaf: &StoredLeaf, body: &[u8]) -> Result<(), String> {
        match leaf.certificate()?.entry() {
            Entry::Precert(entry) if body == [b"fin", entry.tbs()].concat() => Ok(()),
            _ => Err("it is not the entry's".to_owned()),
        }
    }
}

pub(super) const ISSUER: &[u8] = b"the issuing certificate";

pub(super) fn terms(tbs: &[u8]) -> Vec<IndexTerm> {
    let number = hex::encode(tbs);
    vec![
        IndexTerm {
            name: "san",
            value: format!("{}@example.com", &number[number.len() - 1..]),
        },
        IndexTerm {
            name: "serial",
            value: number,
        },
    ]
}

/// Makes all that a log of `size` entries has stored.
pub(crate) fn state_of(size: u64) -> State {
    let issuer: [u8; 32] = Sha256::digest(ISSUER).into();
    let mut state = State {
        issuers: BTreeMap::from([(issuer, ISSUER.to_vec())]),
        ..State::default()
    };
    let mut edge = RightEdge::empty();
    let mut leaf_hashes = Vec::new();
    for index in 0..size {
        let time = START_MS + index / 3;
        let tbs = [b"tbs", &index.to_be_bytes()[..]].concat();
        let precertificate = [b"pre", &*tbs].concat();
        let entry = PrecertEntry::new([7; 32], tbs.clone(), precertificate, vec![issuer]).unwrap();
        let place = index.try_into().unwrap();
        state.entries.push(entry.tile_leaf(place, time));
        let hash = leaf_hash(&entry.merkle_tree_leaf(place, time));
        leaf_hashes.push((IndexTerm::leaf_hash(&hash), index));
        for tile in edge.append(&[hash]) {
            state.tiles.insert((tile.level, tile.index), tile.hashes);
        }
        for term in terms(&tbs) {
            state.terms.push((term, index));
        }
        if index % 5 != 0 {
            let body = Bytes::from([b"fin", &*tbs].concat());
            let delivery = Delivery {
                leaf_index: index,
                sha256: Sha256::digest(&body).into(),
                body,
            };
            state.deliveries.insert(index, delivery);
        }
        state.head = Head {
            tree: edge.tree_head(),
            timestamp_ms: time,
        };
    }
    state.terms.extend(leaf_hashes);
    state
}

pub(super) fn options() -> Options {
    Options {
        contents: Some(Arc::new(Numbered)),
        now_ms: START_MS + 1_000_000,
        ..Options::default()
    }
}

pub(super) async fn verify_with(state: State, options: Options) -> Report {
    let store = MemoryStore::default();
    *store.state() = state;
    verify_stored(&store, options, &mut |_| ()).await.unwrap()
}

pub(super) async fn verify(state: State) -> Findings {
    verify_with(state, options()).await.findings
}

pub(super) fn objects(findings: &Findings) -> Vec<String> {
    let objects = findings.first().iter();
    objects.map(|finding| finding.object.to_string()).collect()
}

pub(super) fn flip(bytes: &mut [u8], place: usize) {
    bytes[place] ^= 0x20;
}

pub(super) fn replace_term(state: &mut State, place: usize) {
    state.terms[place].0.value = "mallory".to_owned();
}
