//! Each kind of damage, and any flipped bit, is found and named as what it is.

use bytes::Bytes;
use chancery_log::memory::State;
use chancery_log::verify::Options;
use chancery_log::{Delivery, IndexTerm};
use chancery_tlog::ct::{Entry, PrecertEntry, TileLeaf};
use chancery_tlog::{Hash, leaf_hash};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::sample::{
    ISSUER, SIZE, flip, objects, options, replace_term, state_of, terms, verify, verify_with,
};
use crate::world::START_MS;

type Damage = fn(&mut State);

fn damage_delivery(state: &mut State, change: impl Fn(&mut Delivery)) {
    change(state.deliveries.get_mut(&7).unwrap());
}

const DAMAGES: [(&str, Damage, &[&str]); 33] = [
    ("time", |s| flip(&mut s.entries[5], 7), &["entry 5"]),
    ("far time", |s| flip(&mut s.entries[5], 1), &["entry 5"]),
    ("type", |s| flip(&mut s.entries[5], 9), &["entry 5"]),
    ("key hash", |s| flip(&mut s.entries[5], 20), &["entry 5"]),
    ("length", |s| flip(&mut s.entries[5], 44), &["entry 5"]),
    ("tbs", |s| flip(&mut s.entries[5], 50), &["entry 5"]),
    ("place", |s| flip(&mut s.entries[5], 65), &["entry 5"]),
    ("precert", |s| flip(&mut s.entries[5], 72), &["entry 5"]),
    (
        "chain",
        |s| {
            flip(
                s.entries[5].last_mut().map(std::slice::from_mut).unwrap(),
                0,
            )
        },
        &["entry 5"],
    ),
    ("cut off", |s| s.entries[5].truncate(60), &["entry 5"]),
    ("longer", |s| s.entries[5].push(0), &["entry 5"]),
    (
        "in the partial tile",
        |s| flip(&mut s.entries[650], 20),
        &["entry 650"],
    ),
    ("last", |s| flip(&mut s.entries[699], 7), &["entry 699"]),
    ("swapped", |s| s.entries.swap(5, 6), &["entry 5", "entry 6"]),
    ("last is gone", |s| drop(s.entries.pop()), &["entry 699"]),
    (
        "level 0",
        |s| flip(s.tiles.get_mut(&(0, 1)).unwrap(), 99),
        &["hash tile level 0 index 1"],
    ),
    (
        "level 0, edge",
        |s| flip(s.tiles.get_mut(&(0, 2)).unwrap(), 99),
        &["hash tile level 0 index 2"],
    ),
    (
        "level 1, edge",
        |s| flip(s.tiles.get_mut(&(1, 0)).unwrap(), 9),
        &["hash tile level 1 index 0"],
    ),
    (
        "truncated",
        |s| s.tiles.get_mut(&(0, 1)).unwrap().truncate(8160),
        &["hash tile level 0 index 1"],
    ),
    (
        "truncated edge",
        |s| s.tiles.get_mut(&(0, 2)).unwrap().truncate(64),
        &["hash tile level 0 index 2"],
    ),
    (
        "longer edge",
        |s| s.tiles.get_mut(&(1, 0)).unwrap().extend([0; 32]),
        &["hash tile level 1 index 0"],
    ),
    (
        "no tile",
        |s| drop(s.tiles.remove(&(0, 0))),
        &["hash tile level 0 index 0"],
    ),
    (
        "tile beyond",
        |s| drop(s.tiles.insert((1, 1), vec![0; 32])),
        &["hash tile level 1 index 1"],
    ),
    (
        "level beyond",
        |s| drop(s.tiles.insert((2, 0), vec![0; 32])),
        &["hash tile level 2 index 0"],
    ),
    (
        "root",
        |s| s.head.tree.root_hash = Hash::from_bytes([1; 32]),
        &["head"],
    ),
    ("size, less", |s| s.head.tree.tree_size = 600, &["head"]),
    ("size, more", |s| s.head.tree.tree_size = 1 << 39, &["head"]),
    (
        "size, too much",
        |s| s.head.tree.tree_size = 1 << 50,
        &["head"],
    ),
    ("head's time", |s| s.head.timestamp_ms ^= 0x100, &["head"]),
    (
        "head's time, later",
        |s| s.head.timestamp_ms ^= 1 << 50,
        &["head"],
    ),
    (
        "digest",
        |s| damage_delivery(s, |d| d.sha256[3] ^= 1),
        &["delivery 7"],
    ),
    (
        "body",
        |s| damage_delivery(s, |d| d.body = Bytes::from_static(b"no")),
        &["delivery 7"],
    ),
    (
        "another's",
        |s| {
            let other = s.deliveries[&8].clone();
            damage_delivery(s, |d| {
                d.body = other.body.clone();
                d.sha256 = other.sha256;
            });
        },
        &["delivery 7"],
    ),
];

#[tokio::test]
async fn each_kind_of_damage_is_named_as_what_it_is() {
    for (what, damage, expected) in DAMAGES {
        let mut state = state_of(SIZE);
        damage(&mut state);
        let mut findings = objects(&verify(state).await);
        findings.dedup();
        // A head that says more than there can be says more than there is, too.
        assert_eq!(findings, expected, "{what}");
    }
}

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
    assert_eq!(objects(&verify(state).await), ["hash tile level 0 index 0"]);
}

/// Every byte that is stored, by a place from 0 on.
fn flip_any(state: &mut State, choice: usize, bit: u8) -> String {
    let mut places: Vec<(String, &mut [u8])> = Vec::new();
    for (index, entry) in state.entries.iter_mut().enumerate() {
        places.push((format!("entry {index}"), entry));
    }
    for ((level, index), tile) in &mut state.tiles {
        places.push((format!("hash tile level {level} index {index}"), tile));
    }
    for (fingerprint, der) in &mut state.issuers {
        places.push((format!("issuer {}", hex::encode(fingerprint)), der));
    }
    let mut bodies: Vec<_> = state.deliveries.values().map(|d| d.body.to_vec()).collect();
    for (delivery, body) in state.deliveries.values_mut().zip(&mut bodies) {
        places.push((format!("delivery {}", delivery.leaf_index), body));
        places.push((
            format!("delivery {}", delivery.leaf_index),
            &mut delivery.sha256,
        ));
    }
    let mut root = *state.head.tree.root_hash.as_bytes();
    let mut size = state.head.tree.tree_size.to_be_bytes();
    let mut time = state.head.timestamp_ms.to_be_bytes();
    for number in [&mut root[..], &mut size, &mut time] {
        places.push(("head".to_owned(), number));
    }
    let total: usize = places.iter().map(|(_, bytes)| bytes.len()).sum();
    let mut left = choice % total;
    let mut named = String::new();
    for (name, bytes) in places {
        if left < bytes.len() {
            bytes[left] ^= 1 << bit;
            named = name;
            break;
        }
        left -= bytes.len();
    }
    for (delivery, body) in state.deliveries.values_mut().zip(bodies) {
        delivery.body = body.into();
    }
    state.head.tree.root_hash = Hash::from_bytes(root);
    state.head.tree.tree_size = u64::from_be_bytes(size);
    state.head.timestamp_ms = u64::from_be_bytes(time);
    named
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_flipped_bit_is_found_where_it_is(size in 1_u64..400, choice: usize, bit in 0_u8..8) {
        let mut state = state_of(size);
        let flipped = flip_any(&mut state, choice, bit);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let findings = runtime.block_on(verify(state));
        prop_assert!(objects(&findings).contains(&flipped), "{flipped}: {findings:?}");
    }
}
