//! What every guard must do, whatever keeps it: called by the tests of each back end.
#![expect(clippy::expect_used, reason = "a check that cannot go on has failed")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chancery_tlog::{TreeHead, leaf_hash};
use tokio::task::JoinSet;

use super::{Advance, Guard, GuardError};

/// How long a back end may take to answer again after it was away.
const RECOVERY: Duration = Duration::from_secs(20);

/// A place for guards, as a test has it.
#[async_trait]
pub trait TestBed: Send + Sync {
    /// Makes a new guard for an empty log.
    async fn create(&self) -> Arc<dyn Guard>;

    /// Makes a new guard that stands at `head`.
    async fn create_at(&self, head: &TreeHead) -> Arc<dyn Guard>;

    /// Opens a guard as another process would, or says why it cannot.
    async fn open(&self, id: &str) -> Result<Arc<dyn Guard>, String>;

    /// Damages what a guard has recorded.
    async fn damage(&self, id: &str);

    /// Makes the place such that no guard in it can move.
    async fn take_away(&self);

    /// Undoes [`TestBed::take_away`].
    async fn bring_back(&self);
}

/// Runs all checks, one after the other.
pub async fn check(bed: &dyn TestBed) {
    a_new_guard_stands_where_it_was_made(bed).await;
    it_moves_and_remembers_over_reopening(bed).await;
    it_stays_when_it_stands_elsewhere(bed).await;
    racing_handles_move_it_in_one_order(bed).await;
    another_id_is_refused_and_nothing_is_made(bed).await;
    making_one_leaves_the_others_alone(bed).await;
    it_answers_again_after_it_was_away(bed).await;
    damage_is_told_from_absence(bed).await;
}

/// Makes a head, of which there can be several of one size.
fn head(tree_size: u64, kind: u64) -> TreeHead {
    let name = [tree_size.to_be_bytes(), kind.to_be_bytes()].concat();
    TreeHead {
        tree_size,
        root_hash: leaf_hash(&name),
    }
}

async fn advance(guard: &Arc<dyn Guard>, from: &TreeHead, to: &TreeHead) -> Advance {
    guard.advance(from, to).await.expect("the guard answers")
}

async fn stands(guard: &Arc<dyn Guard>) -> TreeHead {
    guard.read().await.expect("the guard answers")
}

async fn a_new_guard_stands_where_it_was_made(bed: &dyn TestBed) {
    let guard = bed.create().await;
    assert_eq!(stands(&guard).await, TreeHead::EMPTY);
    let guard = bed.create_at(&head(9, 0)).await;
    assert_eq!(stands(&guard).await, head(9, 0));
    let again = bed.open(guard.id()).await.expect("it is there");
    assert_eq!(stands(&again).await, head(9, 0));
}

async fn it_moves_and_remembers_over_reopening(bed: &dyn TestBed) {
    let guard = bed.create().await;
    let id = guard.id().to_owned();
    assert_eq!(
        advance(&guard, &TreeHead::EMPTY, &head(1, 0)).await,
        Advance::Moved
    );
    assert_eq!(
        advance(&guard, &head(1, 0), &head(5, 0)).await,
        Advance::Moved
    );
    drop(guard);
    let again = bed.open(&id).await.expect("it is there");
    assert_eq!(again.id(), id);
    assert_eq!(stands(&again).await, head(5, 0));
    assert_eq!(
        advance(&again, &head(5, 0), &head(6, 0)).await,
        Advance::Moved
    );
}

async fn it_stays_when_it_stands_elsewhere(bed: &dyn TestBed) {
    let guard = bed.create().await;
    let stale = bed.open(guard.id()).await.expect("it is there");
    advance(&guard, &TreeHead::EMPTY, &head(7, 0)).await;
    for (from, to) in [
        (TreeHead::EMPTY, head(3, 0)),
        (head(7, 1), head(8, 0)),
        (head(6, 0), head(7, 1)),
    ] {
        for handle in [&stale, &guard] {
            assert_eq!(
                advance(handle, &from, &to).await,
                Advance::StandsAt(head(7, 0))
            );
        }
    }
    assert_eq!(stands(&guard).await, head(7, 0));
    // The handle that was behind knows now, and may move it.
    assert_eq!(
        advance(&stale, &head(7, 0), &head(8, 0)).await,
        Advance::Moved
    );
    assert_eq!(
        advance(&guard, &head(7, 0), &head(9, 0)).await,
        Advance::StandsAt(head(8, 0))
    );
}

