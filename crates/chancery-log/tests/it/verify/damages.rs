//! Each kind of damage is named as what it is.

use bytes::Bytes;
use chancery_log::Delivery;
use chancery_log::memory::State;
use chancery_tlog::Hash;

use super::numbered::{SIZE, flip, objects, state_of, verify};

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
