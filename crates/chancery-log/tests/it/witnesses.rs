//! Witnesses: what they have not cosigned is not released, and nobody's hand is needed when they are
//! back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chancery_log::{
    AppendError, CosignError, Cosigned, LogReader, PublishedLog as _, ReadError, Waiting,
    Witnesses, consistency_proof,
};
use chancery_tlog::{Checkpoint, KeyName, NoteSignature, SignedNote, TreeHead, verify_consistency};

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::faulty::until;
use crate::world::{TestLog, World, refused};

/// Far more than anything here takes that does not wait for ever.
const FOR_EVER: Duration = Duration::from_secs(60);

/// One witness, which every process asks: it remembers the largest tree, as a real one does.
#[derive(Debug, Default)]
struct OneWitness(Mutex<Memory>, Notify);

#[derive(Clone, Debug, Default)]
struct Memory {
    seen: Option<TreeHead>,
    away: bool,
    hangs: bool,
    not_required: bool,
    asked: u64,
    asked_last: u64,
    lines: u64,
}

impl OneWitness {
    fn set_away(&self, away: bool) {
        self.0.lock().unwrap().away = away;
    }

    /// While it hangs it answers nothing; whoever was asking gets the answer after.
    fn set_hanging(&self, hangs: bool) {
        self.0.lock().unwrap().hangs = hangs;
        self.1.notify_waiters();
    }

    fn asked(&self) -> u64 {
        self.0.lock().unwrap().asked
    }

    fn seen(&self) -> u64 {
        self.0.lock().unwrap().seen.map_or(0, |head| head.tree_size)
    }
}

#[async_trait]
impl Witnesses for OneWitness {
    async fn cosign(
        &self,
        checkpoint: &SignedNote,
        head: &TreeHead,
        log: Arc<dyn LogReader>,
        waiting: Waiting,
    ) -> Result<Cosigned, CosignError> {
        let stated = Checkpoint::parse(checkpoint.text()).unwrap();
        assert_eq!(stated.head, *head);
        assert_eq!(checkpoint.signatures().len(), 2);
        self.0.lock().unwrap().asked += 1;
        self.0.lock().unwrap().asked_last += u64::from(waiting == Waiting::ForAll);
        loop {
            let goes_on = self.1.notified();
            if !self.0.lock().unwrap().hangs {
                break;
            }
            goes_on.await;
        }
        let memory = self.0.lock().unwrap().clone();
        if memory.away && memory.not_required {
            return Ok(Cosigned {
                lines: Vec::new(),
                quorum: false,
            });
        }
        if memory.away {
            return Err(CosignError::NoQuorum("one is away".to_owned()));
        }
        let seen = memory.seen.unwrap_or(TreeHead::EMPTY);
        if seen.tree_size > head.tree_size {
            return Err(CosignError::Ahead {
                name: "one".to_owned(),
                witnessed: seen.tree_size,
                without: memory.not_required.then(Vec::new),
            });
        }
        let proof = consistency_proof(&*log, seen.tree_size, head.tree_size).await;
        verify_consistency(&seen, head, &proof.unwrap()).unwrap();
        let mut memory = self.0.lock().unwrap();
        memory.seen = Some(*head);
        memory.lines += 1;
        let line = NoteSignature {
            name: KeyName::parse("one.example").unwrap(),
            key_id: [0; 4],
            signature: memory.lines.to_be_bytes().to_vec(),
        };
        Ok(Cosigned {
            lines: vec![line],
            quorum: true,
        })
    }
}

fn witnessed() -> (World, Arc<OneWitness>) {
    let witness = Arc::new(OneWitness::default());
    let mut world = World::new();
    world.witnesses = Some(Arc::<OneWitness>::clone(&witness) as Arc<dyn Witnesses>);
    (world, witness)
}

/// Returns the names of a checkpoint's lines, and its size.
async fn published(log: &TestLog) -> (Vec<String>, u64) {
    let note = SignedNote::parse(&log.checkpoint().await.unwrap()).unwrap();
    let names = note.signatures().iter().map(|line| line.name.to_string());
    let size = Checkpoint::parse(note.text()).unwrap().head.tree_size;
    (names.collect(), size)
}

#[tokio::test]
async fn a_checkpoint_has_the_logs_two_lines_and_its_witnesss() {
    let (world, witness) = witnessed();
    let log = world.open().await.unwrap();
    log.append_many(3).await;
    let (names, size) = published(&log).await;
    assert_eq!(
        names,
        [crate::world::ORIGIN, crate::world::ORIGIN, "one.example"]
    );
    assert_eq!((size, witness.seen()), (3, 3));
    log.check_log().await;
}

