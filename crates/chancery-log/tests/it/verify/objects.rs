//! Damage that takes more than one change to make, or to name.

use chancery_log::IndexTerm;
use chancery_log::verify::Options;
use chancery_tlog::ct::{Entry, PrecertEntry, TileLeaf};
use chancery_tlog::leaf_hash;
use sha2::{Digest, Sha256};

use super::numbered::{
    ISSUER, SIZE, flip, objects, options, replace_term, state_of, terms, verify, verify_with,
};
use crate::world::START_MS;

#[tokio::test]
async fn damage_to_the_index_names_the_term_and_its_entry() {
    let term =
        |name: &str, value: &str, entry: u64| format!("term {name}={value:?} of entry {entry}");
    let mut state = state_of(SIZE);
    replace_term(&mut state, 14);
    let serial = terms(b"tbs\0\0\0\0\0\0\0\x07");
    let [lost, _] = &serial[..] else { panic!() };
    let expected = [term("san", &lost.value, 7), term("san", "mallory", 7)];
    assert_eq!(objects(&verify(state).await), expected);

    let mut state = state_of(SIZE);
    state.terms.remove(14);
    assert_eq!(objects(&verify(state).await), expected[..1]);

    let mut state = state_of(SIZE);
    let mallory = IndexTerm {
        name: "san",
        value: "mallory".to_owned(),
    };
    state.terms.push((mallory.clone(), 7));
    assert_eq!(objects(&verify(state).await), expected[1..]);

    let mut state = state_of(SIZE);
    let place = state
        .terms
        .iter()
        .position(|(term, _)| term.name == IndexTerm::LEAF_HASH);
    let (lost, _) = state.terms.remove(place.unwrap());
    assert_eq!(
        objects(&verify(state).await),
        [term("leaf-hash", &lost.value, 0)]
    );

    let mut state = state_of(SIZE);
    state.terms.push((mallory, SIZE));
    assert_eq!(
        objects(&verify(state).await),
        [term("san", "mallory", SIZE)]
    );
}

#[tokio::test]
async fn issuers_are_compared_with_their_fingerprints_and_missing_ones_named() {
    let issuer: [u8; 32] = Sha256::digest(ISSUER).into();
    let name = format!("issuer {}", hex::encode(issuer));
    let mut state = state_of(SIZE);
    state.issuers.clear();
    assert_eq!(objects(&verify(state).await), [&*name]);

    let mut state = state_of(SIZE);
    state.issuers.insert([3; 32], b"unused".to_vec());
    let unused = format!("issuer {}", "03".repeat(32));
    assert_eq!(objects(&verify(state).await), [unused]);
}

#[tokio::test]
async fn rows_beyond_the_head_are_named() {
    let larger = state_of(SIZE + 2);
    let mut state = state_of(SIZE);
    state.entries = larger.entries;
    state.deliveries = larger.deliveries;
    let expected = ["entries 700 to 701", "delivery 701"];
    assert_eq!(objects(&verify(state).await), expected);
}

#[tokio::test]
async fn damage_on_several_levels_is_found_at_each() {
    let size = 256 * 258;
    let mut state = state_of(size);
    flip(state.tiles.get_mut(&(1, 0)).unwrap(), 40);
    flip(state.tiles.get_mut(&(2, 0)).unwrap(), 3);
    flip(&mut state.entries[66_000], 20);
    let options = Options {
        contents: None,
        ..options()
    };
    let report = verify_with(state, options).await;
    let expected = [
        "hash tile level 1 index 0",
        "entry 66000",
        "hash tile level 2 index 0",
    ];
    assert_eq!(objects(&report.findings), expected);
}

#[tokio::test]
async fn an_entry_and_its_tile_that_were_changed_together_are_found() {
    let mut state = state_of(SIZE);
    let forged = state_of(SIZE + 1).entries[0].clone();
    let (leaf, _) = TileLeaf::parse(&forged).unwrap();
    assert_eq!(objects(&verify(state.clone()).await), [""; 0]);
    let Entry::Precert(entry) = leaf.entry() else {
        panic!()
    };
    let forged = PrecertEntry::new(
        [8; 32],
        entry.tbs().to_vec(),
        entry.precertificate().to_vec(),
        entry.chain_fingerprints().to_vec(),
    )
    .unwrap();
    let place = 0.try_into().unwrap();
    state.entries[0] = forged.tile_leaf(place, START_MS);
    let hash = leaf_hash(&forged.merkle_tree_leaf(place, START_MS));
    state.tiles.get_mut(&(0, 0)).unwrap()[..32].copy_from_slice(hash.as_bytes());
    let findings = verify(state).await;
    let found = objects(&findings);
    // The index knows the leaf that was there.
    let in_index = |object: &String| object.starts_with("term leaf-hash=");
    assert_eq!(found[0], "hash tile level 0 index 0");
    assert!(
        found[1..].iter().all(in_index) && found.len() == 3,
        "{found:?}"
    );
}
