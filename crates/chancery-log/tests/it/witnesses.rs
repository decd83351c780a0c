//! Witnesses: what they have not cosigned is not released, and nobody's hand is needed when they are
//! back.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chancery_log::{
    AppendError, CosignError, LogReader, PublishedLog as _, ReadError, Witnesses, consistency_proof,
};
use chancery_tlog::{Checkpoint, KeyName, NoteSignature, SignedNote, TreeHead, verify_consistency};

use crate::world::{TestLog, World, refused};

/// One witness, which every process asks: it remembers the largest tree, as a real one does.
#[derive(Debug, Default)]
struct OneWitness(Mutex<Memory>);

#[derive(Clone, Debug, Default)]
struct Memory {
    seen: Option<TreeHead>,
    away: bool,
    lines: u64,
}

impl OneWitness {
    fn set_away(&self, away: bool) {
        self.0.lock().unwrap().away = away;
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
    ) -> Result<Vec<NoteSignature>, CosignError> {
        let stated = Checkpoint::parse(checkpoint.text()).unwrap();
        assert_eq!(stated.head, *head);
        assert_eq!(checkpoint.signatures().len(), 2);
        let memory = self.0.lock().unwrap().clone();
        if memory.away {
            return Err(CosignError::NoQuorum("one is away".to_owned()));
        }
        let seen = memory.seen.unwrap_or(TreeHead::EMPTY);
        if seen.tree_size > head.tree_size {
            return Err(CosignError::Ahead {
                name: "one".to_owned(),
                witnessed: seen.tree_size,
            });
        }
        let proof = consistency_proof(&*log, seen.tree_size, head.tree_size).await;
        verify_consistency(&seen, head, &proof.unwrap()).unwrap();
        let mut memory = self.0.lock().unwrap();
        memory.seen = Some(*head);
        memory.lines += 1;
        Ok(vec![NoteSignature {
            name: KeyName::parse("one.example").unwrap(),
            key_id: [0; 4],
            signature: memory.lines.to_be_bytes().to_vec(),
        }])
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
