//! Several processes on one database and one guard.

use std::collections::HashSet;
use std::sync::Arc;

use chancery_log::guard::{Advance, FileGuard};
use chancery_log::memory::Fault::CommittedUnknown;
use chancery_log::{AppendError, EncodedLeaf, Guard, IndexTerm, Leaf, PoolLimits};
use chancery_tlog::ct::LeafIndex;
use chancery_tlog::{Hash, TreeHead, leaf_hash};
use tokio::task::JoinSet;

use crate::faulty::GuardFault::{AnswerLost, Unreachable};
use crate::world::{Kind, TestLog, World, refused};

over_both_kinds! {
    #[tokio::test] processes_take_turns_without_gaps_and_each_serves_what_the_other_answered,
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    processes_that_append_at_once_leave_no_gaps,
    #[tokio::test] a_batch_that_another_process_overtook_is_released_under_a_head_that_covers_it,
    #[tokio::test] a_head_that_the_other_process_could_not_release_is_released_with_the_next,
    #[tokio::test] the_guard_of_the_other_process_halts_this_one_when_the_database_goes_back,
    #[tokio::test] a_process_that_lost_a_race_forgets_nothing_of_its_own_edge,
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    a_leaf_that_is_logged_once_is_so_whichever_processes_are_given_it,
    #[tokio::test] a_batch_that_is_planned_again_keeps_the_terms_of_all_its_leaves,
}

async fn two(kind: Kind) -> (TestLog, TestLog) {
    let world = World::with_file_guard(kind);
    (world.open().await.unwrap(), world.open().await.unwrap())
}

async fn processes_take_turns_without_gaps_and_each_serves_what_the_other_answered(kind: Kind) {
    let (one, other) = two(kind).await;
    for round in 0..6 {
        for (writer, reader) in [(&one, &other), (&other, &one)] {
            let sequenced = writer.append_one().await.unwrap();
            assert_eq!(sequenced.leaf_index().get(), sequenced.tree().tree_size - 1);
            assert_eq!(reader.published().await, *sequenced.tree(), "round {round}");
        }
        one.check_log().await;
        other.check_log().await;
    }
    assert_eq!(one.world.stored_entries(), 12);
}

async fn processes_that_append_at_once_leave_no_gaps(kind: Kind) {
    let world = World::with_file_guard(kind);
    let limits = PoolLimits {
        capacity: 1_000,
        max_batch: 5,
    };
    let one = world.open_with(limits).await.unwrap();
    let other = world.open_with(limits).await.unwrap();
    let (a, b) = tokio::join!(one.append_many(150), other.append_many(150));
    assert_eq!(&a | &b, (0..300).collect::<HashSet<_>>());
    one.check_log().await;
    other.check_log().await;
}

async fn a_batch_that_another_process_overtook_is_released_under_a_head_that_covers_it(kind: Kind) {
    let (one, other) = two(kind).await;
    one.guard.gate.close();
    let overtaken = one.spawn_append();
    one.guard.gate.reached().await;
    let faster = other.append_one().await.unwrap();
    assert_eq!(faster.leaf_index().get(), 1);
    one.guard.gate.open();
    let overtaken = overtaken.await.unwrap().unwrap();
    assert_eq!(overtaken.leaf_index().get(), 0);
    one.append_one().await.unwrap();
    one.check_log().await;
    other.check_log().await;
}

async fn a_head_that_the_other_process_could_not_release_is_released_with_the_next(kind: Kind) {
    let (one, other) = two(kind).await;
    for faults in [
        &[Unreachable][..],
        &[AnswerLost],
        &[Unreachable, AnswerLost],
    ] {
        one.guard.fail_next(faults);
        for _ in faults {
            refused(&one).await;
        }
        other.append_one().await.unwrap();
        other.check_log().await;
        one.append_one().await.unwrap();
        one.check_log().await;
    }
    one.world.memory.fail_next(&[CommittedUnknown]);
    refused(&one).await;
    other.append_one().await.unwrap();
    one.append_one().await.unwrap();
    one.check_log().await;
}

async fn the_guard_of_the_other_process_halts_this_one_when_the_database_goes_back(kind: Kind) {
    let (one, other) = two(kind).await;
    one.append_many(5).await;
    let backup = one.world.backup();
    // This process has not seen what the other has released.
    other.append_many(4).await;
    one.world.restore(&backup);
    refused(&one).await;
    let reason = one.status().halted.unwrap();
    assert!(reason.contains("size 9 "), "{reason}");
    refused(&other).await;
    assert!(other.status().halted.is_some());
}

