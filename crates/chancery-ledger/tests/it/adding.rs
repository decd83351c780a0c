//! Entries in a running log.

use std::sync::Arc;
use std::time::Duration;

use chancery_keys::{KeyType, LocalKey};
use chancery_ledger::{
    Accept, AddError, EntryRefused, EntryRequest, LedgerContents, LedgerLimits, NoRecords,
    append_genesis,
};
use chancery_log::memory::Fault;
use chancery_log::{EncodedLeaf, IndexTerm, Leaf, PublishedLog as _};
use chancery_tlog::ct::LeafIndex;
use chancery_tlog::{leaf_hash, verify_inclusion};
use serde_json::Value;

use crate::properties::signed;
use crate::vectors::{DSSE_REQUEST, ENTRY, GENESIS, REQUEST, RESPONSE};
use crate::world::World;

fn request() -> EntryRequest {
    EntryRequest::parse(REQUEST).unwrap()
}

#[tokio::test]
async fn an_entry_is_answered_as_the_vectors_have_it() {
    let world = World::new();
    let log = world.log().await;
    let body = GENESIS.to_vec();
    log.append(Box::new(Entry(body)), Vec::new()).await.unwrap();
    let ledger = world.open_to_all().await;
    let logged = ledger.add(request()).await.unwrap();
    assert_eq!(logged.leaf_index(), 1);
    assert_eq!(logged.body(), ENTRY);

    let answer: Value = serde_json::from_slice(&logged.to_json().unwrap()).unwrap();
    let mut vector: Value = serde_json::from_slice(RESPONSE).unwrap();
    // The vector's checkpoint has a witness's line besides the log's.
    let envelope = &mut vector["inclusionProof"]["checkpoint"]["envelope"];
    let lines = envelope.as_str().unwrap().split_inclusive('\n').take(5);
    *envelope = lines.collect::<String>().into();
    assert_eq!(answer, vector);
    assert_eq!(
        world.store.state().entries.concat(),
        include_bytes!("../vectors/entries")
    );
    let tile = world.store.state().tiles.get(&(0, 0)).cloned().unwrap();
    assert_eq!(tile, include_bytes!("../vectors/tile"));
}

/// An entry of somebody else's.
#[derive(Debug)]
struct Entry(Vec<u8>);

impl Leaf for Entry {
    fn encode(&self, _: LeafIndex, _: u64) -> EncodedLeaf {
        let length = u16::try_from(self.0.len()).unwrap();
        EncodedLeaf {
            merkle_leaf: self.0.clone(),
            tile_leaf: [&length.to_be_bytes()[..], &self.0].concat(),
        }
    }
}

#[tokio::test]
async fn an_entry_is_found_by_artifact_and_key_as_its_body_says() {
    let world = World::new();
    let ledger = world.open_to_all().await;
    ledger.add(request()).await.unwrap();
    let find = async |name, value: &str| {
        let snapshot = ledger.log().newest().await.unwrap();
        snapshot.reader().find(name, value, 10).await.unwrap()
    };
    let artifact = "sha256:b79d980495b61acacc774bc7b10c6a1d6070839cf3c1a502664cb9f58202d5d6";
    assert_eq!(find("artifact", artifact).await, [1]);
    let entry = crate::vectors::verified(REQUEST);
    let key = hex::encode(entry.key().sha256());
    assert_eq!(find("key", &key).await, [1]);

    let terms = LedgerContents::default().terms(ENTRY).unwrap();
    let state = world.store.state();
    let stored = state.terms.iter().filter(|(_, index)| *index == 1);
    let stored: Vec<_> = stored.map(|(term, _)| term.clone()).collect();
    let leaf = IndexTerm::leaf_hash(&leaf_hash(ENTRY));
    assert_eq!(stored, [&terms[..], &[leaf]].concat());
}

