//! Several processes on one database and one guard.

use std::collections::HashSet;
use std::sync::Arc;

use chancery_log::guard::{Advance, FileGuard};
use chancery_log::memory::Fault::CommittedUnknown;
use chancery_log::{Guard, PoolLimits};
use chancery_tlog::{TreeHead, leaf_hash};
use tokio::task::JoinSet;

use crate::faulty::GuardFault::{AnswerLost, Unreachable};
use crate::world::{TestLog, World, refused};

async fn two() -> (TestLog, TestLog) {
    let world = World::with_file_guard();
    (world.open().await.unwrap(), world.open().await.unwrap())
}

#[tokio::test]
async fn processes_take_turns_without_gaps_and_each_serves_what_the_other_answered() {
    let (one, other) = two().await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_append_at_once_leave_no_gaps() {
    let world = World::with_file_guard();
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

#[tokio::test]
async fn a_batch_that_another_process_overtook_is_released_under_a_head_that_covers_it() {
    let (one, other) = two().await;
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

#[tokio::test]
async fn a_head_that_the_other_process_could_not_release_is_released_with_the_next() {
    let (one, other) = two().await;
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

#[tokio::test]
async fn the_guard_of_the_other_process_halts_this_one_when_the_database_goes_back() {
    let (one, other) = two().await;
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

#[tokio::test]
async fn a_process_that_lost_a_race_forgets_nothing_of_its_own_edge() {
    let (one, other) = two().await;
    for size in [3, 255, 1, 256, 300] {
        one.append_many(size).await;
        other.append_many(1).await;
        other.append_many(size).await;
        one.check_log().await;
    }
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
