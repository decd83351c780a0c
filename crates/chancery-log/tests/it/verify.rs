//! Verification of a whole log: what is sound is clean, what others know is held against it, and it
//! runs beside appends.

mod damages;
mod sample;

use std::sync::Arc;

use chancery_log::LogReader;
use chancery_log::clock::unix_ms;
use chancery_log::memory::MemoryStore;
use chancery_log::verify::{
    KnownHead, Options, Round, Scrubber, Since, verify_published, verify_stored,
};
use chancery_tlog::{Hash, TreeHead};

use self::sample::{Numbered, SIZE, flip, objects, options, replace_term, state_of, verify_with};
use crate::world::START_MS;

#[tokio::test]
async fn a_whole_log_of_any_size_is_clean() {
    for size in [0, 1, 255, 256, 257, 1023, 1024, 1025, 3000] {
        let report = verify_with(state_of(size), options()).await;
        assert_eq!(objects(&report.findings), [""; 0], "{size}");
        assert_eq!((report.entries, report.terms), (size, 2 * size));
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
async fn what_was_verified_before_is_trusted_and_the_rest_is_not() {
    let before = state_of(300).head.tree;
    for since in [Since::Size(300), Since::Head(before)] {
        let options = || Options { since, ..options() };
        let mut state = state_of(SIZE);
        flip(&mut state.entries[5], 20);
        replace_term(&mut state, 14);
        let report = verify_with(state.clone(), options()).await;
        assert_eq!(objects(&report.findings), [""; 0], "{since:?}");
        assert_eq!((report.entries, report.since), (400, before));

        flip(&mut state.entries[350], 20);
        state.terms.remove(800);
        let findings = verify_with(state, options()).await.findings;
        assert_eq!(findings.first().len(), 2, "{findings:?}");
        assert_eq!(objects(&findings)[0], "entry 350");
        assert!(objects(&findings)[1].ends_with("of entry 400"));
    }
}

#[tokio::test]
async fn a_log_that_went_back_or_is_another_one_is_told_by_the_heads_others_have_seen() {
    let seen = |head| Options {
        known: vec![KnownHead {
            name: "guard".to_owned(),
            head,
        }],
        ..options()
    };
    for size in [0, 1, 256, 300, SIZE] {
        let report = verify_with(state_of(SIZE), seen(state_of(size).head.tree)).await;
        assert_eq!(objects(&report.findings), [""; 0], "{size}");
    }
    let ahead = verify_with(state_of(SIZE), seen(state_of(SIZE + 1).head.tree)).await;
    assert_eq!(objects(&ahead.findings), ["guard"]);
    let said = ahead.findings.first()[0].to_string();
    assert!(
        said.contains("701 entries") && said.contains("has 700"),
        "{said}"
    );
    for tree_size in [1, 256, 300, SIZE] {
        let other = TreeHead {
            tree_size,
            root_hash: Hash::from_bytes([1; 32]),
        };
        let report = verify_with(state_of(SIZE), seen(other)).await;
        assert_eq!(objects(&report.findings), ["guard"], "{tree_size}");
        let since = Since::Head(other);
        let report = verify_with(state_of(SIZE), Options { since, ..options() }).await;
        assert_eq!(objects(&report.findings), ["hash tiles"], "{tree_size}");
        assert_eq!(report.entries, SIZE);
    }
    let since = Since::Size(SIZE + 1);
    let report = verify_with(state_of(SIZE), Options { since, ..options() }).await;
    assert_eq!(objects(&report.findings), ["head"]);
}

#[tokio::test(start_paused = true)]
async fn a_scrubber_finds_a_damaged_tile_in_each_round() {
    let store = MemoryStore::default();
    *store.state() = state_of(SIZE);
    let (ended, mut rounds) = tokio::sync::mpsc::unbounded_channel();
    let clock = chancery_log::clock::FixedClock::at(chancery_log::clock::from_unix_ms(
        START_MS + 1_000_000,
    ));
    assert!(unix_ms(chancery_log::clock::Clock::now(&clock)) > START_MS);
    let scrubber = Scrubber {
        log: Arc::new(store.clone()),
        contents: Arc::new(Numbered),
        clock: Arc::new(clock),
        entries_per_second: None,
    };
    let running = tokio::spawn(scrubber.run(move |round| drop(ended.send(round))));
    let mut next = async || {
        let Round { whole, report, .. } = rounds.recv().await.unwrap();
        (whole, objects(&report.unwrap().findings))
    };
    assert_eq!(next().await, (false, Vec::new()));
    assert_eq!(next().await, (true, Vec::new()));
    flip(store.state().tiles.get_mut(&(0, 1)).unwrap(), 99);
    let damaged = || vec!["hash tile level 0 index 1".to_owned()];
    assert_eq!(next().await, (true, damaged()));
    assert_eq!(next().await, (true, damaged()));
    running.abort();
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