#[tokio::test]
async fn nothing_is_released_while_the_witness_is_away_and_no_hand_is_needed_after() {
    let (world, witness) = witnessed();
    let log = world.open().await.unwrap();
    log.append_many(2).await;
    witness.set_away(true);
    for _ in 0..3 {
        let refusal = refused(&log).await;
        assert!(matches!(refusal, AppendError::Unavailable(_)), "{refusal}");
        assert!(refusal.to_string().contains("one is away"), "{refusal}");
    }
    // What could not be released keeps more from being committed.
    assert_eq!(world.stored_entries(), 3);
    assert_eq!(
        published(&log).await.1,
        2,
        "the last one that was cosigned stays"
    );
    assert!(log.probe().await.is_err(), "no batch could be released now");
    let last = log.last().await.unwrap_err().to_string();
    assert!(last.contains("one is away"), "{last}");

    witness.set_away(false);
    log.append_one().await.unwrap();
    assert_eq!((published(&log).await.1, witness.seen()), (4, 4));
    log.check_log().await;
}

#[tokio::test]
async fn a_read_or_a_probe_releases_what_waited_for_the_witness() {
    for by_probe in [false, true] {
        let (world, witness) = witnessed();
        let log = world.open().await.unwrap();
        witness.set_away(true);
        refused(&log).await;
        witness.set_away(false);
        match by_probe {
            true => log.probe().await.unwrap(),
            false => assert_eq!(published(&log).await.1, 1),
        }
        assert_eq!(log.status().tree.tree_size, 1);
        log.check_log().await;
    }
}

#[tokio::test]
async fn a_process_starts_without_the_witness_and_waits_for_it() {
    let (world, witness) = witnessed();
    world.open().await.unwrap().append_many(2).await;
    witness.set_away(true);
    let log = world.open().await.unwrap();
    let refusal = log.checkpoint().await.unwrap_err();
    assert!(matches!(refusal, ReadError::Unpublished(_)), "{refusal}");
    refused(&log).await;
    assert_eq!(world.stored_entries(), 2);
    witness.set_away(false);
    log.append_one().await.unwrap();
    assert_eq!(log.check_log().await.leaves.len(), 3);
}

#[tokio::test]
async fn a_witness_that_another_process_brought_further_is_caught_up_with() {
    let (world, witness) = witnessed();
    let (one, other) = (world.open().await.unwrap(), world.open().await.unwrap());
    witness.set_away(true);
    refused(&one).await;
    witness.set_away(false);
    other.append_many(4).await;
    assert_eq!(witness.seen(), 5);
    assert_eq!(published(&one).await.1, 5);
    one.append_one().await.unwrap();
    assert_eq!(published(&other).await.1, 6);
    one.check_log().await;
}

#[tokio::test]
async fn a_witness_ahead_of_the_database_lets_nothing_out_and_both_sizes_are_said() {
    let (world, witness) = witnessed();
    let log = world.open().await.unwrap();
    log.append_many(2).await;
    let ahead = TreeHead {
        tree_size: 9,
        ..TreeHead::EMPTY
    };
    witness.0.lock().unwrap().seen = Some(ahead);
    let refusal = refused(&log).await.to_string();
    assert!(refusal.contains("has seen 9 entries"), "{refusal}");
    assert!(refusal.contains("holds 3"), "{refusal}");
    assert_eq!(log.status().tree.tree_size, 2);
    assert_eq!(
        log.status().halted,
        None,
        "the witness may be the one that is wrong"
    );
}

#[tokio::test]
async fn readers_of_a_log_whose_witness_hangs_are_served_what_is_released_and_ask_once() {
    let (world, witness) = witnessed();
    let log = world.open().await.unwrap();
    log.append_many(2).await;
    witness.set_away(true);
    refused(&log).await;
    witness.set_away(false);
    witness.set_hanging(true);
    let before = witness.asked();

    let mut readers = JoinSet::new();
    for _ in 0..200 {
        let log = Arc::clone(&log.log);
        readers.spawn(async move { log.newest().await.unwrap().head().tree.tree_size });
    }
    let read = timeout(FOR_EVER, readers.join_all()).await;
    assert_eq!(read.expect("readers wait for the witness"), [2; 200]);
    timeout(FOR_EVER, log.probe()).await.unwrap().unwrap_err();
    assert_eq!(witness.asked(), before + 1, "one publication for all");

    // Nobody asks any more, and what was begun for them comes to its end.
    witness.set_hanging(false);
    until("release", || log.status().tree.tree_size == 3).await;
    log.check_log().await;
}

