//! Copying a log: broken off anywhere, from sources that lie, and going on from the copy.

use std::error::Error;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use chancery_log::copy::{CopyError, Copying, Side, recompute};
use chancery_log::memory::{Fault, MemoryStore, State};
use chancery_log::{
    Delivery, EncodedLeaf, Form, Head, IndexTerm, IssuerCertificate, Leaf, LogReader,
};
use chancery_tlog::ct::{Entry, LeafIndex, PrecertEntry};
use chancery_tlog::{Hash, TreeHead};

use crate::world::{TestLog, World};

/// Three batches of a copy.
const SIZE: u64 = 5_400;

const FAULTS: [Fault; 3] = [
    Fault::NotCommitted,
    Fault::CommittedUnknown,
    Fault::LostUnknown,
];

/// Makes a log of several batches at several times, each with a delivery.
async fn source() -> TestLog {
    source_in(World::new()).await
}

async fn source_in(world: World) -> TestLog {
    let log = world.open().await.unwrap();
    for _ in 0..9 {
        log.append_many(600).await;
        log.world.tick(Duration::from_secs(1));
    }
    assert_eq!(log.published().await.tree_size, SIZE);
    let mut state = log.world.memory.state();
    state.issuers.insert([9; 32], b"issuer".to_vec());
    for leaf_index in 0..SIZE {
        let body = leaf_index.to_be_bytes().to_vec();
        let sha256 = <sha2::Sha256 as sha2::Digest>::digest(&body).into();
        let body = body.into();
        let delivery = Delivery {
            leaf_index,
            body,
            sha256,
        };
        state.deliveries.insert(leaf_index, delivery);
    }
    drop(state);
    log
}

/// Makes an empty log that knows the source's issuer.
fn empty() -> MemoryStore {
    let store = MemoryStore::default();
    store.state().issuers.insert([9; 32], b"issuer".to_vec());
    store
}

