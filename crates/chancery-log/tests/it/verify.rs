//! Verification of a whole log: each kind of damage is found, and named as what it is.

mod damages;
mod flips;
pub(crate) mod numbered;
mod objects;
mod scrub;
mod trusted;

use chancery_log::memory::MemoryStore;
use chancery_log::verify::{verify_published, verify_stored};
use chancery_log::{IndexTerm, LogReader};

use numbered::{SIZE, objects, options, state_of, verify_with};

#[tokio::test]
async fn a_whole_log_of_any_size_is_clean() {
    for size in [0, 1, 255, 256, 257, 1023, 1024, 1025, 3000] {
        let report = verify_with(state_of(size), options()).await;
        assert_eq!(objects(&report.findings), [""; 0], "{size}");
        assert_eq!((report.entries, report.terms), (size, 3 * size));
        assert_eq!(report.deliveries, size - size.div_ceil(5));
    }
}

#[tokio::test]
async fn published_bytes_are_verified_without_index_and_deliveries() {
    let mut state = state_of(SIZE);
    state.terms.clear();
    state.deliveries.clear();
    let store = MemoryStore::default();
    *store.state() = state;
    let report = verify_published(&store, options(), &mut |_| ())
        .await
        .unwrap();
    assert_eq!(objects(&report.findings), [""; 0]);
    assert_eq!((report.entries, report.issuers), (SIZE, 1));
}

#[tokio::test]
async fn entries_appended_meanwhile_are_left_for_the_next_time() {
    let store = MemoryStore::default();
    *store.state() = state_of(SIZE);
    let mut size = SIZE;
    let grow = store.clone();
    let mut grow = move |_| {
        size += 100;
        *grow.state() = state_of(size);
    };
    let report = verify_stored(&store, options(), &mut grow).await.unwrap();
    assert_eq!(objects(&report.findings), [""; 0]);
    assert_eq!(report.entries, SIZE);
    assert!(store.head().await.unwrap().tree.tree_size > SIZE);
}

#[tokio::test]
async fn a_term_beyond_the_head_is_found_among_many_that_were_appended_meanwhile() {
    let store = MemoryStore::default();
    *store.state() = state_of(SIZE);
    let growing = store.clone();
    let mut grow = move |_| {
        let mut grown = state_of(SIZE + 200);
        let stray = IndexTerm {
            name: "serial",
            value: "z".to_owned(),
        };
        grown.terms.push((stray, SIZE + 1_000));
        *growing.state() = grown;
    };
    let report = verify_stored(&store, options(), &mut grow).await.unwrap();
    assert_eq!(
        objects(&report.findings),
        ["term serial=\"z\" of entry 1700"]
    );
}