async fn a_process_that_lost_a_race_forgets_nothing_of_its_own_edge(kind: Kind) {
    let (one, other) = two(kind).await;
    for size in [3, 255, 1, 256, 300] {
        one.append_many(size).await;
        other.append_many(1).await;
        other.append_many(size).await;
        one.check_log().await;
    }
}

/// A leaf that a log may have once only.
#[derive(Clone, Debug)]
struct Once(Vec<u8>);

impl Leaf for Once {
    fn encode(&self, _: LeafIndex, _: u64) -> EncodedLeaf {
        EncodedLeaf {
            merkle_leaf: self.0.clone(),
            tile_leaf: self.0.clone(),
        }
    }

    fn only_once(&self) -> Option<Hash> {
        Some(leaf_hash(&self.0))
    }
}

async fn a_leaf_that_is_logged_once_is_so_whichever_processes_are_given_it(kind: Kind) {
    let (one, other) = two(kind).await;
    for round in 0..50_u8 {
        let mut appends = JoinSet::new();
        for number in 0..4 {
            for log in [&one, &other] {
                let log = Arc::clone(&log.log);
                let same = Once(vec![round]);
                appends.spawn(async move { log.append(Box::new(same), Vec::new()).await });
            }
            // What comes with it in a batch is logged, and keeps its terms.
            let log = Arc::clone(&one.log);
            let another = Once(vec![round, number]);
            let value = format!("{round}/{number}");
            let term = IndexTerm {
                name: "name",
                value,
            };
            let appended = log.append(Box::new(another), vec![term]).await;
            appended.unwrap();
        }
        let answers = appends.join_all().await;
        let logged = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(logged, 1, "round {round}: {answers:?}");
        let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
        for refused in refused {
            assert!(matches!(refused, AppendError::AlreadyLogged), "{refused}");
        }
    }
    let state = one.world.backup();
    assert_eq!(state.entries.len(), 250);
    let named = state.terms.iter().filter(|(term, _)| term.name == "name");
    assert_eq!(named.count(), 200);
}

/// A leaf that a log may have any number of times.
#[derive(Debug)]
struct Often(Vec<u8>);

impl Leaf for Often {
    fn encode(&self, _: LeafIndex, _: u64) -> EncodedLeaf {
        EncodedLeaf {
            merkle_leaf: self.0.clone(),
            tile_leaf: self.0.clone(),
        }
    }
}

async fn a_batch_that_is_planned_again_keeps_the_terms_of_all_its_leaves(kind: Kind) {
    let (one, _) = two(kind).await;
    let once = || Box::new(Once(vec![1]));
    one.log.append(once(), Vec::new()).await.unwrap();
    let term = IndexTerm {
        name: "name",
        value: "kept".to_owned(),
    };
    let (logged, refused) = tokio::join!(
        one.log.append(Box::new(Often(vec![2])), vec![term.clone()]),
        one.log.append(once(), Vec::new()),
    );
    let index = logged.unwrap().leaf_index().get();
    assert!(matches!(refused, Err(AppendError::AlreadyLogged)));
    assert!(one.world.backup().terms.contains(&(term, index)));
}

fn head(tree_size: u64) -> TreeHead {
    TreeHead {
        tree_size,
        root_hash: leaf_hash(&tree_size.to_be_bytes()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_moves_of_one_file_guard_at_once_exactly_one_happens() {
    let folder = tempfile::tempdir().unwrap();
    let guard = Arc::new(FileGuard::create(&folder.path().join("guard")).unwrap());
    let mut from = TreeHead::EMPTY;
    for round in 1..=40 {
        let mut moves = JoinSet::new();
        for choice in 0..8 {
            let (guard, to) = (Arc::clone(&guard), head(round * 10 + choice));
            moves.spawn(async move { (guard.advance(&from, &to).await.unwrap(), to) });
        }
        let answers = moves.join_all().await;
        let moved: Vec<_> = answers
            .iter()
            .filter(|(answer, _)| *answer == Advance::Moved)
            .collect();
        let [(_, to)] = moved[..] else {
            panic!("round {round}: {answers:?}");
        };
        assert_eq!(guard.read().await.unwrap(), *to, "round {round}");
        from = *to;
    }
}

#[tokio::test]
async fn a_guard_whose_lock_another_process_keeps_is_unavailable_within_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("guard");
    let guard = FileGuard::create(&path).unwrap();
    let frozen = std::fs::File::open(&path).unwrap();
    frozen.lock().unwrap();
    guard.advance(&TreeHead::EMPTY, &head(1)).await.unwrap_err();
    frozen.unlock().unwrap();
    let answer = guard.advance(&TreeHead::EMPTY, &head(1)).await.unwrap();
    assert_eq!(answer, Advance::Moved);
}