fn terms(entry: &Entry) -> Result<Vec<IndexTerm>, Box<dyn Error + Send + Sync>> {
    match entry {
        Entry::Precert(entry) => Ok(vec![IndexTerm {
            name: "serial",
            value: hex(entry.tbs()),
        }]),
        Entry::X509(_) => Err("no precertificate".into()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn copy(from: &MemoryStore, target: &MemoryStore, to: Head) -> Result<Head, CopyError> {
    copy_watched(from, target, to, &|_| ()).await
}

async fn copy_watched(
    source: &MemoryStore,
    target: &MemoryStore,
    to: Head,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<Head, CopyError> {
    let copying = Copying {
        source,
        deliveries: Some(source),
        target,
        to,
        form: Form::StaticCt,
        terms: &|leaf| terms(leaf.certificate()?.entry()),
        progress,
    };
    copying.run().await
}

/// Asserts that all of `source` is in `copy`, to the byte.
fn assert_whole(copy: &MemoryStore, source: &MemoryStore) {
    let (copy, source) = (copy.state(), source.state());
    assert_eq!(copy.head, source.head);
    assert!(copy.entries == source.entries, "entries");
    assert!(copy.tiles == source.tiles, "tiles");
    assert!(copy.deliveries.keys().eq(source.deliveries.keys()));
    let leaf_hashes = |state: &State| {
        let terms = state.terms.iter();
        let of_tree = terms.filter(|(term, _)| term.name == IndexTerm::LEAF_HASH);
        of_tree.cloned().collect::<Vec<_>>()
    };
    assert_eq!(leaf_hashes(&copy).len() as u64, SIZE);
    assert!(leaf_hashes(&copy) == leaf_hashes(&source), "leaf hashes");
    let others = copy.terms.iter();
    let others = others.filter(|(term, _)| term.name == "serial");
    let places = others.map(|(_, leaf_index)| *leaf_index);
    assert!(places.eq(0..SIZE), "terms");
}

#[tokio::test]
async fn a_copy_has_the_same_bytes_and_times_and_the_log_goes_on_from_it() {
    let log = source().await;
    let (source, copied) = (&log.world.memory, empty());
    let to = source.head().await.unwrap();
    let seen = Mutex::new(Vec::new());
    let progress = |size| seen.lock().unwrap().push(size);
    let begun = copy_watched(source, &copied, to, &progress).await.unwrap();
    assert_eq!(begun.tree, TreeHead::EMPTY);
    assert_whole(&copied, source);
    recompute(&copied, Form::StaticCt, &to.tree).await.unwrap();
    let seen = seen.into_inner().unwrap();
    assert!(seen.len() >= 3 && seen.is_sorted() && seen.last() == Some(&SIZE));

    let copied = copied.state().clone();
    log.world.restore(&copied);
    let log = log.reopen().await;
    log.append_one().await.unwrap();
    log.check_log().await;
    assert_eq!(log.published().await.tree_size, SIZE + 1);
}

#[tokio::test]
async fn a_copy_that_breaks_off_anywhere_goes_on_when_it_is_run_again() {
    let log = source().await;
    let source = &log.world.memory;
    let to = source.head().await.unwrap();
    for batch in 0..3 {
        for first in FAULTS {
            for second in FAULTS {
                let copied = empty();
                let batches = AtomicU64::new(0);
                let fail = || copied.fail_next(&[first, second]);
                let progress = |_| {
                    if batches.fetch_add(1, SeqCst) + 1 == batch {
                        fail();
                    }
                };
                if batch == 0 {
                    fail();
                }
                let broken = copy_watched(source, &copied, to, &progress).await;
                assert!(matches!(broken, Err(CopyError::Sequence(_))), "{broken:?}");
                // The second fault strikes unless the first one hid that all was done.
                let again = copy(source, &copied, to).await;
                let done = batch == 2 && first == Fault::CommittedUnknown;
                assert_eq!(
                    again.is_ok(),
                    done,
                    "{batch} {first:?} {second:?}: {again:?}"
                );
                copied.heal();
                copy(source, &copied, to).await.unwrap();
                assert_whole(&copied, source);
            }
        }
    }
}

#[tokio::test]
async fn a_source_of_another_log_writes_nothing() {
    let log = source().await;
    let later = World::new();
    later.tick(Duration::from_millis(1));
    let other = source_in(later).await;
    let copied = empty();
    let to = log.world.memory.head().await.unwrap();
    let refused = copy(&other.world.memory, &copied, to).await.unwrap_err();
    assert!(matches!(refused, CopyError::OtherTree { .. }), "{refused}");
    assert_eq!(copied.state().entries.len(), 0);

    // The target has begun with another log's entries.
    let copied = empty();
    let size = copy_until(&other.world.memory, &copied, other.world.backup().head, 1).await;
    let refused = copy(&log.world.memory, &copied, to).await.unwrap_err();
    assert!(matches!(refused, CopyError::NotPrefix { .. }), "{refused}");
    assert_eq!(copied.state().entries.len() as u64, size);
}

#[tokio::test]
async fn a_source_that_is_too_short_and_a_target_that_is_too_long_are_refused() {
    let log = TestLog::of_size(5).await;
    let source = &log.world.memory;
    let head = source.head().await.unwrap();
    let beyond = Head {
        tree: TreeHead {
            tree_size: 6,
            root_hash: Hash::EMPTY_ROOT,
        },
        ..head
    };
    let refused = copy(source, &empty(), beyond).await.unwrap_err();
    assert!(
        matches!(refused, CopyError::SourceTooShort { .. }),
        "{refused}"
    );
    let nothing = Head {
        tree: TreeHead::EMPTY,
        ..head
    };
    let refused = copy(source, source, nothing).await.unwrap_err();
    assert!(
        matches!(refused, CopyError::TargetAhead { .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn a_byte_that_is_wrong_is_refused_before_its_batch_is_written() {
    let log = source().await;
    let source = &log.world.memory;
    let to = source.head().await.unwrap();
    let intact = log.world.backup();
    // In a hashed part of an entry of the last batch; the index extension and the chain; a tile.
    type Damage = fn(&mut State);
    let damages: [(Damage, &str); 5] = [
        (|s| s.entries[5_000][7] ^= 1, "is not a part of"),
        (|s| s.entries.swap(5_000, 5_001), "it says that it is entry"),
        (
            |s| *s.entries[5_000].last_mut().unwrap() ^= 1,
            "which neither log has",
        ),
        (|s| s.entries[5_000].push(0), "it is followed by 1 bytes"),
        (
            |s| s.deliveries.get_mut(&5_000).unwrap().sha256[0] ^= 1,
            "digest",
        ),
    ];
    for (damage, words) in damages {
        let copied = empty();
        damage(&mut source.state());
        let refused = copy(source, &copied, to).await.unwrap_err();
        assert!(refused.to_string().contains(words), "{refused}");
        let written = copied.state().entries.len();
        assert!((1..=5_000).contains(&written), "{written} entries");
        log.world.restore(&intact);
        copy(source, &copied, to).await.unwrap();
        assert_whole(&copied, source);
    }
}

#[tokio::test]
async fn issuers_that_the_target_lacks_come_with_their_entries() {
    let world = World::new();
    let log = world.open().await.unwrap();
    let late = IssuerCertificate::new("late");
    for number in 0..3 {
        let chain = vec![*late.fingerprint()];
        let entry = PrecertEntry::new([7; 32], vec![number], vec![number], chain).unwrap();
        let leaf = Box::new(WithIssuer(entry, late.clone()));
        log.log.append(leaf, Vec::new()).await.unwrap();
    }
    let source = &world.memory;
    let to = source.head().await.unwrap();
    let intact = source.state().issuers.clone();
    assert_eq!(intact[late.fingerprint()], late.der()[..]);

    let copied = MemoryStore::default();
    source
        .state()
        .issuers
        .insert(*late.fingerprint(), b"another".to_vec());
    let refused = copy(source, &copied, to).await.unwrap_err();
    assert!(
        refused.to_string().contains("does not have that digest"),
        "{refused}"
    );
    source.state().issuers = intact;
    copy(source, &copied, to).await.unwrap();
    assert_eq!(copied.state().issuers[late.fingerprint()], late.der()[..]);
    assert_eq!(copied.head().await.unwrap(), to);
}

/// An entry that brings a certificate of its chain along.
#[derive(Debug)]
struct WithIssuer(PrecertEntry, IssuerCertificate);

impl Leaf for WithIssuer {
    fn encode(&self, leaf_index: LeafIndex, timestamp_ms: u64) -> EncodedLeaf {
        self.0.encode(leaf_index, timestamp_ms)
    }

    fn new_issuers(&self) -> &[IssuerCertificate] {
        std::slice::from_ref(&self.1)
    }
}

#[tokio::test]
async fn wrong_tiles_of_the_source_write_nothing() {
    let log = source().await;
    let source = &log.world.memory;
    let to = source.head().await.unwrap();
    source.state().tiles.get_mut(&(1, 0)).unwrap()[0] ^= 1;
    let copied = empty();
    let refused = copy(source, &copied, to).await.unwrap_err();
    assert!(matches!(refused, CopyError::OtherTree { .. }), "{refused}");
    assert_eq!(copied.state().entries.len(), 0);
}

#[tokio::test]
async fn a_damaged_target_is_not_built_on() {
    let log = source().await;
    let source = &log.world.memory;
    let to = source.head().await.unwrap();
    let copied = empty();
    let first = copy_until(source, &copied, to, 1).await;
    assert!(first < SIZE);
    for hashes in copied.state().tiles.values_mut() {
        hashes[0] ^= 1;
    }
    let refused = copy(source, &copied, to).await.unwrap_err();
    let is_target = matches!(
        refused,
        CopyError::Damaged {
            side: Side::Target,
            ..
        }
    );
    assert!(is_target, "{refused}");
    assert_eq!(copied.head().await.unwrap().tree.tree_size, first);
}

/// Copies some batches and returns how many entries those have.
async fn copy_until(source: &MemoryStore, target: &MemoryStore, to: Head, batches: u64) -> u64 {
    let written = AtomicU64::new(0);
    let progress = |_| {
        if written.fetch_add(1, SeqCst) + 1 == batches {
            target.fail_next(&[Fault::NotCommitted]);
        }
    };
    let broken = copy_watched(source, target, to, &progress).await;
    broken.unwrap_err();
    target.head().await.unwrap().tree.tree_size
}

#[tokio::test]
async fn deliveries_that_came_after_the_targets_last_batch_are_copied_too() {
    let log = source().await;
    let source = &log.world.memory;
    let to = source.head().await.unwrap();
    let copied = empty();
    let size = copy_until(source, &copied, to, 2).await;
    copied
        .state()
        .deliveries
        .retain(|place, _| *place < size - 5);
    copy(source, &copied, to).await.unwrap();
    assert_whole(&copied, source);
}

#[tokio::test]
async fn the_head_gets_at_least_the_time_that_is_asked_for() {
    let log = TestLog::of_size(5).await;
    log.world
        .memory
        .state()
        .issuers
        .insert([9; 32], b"issuer".to_vec());
    let source = &log.world.memory;
    let mut to = source.head().await.unwrap();
    to.timestamp_ms += 7;
    let copied = empty();
    copy(source, &copied, to).await.unwrap();
    assert_eq!(copied.head().await.unwrap(), to);
}