#[tokio::test]
async fn readers_behind_a_batch_that_a_witness_holds_up_are_served_too() {
    let (world, witness) = witnessed();
    let log = world.open().await.unwrap();
    log.append_many(2).await;
    witness.set_hanging(true);
    let before = witness.asked();
    let waits = log.spawn_append();
    until("question to the witness", || witness.asked() > before).await;
    for _ in 0..3 {
        let read = timeout(FOR_EVER, published(&log)).await;
        assert_eq!(read.expect("a reader waits for the batch").1, 2);
    }
    witness.set_hanging(false);
    waits.await.unwrap().unwrap();
    assert_eq!(published(&log).await.1, 3);
    assert_eq!(witness.asked(), before + 1, "the batch was published once");
}

#[tokio::test]
async fn a_reader_who_hangs_up_breaks_no_publication_off() {
    let (world, witness) = witnessed();
    let log = world.open().await.unwrap();
    witness.set_away(true);
    refused(&log).await;
    witness.set_away(false);
    witness.set_hanging(true);
    let before = witness.asked();
    let reader = {
        let log = Arc::clone(&log.log);
        tokio::spawn(async move { log.newest().await.map(drop) })
    };
    until("question to the witness", || witness.asked() > before).await;
    reader.abort();
    reader.await.unwrap_err();
    witness.set_hanging(false);
    until("release", || log.status().tree.tree_size == 1).await;
}

#[tokio::test]
async fn what_was_found_unwitnessed_a_moment_ago_is_not_signed_anew_for_each_reader() {
    let (world, witness) = witnessed();
    let log = world.open().await.unwrap();
    log.append_many(1).await;
    witness.set_away(true);
    refused(&log).await;
    let before = witness.asked();
    tokio::time::pause();
    for _ in 0..100 {
        assert_eq!(published(&log).await.1, 1);
    }
    assert_eq!(witness.asked(), before + 1);
    // The sequencer does not wait for that.
    refused(&log).await;
    assert_eq!(witness.asked(), before + 2);
    tokio::time::advance(Duration::from_secs(2)).await;
    witness.set_away(false);
    assert_eq!(published(&log).await.1, 2);
}

#[tokio::test]
async fn a_witness_ahead_that_is_not_required_holds_nothing_up() {
    let (world, witness) = witnessed();
    let log = world.open().await.unwrap();
    log.append_many(2).await;
    witness.0.lock().unwrap().not_required = true;
    for ahead in [9, u64::MAX] {
        witness.0.lock().unwrap().seen = Some(TreeHead {
            tree_size: ahead,
            ..TreeHead::EMPTY
        });
        log.append_one().await.unwrap();
        let (names, _) = published(&log).await;
        assert_eq!(names, [crate::world::ORIGIN; 2]);
    }
    assert_eq!(published(&log).await.1, 4);
    log.check_log().await;
}

#[tokio::test]
async fn the_last_head_is_cosigned_by_a_witness_that_was_away_when_it_was_published() {
    let (world, witness) = witnessed();
    witness.0.lock().unwrap().not_required = true;
    let log = world.open().await.unwrap();
    witness.set_away(true);
    log.append_many(2).await;
    assert_eq!(published(&log).await.0, [crate::world::ORIGIN; 2]);
    assert!(!log.last().await.unwrap().quorum);
    witness.set_away(false);
    let last = log.last().await.unwrap();
    assert!(last.quorum);
    assert_eq!(witness.0.lock().unwrap().asked_last, 2);
    let (names, size) = published(&log).await;
    assert_eq!((names.len(), &*names[2], size), (3, "one.example", 2));
    assert_eq!(log.checkpoint().await.unwrap(), last.signed.checkpoint);
    log.check_log().await;
}

#[tokio::test]
async fn the_last_head_keeps_the_lines_that_it_had_where_the_witness_is_away_by_then() {
    for not_required in [false, true] {
        let (world, witness) = witnessed();
        witness.0.lock().unwrap().not_required = not_required;
        let log = world.open().await.unwrap();
        log.append_many(2).await;
        witness.set_away(true);
        let last = log.last().await.unwrap();
        assert!(last.quorum);
        let (names, _) = published(&log).await;
        assert_eq!((names.len(), &*names[2]), (3, "one.example"));
    }
}
