//! Any bit of what is stored, flipped.

use chancery_log::memory::State;
use chancery_tlog::Hash;
use proptest::prelude::*;

use super::numbered::{objects, state_of, verify};

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
