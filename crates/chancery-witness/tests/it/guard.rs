//! A witness as guard: what every guard must do, as far as a real tree can show it.

use std::sync::Arc;

use chancery_log::guard::{Advance, GuardError};
use chancery_log::{AppendError, Guard, Log, OpenLogError, PublishError};
use chancery_tlog::TreeHead;
use chancery_witness::Witness;

use crate::server::{Behaviour, Server};
use crate::world::{OneWitness, World, published};

struct Guarded {
    world: World,
    one: OneWitness,
    witness: Arc<Witness>,
    server: Server,
}

impl Guarded {
    async fn new() -> Self {
        let world = World::new();
        let one = world.witness("guard.example");
        let witness = one.open();
        let server = Server::start(Behaviour::Honest(Arc::clone(&witness))).await;
        Self {
            world,
            one,
            witness,
            server,
        }
    }

    fn guard(&self) -> Arc<dyn Guard> {
        Arc::new(self.world.guard(&self.server.url, &self.one.key()))
    }

    async fn open(&self) -> Result<Log, OpenLogError> {
        self.world.open_with(self.guard(), None).await
    }

    /// Grows the log without the guard's knowledge, and returns the head.
    async fn grow(&self, count: usize) -> TreeHead {
        let path = self.world.folder.path().join(format!("unknown-{count}"));
        let stands = self.world.reader().head().await.unwrap().tree;
        let guard = chancery_log::guard::FileGuard::create_at(&path, &stands).unwrap();
        let log = self.world.open_with(Arc::new(guard), None).await.unwrap();
        self.world.append_many(&log, count).await;
        log.close().await;
        log.status().tree
    }
}

#[tokio::test]
async fn it_comes_along_with_the_log_and_remembers_over_reopening() {
    let guarded = Guarded::new().await;
    let log = guarded.open().await.unwrap();
    guarded.world.append_many(&log, 4).await;
    let (head, _) = published(&log, &[]).await;
    drop(log);
    let again = guarded.guard();
    assert_eq!(again.id(), guarded.guard().id());
    assert_eq!(again.read().await.unwrap(), head);
    let log = guarded.open().await.unwrap();
    guarded.world.append_many(&log, 1).await;
}

#[tokio::test]
async fn two_handles_move_it_in_one_order_and_one_that_is_behind_is_told_where_it_stands() {
    let guarded = Guarded::new().await;
    let (one, other) = (guarded.guard(), guarded.guard());
    let small = guarded.grow(3).await;
    assert_eq!(
        one.advance(&TreeHead::EMPTY, &small).await.unwrap(),
        Advance::Moved
    );
    let large = guarded.grow(300).await;
    // It does not stand where the caller thinks, and comes along by a proof from where it stands.
    assert_eq!(
        other.advance(&TreeHead::EMPTY, &large).await.unwrap(),
        Advance::Moved
    );
    let stands = one.advance(&TreeHead::EMPTY, &small).await.unwrap();
    assert_eq!(stands, Advance::StandsAt(large));
    assert_eq!(one.read().await.unwrap(), large);
    assert_eq!(other.advance(&large, &large).await.unwrap(), Advance::Moved);
}

#[tokio::test]
async fn two_processes_take_turns_past_it() {
    let guarded = Guarded::new().await;
    let (one, other) = (guarded.open().await.unwrap(), guarded.open().await.unwrap());
    for _ in 0..10 {
        guarded.world.append_many(&one, 1).await;
        guarded.world.append_many(&other, 2).await;
    }
    assert_eq!(published(&one, &[]).await.0.tree_size, 30);
}

#[tokio::test]
async fn a_database_that_went_back_is_refused_with_both_sizes_at_start_and_while_running() {
    let guarded = Guarded::new().await;
    let log = guarded.open().await.unwrap();
    guarded.world.append_many(&log, 2).await;
    let backup = guarded.world.memory.state().clone();
    guarded.world.append_many(&log, 5).await;
    *guarded.world.memory.state() = backup;

    let refusal = guarded.open().await.unwrap_err();
    let said = refusal.to_string();
    assert!(
        said.contains("a tree of 7 entries") && said.contains("holds 2"),
        "{said}"
    );
    assert!(
        matches!(refusal, OpenLogError::Guard(GuardError::AtOdds(_))),
        "{said}"
    );
    let refusal = guarded.world.append(&log).await.unwrap_err();
    assert!(matches!(refusal, AppendError::Halted(_)), "{refusal}");
    assert!(log.status().halted.is_some());
}

#[tokio::test]
async fn a_log_that_forked_is_halted_by_it() {
    let guarded = Guarded::new().await;
    guarded.grow(2).await;
    let backup = guarded.world.memory.state().clone();
    let log = guarded.open().await.unwrap();
    guarded.world.append_many(&log, 2).await;
    log.close().await;
    // Another history of the same length.
    *guarded.world.memory.state() = backup;
    guarded.grow(3).await;
    let refusal = guarded.open().await.unwrap_err();
    let said = refusal.to_string();
    assert!(
        matches!(refusal, OpenLogError::Guard(GuardError::AtOdds(_))),
        "{said}"
    );
    assert!(said.contains("does not extend"), "{said}");
}

#[tokio::test]
async fn while_it_is_away_nothing_is_released_and_it_answers_again_after() {
    let guarded = Guarded::new().await;
    let log = guarded.open().await.unwrap();
    guarded.world.append_many(&log, 2).await;
    let gone = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_vec();
    guarded.server.turn_into(Behaviour::Says(gone));
    for _ in 0..2 {
        let refusal = guarded.world.append(&log).await.unwrap_err();
        assert!(matches!(refusal, AppendError::Unavailable(_)), "{refusal}");
    }
    let refused = guarded.open().await.unwrap_err();
    assert!(
        matches!(refused, OpenLogError::Guard(GuardError::Unavailable(_))),
        "{refused}"
    );
    assert_eq!(log.status().tree.tree_size, 2);
    assert!(log.probe().await.is_err());
    guarded
        .server
        .turn_into(Behaviour::Honest(Arc::clone(&guarded.witness)));
    guarded.world.append_many(&log, 1).await;
    assert_eq!(log.status().tree.tree_size, 4);
}

#[tokio::test]
async fn a_lie_of_it_halts_nothing_unless_it_is_a_claim_to_have_seen_more() {
    let guarded = Guarded::new().await;
    let log = guarded.open().await.unwrap();
    guarded.world.append_many(&log, 2).await;
    let garbage = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_vec();
    guarded.server.turn_into(Behaviour::Says(garbage));
    guarded.world.append(&log).await.unwrap_err();
    assert_eq!(log.status().halted, None);

    let more = b"HTTP/1.1 409 Conflict\r\ncontent-length: 3\r\n\r\n99\n".to_vec();
    guarded.server.turn_into(Behaviour::Says(more));
    let refusal = guarded.world.append(&log).await.unwrap_err();
    assert!(matches!(refusal, AppendError::Halted(_)), "{refusal}");
    let refusal = guarded.open().await.unwrap_err();
    assert!(
        !matches!(refusal, OpenLogError::Publish(PublishError::Encode(_))),
        "{refusal}"
    );
}