/// Each move that was answered [`Advance::Moved`] begins where exactly one other ended.
async fn racing_handles_move_it_in_one_order(bed: &dyn TestBed) {
    const HANDLES: u64 = 4;
    const SIZE: u64 = 24;
    let guard = bed.create().await;
    let mut racers = JoinSet::new();
    for kind in 0..HANDLES {
        let handle = bed.open(guard.id()).await.expect("it is there");
        racers.spawn(async move {
            let mut moves = Vec::new();
            let mut from = stands(&handle).await;
            while from.tree_size < SIZE {
                let to = head(from.tree_size + 1, kind);
                match advance(&handle, &from, &to).await {
                    Advance::Moved => {
                        moves.push((from, to));
                        from = to;
                    }
                    Advance::StandsAt(elsewhere) => {
                        assert_ne!(elsewhere, from, "it stood there, and did not move");
                        from = elsewhere;
                    }
                }
            }
            moves
        });
    }
    let all: Vec<_> = racers.join_all().await.into_iter().flatten().collect();
    let count = all.len();
    let by_start: HashMap<_, _> = all
        .into_iter()
        .map(|(from, to)| ((from.tree_size, from.root_hash.to_string()), to))
        .collect();
    assert_eq!(by_start.len(), count, "two moves began at one head");
    let mut at = TreeHead::EMPTY;
    for _ in 0..count {
        at = by_start[&(at.tree_size, at.root_hash.to_string())];
    }
    assert_eq!(at, stands(&guard).await);
    assert_eq!(at.tree_size, SIZE);
}

async fn another_id_is_refused_and_nothing_is_made(bed: &dyn TestBed) {
    let unknown = "00000000000000000000000000000000";
    bed.create().await;
    for _ in 0..2 {
        assert!(bed.open(unknown).await.is_err());
    }
}

async fn making_one_leaves_the_others_alone(bed: &dyn TestBed) {
    let first = bed.create().await;
    advance(&first, &TreeHead::EMPTY, &head(4, 0)).await;
    let second = bed.create().await;
    assert_ne!(first.id(), second.id());
    advance(&second, &TreeHead::EMPTY, &head(2, 0)).await;
    assert_eq!(stands(&first).await, head(4, 0));
    let again = bed.open(first.id()).await.expect("it is there");
    assert_eq!(stands(&again).await, head(4, 0));
}

async fn it_answers_again_after_it_was_away(bed: &dyn TestBed) {
    let guard = bed.create().await;
    advance(&guard, &TreeHead::EMPTY, &head(1, 0)).await;
    bed.take_away().await;
    let begun = Instant::now();
    let refused = guard.advance(&head(1, 0), &head(2, 0)).await;
    assert!(
        matches!(refused, Err(GuardError::Unavailable(_))),
        "{refused:?}"
    );
    assert!(begun.elapsed() < RECOVERY);
    bed.bring_back().await;
    let mut at = loop {
        match guard.read().await {
            Ok(at) => break at,
            Err(GuardError::Unavailable(_)) if begun.elapsed() < RECOVERY => {}
            Err(error) => panic!("it did not come back: {error:?}"),
        }
    };
    // Whether the move that failed took place may be unknown to the caller, never to the guard.
    if at == head(1, 0) {
        assert_eq!(advance(&guard, &at, &head(2, 0)).await, Advance::Moved);
        at = head(2, 0);
    }
    assert_eq!(at, head(2, 0));
    assert_eq!(advance(&guard, &at, &head(3, 0)).await, Advance::Moved);
}

async fn damage_is_told_from_absence(bed: &dyn TestBed) {
    let guard = bed.create().await;
    advance(&guard, &TreeHead::EMPTY, &head(1, 0)).await;
    bed.damage(guard.id()).await;
    let answers = [
        guard.read().await.map(|_| ()),
        guard.advance(&head(5, 0), &head(6, 0)).await.map(|_| ()),
    ];
    for answer in answers {
        assert!(matches!(answer, Err(GuardError::Damaged(_))), "{answer:?}");
    }
    assert!(bed.open(guard.id()).await.is_err());
}