#[tokio::test]
async fn the_same_entry_is_logged_once_also_at_once_and_after_a_restart() {
    let world = World::new();
    let ledger = world.open_to_all().await;
    let add = || ledger.add(request());
    let (one, two, three) = tokio::join!(add(), add(), add());
    let answers = [one, two, three, add().await];
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for refused in answers.into_iter().filter_map(Result::err) {
        let said = refused.to_string();
        assert!(
            said.ends_with("already exists in the transparency log with index 1"),
            "{said}"
        );
    }
    ledger.log().close().await;

    let ledger = world.open_to_all().await;
    let refused = ledger.add(request()).await.unwrap_err();
    assert!(
        matches!(refused, AddError::Duplicate { leaf_index: 1 }),
        "{refused}"
    );
    assert_eq!(world.store.state().entries.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_that_get_an_entry_at_once_log_it_once() {
    let world = World::new();
    let (one, other) = (world.open_to_all().await, world.open_to_all().await);
    let key = LocalKey::generate(KeyType::P256).unwrap();
    for round in 0..20_u64 {
        let request = signed(&key, &round.to_be_bytes());
        let (a, b) = tokio::join!(one.add(request.clone()), other.add(request));
        let (logged, refused) = match (a, b) {
            (Ok(logged), Err(refused)) | (Err(refused), Ok(logged)) => (logged, refused),
            answers => panic!("{answers:?}"),
        };
        let AddError::Duplicate { leaf_index } = refused else {
            panic!("{refused}");
        };
        assert_eq!(leaf_index, logged.leaf_index());
        assert_eq!(leaf_index, round + 1);
    }
    assert_eq!(world.store.state().entries.len(), 21);
}

#[tokio::test]
async fn what_may_have_been_written_is_not_written_again() {
    let world = World::new();
    let ledger = world.open_to_all().await;
    world.store.fail_next(&[Fault::NotCommitted]);
    let refused = ledger.add(request()).await.unwrap_err();
    assert!(matches!(refused, AddError::Append(_)), "{refused}");
    assert_eq!(ledger.add(request()).await.unwrap().leaf_index(), 1);

    let key = LocalKey::generate(KeyType::P256).unwrap();
    world.store.fail_next(&[Fault::CommittedUnknown]);
    let refused = ledger.add(signed(&key, b"lost")).await.unwrap_err();
    assert!(matches!(refused, AddError::Append(_)), "{refused}");
    let refused = ledger.add(signed(&key, b"other")).await.err();
    assert!(refused.is_none(), "{refused:?}");
    assert_eq!(world.store.state().entries.len(), 4);
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_its_entry() {
    let world = World::new();
    let ledger = world.open_to_all().await;
    {
        let mut add = Box::pin(ledger.add(request()));
        let poll = futures_poll(&mut add).await;
        assert!(poll.is_none(), "it was answered at once");
    }
    for _ in 0..1_000 {
        if world.store.state().entries.len() == 2 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the entry was not written");
}

/// Polls a future once.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn many_at_once_are_each_proven() {
    let world = World::new();
    let ledger = world.open_to_all().await;
    let key = Arc::new(LocalKey::generate(KeyType::P256).unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..300_u32 {
        let (ledger, key) = (Arc::clone(&ledger), Arc::clone(&key));
        tasks.spawn(async move {
            let logged = ledger
                .add(signed(&key, &number.to_be_bytes()))
                .await
                .unwrap();
            let (tree, leaf) = (logged.tree(), leaf_hash(logged.body()));
            let index = logged.leaf_index();
            verify_inclusion(
                index,
                tree.tree_size,
                &leaf,
                logged.hashes(),
                &tree.root_hash,
            )
            .unwrap();
            index
        });
    }
    let mut places = tasks.join_all().await;
    places.sort_unstable();
    assert_eq!(places, (1..=300).collect::<Vec<_>>());
}

#[tokio::test]
async fn only_new_entries_use_up_the_rate() {
    let world = World::new();
    let limits = LedgerLimits {
        per_second: 1,
        burst: Duration::from_secs(2),
        ..LedgerLimits::default()
    };
    let ledger = world
        .ledger(Accept::AnyKey, Arc::new(NoRecords), limits)
        .await;
    let key = LocalKey::generate(KeyType::P256).unwrap();
    let first = signed(&key, b"1");
    ledger.add(first.clone()).await.unwrap();
    for _ in 0..5 {
        let refused = ledger.add(first.clone()).await.unwrap_err();
        assert!(matches!(refused, AddError::Duplicate { .. }), "{refused}");
        let mut forged = signed(&key, b"forged");
        if let EntryRequest::HashedRekord(request) = &mut forged {
            request.digest[0] ^= 1;
        }
        let refused = ledger.add(forged).await.unwrap_err();
        assert!(matches!(refused, AddError::Refused(_)), "{refused}");
    }
    ledger.add(signed(&key, b"2")).await.unwrap();
    let refused = ledger.add(signed(&key, b"3")).await.unwrap_err();
    let AddError::Limited { retry_after } = refused else {
        panic!("{refused}");
    };
    assert!(retry_after <= Duration::from_secs(1), "{retry_after:?}");
}

#[tokio::test]
async fn more_than_there_are_seats_for_are_turned_away() {
    let world = World::new();
    let limits = LedgerLimits {
        at_once: 1,
        ..LedgerLimits::default()
    };
    let ledger = world
        .ledger(Accept::AnyKey, Arc::new(NoRecords), limits)
        .await;
    let (one, two) = tokio::join!(ledger.add(request()), ledger.add(request()));
    one.unwrap();
    assert!(matches!(two, Err(AddError::Busy)), "{two:?}");
}

#[tokio::test]
async fn envelopes_are_taken_unless_they_are_switched_off() {
    let request = || EntryRequest::parse(DSSE_REQUEST).unwrap();
    let world = World::new();
    let ledger = world.open_to_all().await;
    let logged = ledger.add(request()).await.unwrap();
    let answer: Value = serde_json::from_slice(&logged.to_json().unwrap()).unwrap();
    assert_eq!(answer["kindVersion"]["kind"], "dsse");

    let limits = LedgerLimits {
        dsse: false,
        ..LedgerLimits::default()
    };
    let world = World::new();
    let ledger = world
        .ledger(Accept::AnyKey, Arc::new(NoRecords), limits)
        .await;
    let refused = ledger.add(request()).await.unwrap_err();
    assert!(
        matches!(refused, AddError::Refused(EntryRefused::DsseOff)),
        "{refused}"
    );
}

#[tokio::test]
async fn a_ledger_that_has_ended_says_that_it_is_frozen() {
    let world = World::new();
    let ledger = world.open_to_all().await;
    world.store.state().ends_ms = Some(1);
    let refused = ledger.add(request()).await.unwrap_err();
    assert!(matches!(refused, AddError::Frozen), "{refused}");
}

#[tokio::test]
async fn of_two_processes_that_find_a_ledger_empty_one_begins_it() {
    let world = World::new();
    let (one, other) = (world.log().await, world.log().await);
    let (first, second) = tokio::join!(append_genesis(&one), append_genesis(&other));
    first.unwrap();
    second.unwrap();
    assert_eq!(world.store.state().entries.len(), 1);
}

#[tokio::test]
async fn a_process_that_is_asked_twice_at_once_begins_a_ledger_once() {
    let world = World::new();
    let log = world.log().await;
    let (first, second) = tokio::join!(append_genesis(&log), append_genesis(&log));
    first.unwrap();
    second.unwrap();
    assert_eq!(world.store.state().entries.len(), 1);
}
