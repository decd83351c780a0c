//! The scrubber's rounds, and how fast they read.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use chancery_log::Form;
use chancery_log::clock::{FixedClock, from_unix_ms};
use chancery_log::memory::{MemoryStore, State};
use chancery_log::verify::{Options, Round, Scrubber, verify_stored};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::numbered::{Numbered, SIZE, flip, objects, options, state_of};
use crate::world::START_MS;

/// More entries than a round over the newest part has.
const LARGE: u64 = 65_536 + 300;

/// Begins to scrub a log.
fn scrub(state: State) -> (MemoryStore, UnboundedReceiver<Round>, JoinHandle<()>) {
    let store = MemoryStore::default();
    *store.state() = state;
    let (ended, rounds) = unbounded_channel();
    let scrubber = Scrubber {
        log: Arc::new(store.clone()),
        form: Form::StaticCt,
        contents: Arc::new(Numbered),
        clock: Arc::new(FixedClock::at(from_unix_ms(START_MS + 1_000_000))),
        entries_per_second: None,
    };
    let running = tokio::spawn(scrubber.run(move |round| drop(ended.send(round))));
    (store, rounds, running)
}

async fn next(rounds: &mut UnboundedReceiver<Round>) -> (bool, Vec<String>) {
    let Round { whole, report, .. } = rounds.recv().await.unwrap();
    (whole, objects(&report.unwrap().findings))
}

#[tokio::test(start_paused = true)]
async fn a_scrubber_finds_a_damaged_tile_in_each_round() {
    let (store, mut rounds, running) = scrub(state_of(SIZE));
    assert_eq!(next(&mut rounds).await, (false, Vec::new()));
    assert_eq!(next(&mut rounds).await, (true, Vec::new()));
    flip(store.state().tiles.get_mut(&(0, 1)).unwrap(), 99);
    let damaged = || vec!["hash tile level 0 index 1".to_owned()];
    assert_eq!(next(&mut rounds).await, (true, damaged()));
    assert_eq!(next(&mut rounds).await, (true, damaged()));
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn the_first_round_begins_between_3_and_13_minutes_after_the_start() {
    for _ in 0..20 {
        let started = Instant::now();
        let (_, mut rounds, running) = scrub(state_of(0));
        rounds.recv().await.unwrap();
        let minutes = started.elapsed().as_secs_f64() / 60.0;
        assert!((3.0..13.1).contains(&minutes), "{minutes}");
        running.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn the_newest_round_leaves_the_index_of_a_larger_log_alone() {
    let mut small = state_of(SIZE);
    small.terms.pop();
    let (_, mut rounds, running) = scrub(small);
    assert_eq!(next(&mut rounds).await.1.len(), 1);
    running.abort();

    let mut large = state_of(LARGE);
    large.terms.pop();
    flip(&mut large.entries[65_800], 20);
    let (_, mut rounds, running) = scrub(large);
    let found = (false, vec!["entry 65800".to_owned()]);
    assert_eq!(next(&mut rounds).await, found);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn entries_and_index_are_read_no_faster_than_told() {
    let store = MemoryStore::default();
    *store.state() = state_of(3_000);
    let paced = |index| Options {
        entries_per_second: NonZeroU32::new(100),
        index,
        ..options()
    };
    let took = async |options| {
        let begun = Instant::now();
        let report = verify_stored(&store, options, &mut |_| ()).await.unwrap();
        assert_eq!(objects(&report.findings), [""; 0]);
        begun.elapsed()
    };
    // Paused time stands still but for the waits; timers count whole milliseconds.
    let near = |took: Duration, seconds| {
        took.as_secs_f64() - seconds < 0.1 && took.as_secs_f64() >= seconds - 0.001
    };
    let entries = took(paced(false)).await;
    assert!(near(entries, 30.0), "{entries:?}");
    // 9,000 terms are as much as 3,000 entries.
    let both = took(paced(true)).await;
    assert!(near(both, 60.0), "{both:?}");
}

#[tokio::test(start_paused = true)]
async fn the_search_for_what_differs_in_the_index_is_paced_too() {
    let store = MemoryStore::default();
    *store.state() = state_of(3_000);
    store.state().terms.remove(14);
    let options = Options {
        entries_per_second: NonZeroU32::new(100),
        ..options()
    };
    let begun = Instant::now();
    let report = verify_stored(&store, options, &mut |_| ()).await.unwrap();
    assert_eq!(report.findings.total(), 1);
    // Entries and index, and both again.
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(99), "{took:?}");
}
