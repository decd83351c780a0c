//! Whose signatures are entered.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_keys::{KeyType, LocalKey, PublicKey};
use chancery_ledger::{
    Accept, AddError, EntryRequest, Found, IssuanceLog, IssuanceRecords, KnownIssuers,
    LedgerContents, LedgerLimits, NotAccepted, PresentedCertificate, find_in,
};
use chancery_log::memory::MemoryStore;
use chancery_log::{FrozenLog, FrozenLogParts, IndexTerm, PublishedLog, ReadError};
use chancery_tlog::ct::TileLeaf;
use chancery_tlog::{Checkpoint, Origin, SignedNote};
use sha2::{Digest as _, Sha256};

use crate::properties::signed;
use crate::vectors::{REQUEST, verified};
use crate::world::{World, vector_time};

const CHECKPOINT: &[u8] = include_bytes!("../vectors/ct_checkpoint");
const DATA: &[u8] = include_bytes!("../vectors/ct_data");
const TILE: &[u8] = include_bytes!("../vectors/ct_tile");
const KEY: &[u8] = include_bytes!("../vectors/ct_key.der");
const INTERMEDIATE: &[u8] = include_bytes!("../vectors/intermediate.der");

/// Makes all that the vectors' log of issued certificates has stored.
pub(crate) fn stored() -> MemoryStore {
    let store = MemoryStore::default();
    {
        let note = SignedNote::parse(CHECKPOINT).unwrap();
        let mut state = store.state();
        state.head.tree = Checkpoint::parse(note.text()).unwrap().head;
        state.tiles.insert((0, 0), TILE.to_vec());
        let leaves = TileLeaf::parse_all(DATA).unwrap();
        state.entries = leaves.iter().map(TileLeaf::encode).collect();
        let fingerprint = Sha256::digest(INTERMEDIATE).into();
        state.issuers.insert(fingerprint, INTERMEDIATE.to_vec());
        let serial = IndexTerm {
            name: "serial",
            value: "2002".to_owned(),
        };
        state.terms.push((serial, 1));
    }
    store
}

/// Returns the vectors' log as a verification knows it.
pub(crate) fn issuance_log(store: MemoryStore) -> IssuanceLog {
    IssuanceLog {
        log_id: Sha256::digest(KEY).into(),
        reader: Arc::new(store),
    }
}

/// The vectors' log of issued certificates. `damage` may change what it has.
#[derive(Debug)]
pub(crate) struct Issued(Vec<Arc<dyn PublishedLog>>);

impl Issued {
    pub(crate) async fn new(damage: impl FnOnce(&mut MemoryStore)) -> Arc<Self> {
        let note = SignedNote::parse(CHECKPOINT).unwrap();
        let mut store = stored();
        damage(&mut store);
        let origin = note.text().lines().next().unwrap();
        let frozen = FrozenLog::open(FrozenLogParts {
            name: "issued".to_owned(),
            origin: Origin::parse(origin).unwrap(),
            public_key: PublicKey::from_spki_der(KEY).unwrap(),
            store: Arc::new(store),
            final_checkpoint: CHECKPOINT.into(),
        });
        Arc::new(Self(vec![Arc::new(frozen.await.unwrap())]))
    }
}

#[async_trait]
impl IssuanceRecords for Issued {
    async fn find(&self, certificate: &PresentedCertificate) -> Result<Found, ReadError> {
        find_in(&self.0, &KnownIssuers::default(), certificate).await
    }
}

fn request() -> EntryRequest {
    EntryRequest::parse(REQUEST).unwrap()
}

async fn add_at(
    seconds: u64,
    accept: Accept,
    records: Arc<dyn IssuanceRecords>,
    request: EntryRequest,
) -> (World, Result<u64, AddError>) {
    let world = World::new();
    world.clock.set(vector_time(seconds));
    let ledger = world.ledger(accept, records, LedgerLimits::default()).await;
    let answer = ledger.add(request).await;
    (world, answer.map(|logged| logged.leaf_index()))
}

async fn refusal(
    seconds: u64,
    accept: Accept,
    records: Arc<dyn IssuanceRecords>,
    request: EntryRequest,
) -> NotAccepted {
    match add_at(seconds, accept, records, request).await.1 {
        Err(AddError::NotAccepted(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_signed_under_an_issued_certificate_is_tied_to_its_place() {
    let issued = Issued::new(|_| ()).await;
    let (world, answer) = add_at(5, Accept::default(), issued, request()).await;
    assert_eq!(answer.unwrap(), 1);
    let state = world.store.state();
    let term = state.terms.iter().find(|(term, _)| term.name == "issued");
    let (term, leaf_index) = term.unwrap();
    let log_id = hex::encode(Sha256::digest(KEY));
    assert_eq!(term.value, format!("{log_id}/1"));
    assert_eq!(*leaf_index, 1);
    let contents = LedgerContents::new(vec![issuance_log(MemoryStore::default())]);
    let terms = contents.terms(verified(REQUEST).body()).unwrap();
    assert!(terms.contains(term));
}

#[tokio::test]
async fn a_certificate_counts_while_it_is_valid() {
    for (seconds, valid) in [(0, true), (600, true), (601, false), (100_000, false)] {
        let issued = Issued::new(|_| ()).await;
        let answer = add_at(seconds, Accept::default(), issued, request())
            .await
            .1;
        assert_eq!(answer.is_ok(), valid, "{seconds}: {answer:?}");
    }
    let issued = Issued::new(|_| ()).await;
    add_at(100_000, Accept::AnyCertificate, issued, request())
        .await
        .1
        .unwrap();
}

#[tokio::test]
async fn a_certificate_that_is_not_what_was_logged_is_refused() {
    // Another entry where the SCT says it is; whatever else is accepted.
    for accept in [
        Accept::LoggedCertificate,
        Accept::AnyCertificate,
        Accept::AnyKey,
    ] {
        let swapped = Issued::new(|store| store.state().entries.swap(0, 1)).await;
        let answer = add_at(5, accept, swapped, request()).await.1;
        assert!(answer.is_err(), "{accept}: {answer:?}");
    }
    // A signature that is not the issuer's: what is logged is the same, and the bytes are not.
    let issued = Issued::new(|_| ()).await;
    let mut forged = request();
    if let EntryRequest::HashedRekord(request) = &mut forged
        && let chancery_ledger::VerifierMaterial::Certificate(der) = &mut request.verifier.material
    {
        *der.last_mut().unwrap() ^= 1;
    }
    let refused = refusal(5, Accept::AnyKey, issued, forged).await;
    assert!(matches!(refused, NotAccepted::Contradicted(_)), "{refused}");
}

#[tokio::test]
async fn what_nobody_here_issued_is_refused_unless_any_certificate_is_taken() {
    let none = Arc::new(chancery_ledger::NoRecords);
    let refused = refusal(5, Accept::default(), Arc::clone(&none) as Arc<_>, request()).await;
    assert_eq!(refused, NotAccepted::NotIssued);
    let (world, answer) = add_at(5, Accept::AnyCertificate, none, request()).await;
    assert_eq!(answer.unwrap(), 1);
    let state = world.store.state();
    assert!(state.terms.iter().all(|(term, _)| term.name != "issued"));
}

#[tokio::test]
async fn a_key_without_certificate_is_refused_unless_any_key_is_taken() {
    let key = LocalKey::generate(KeyType::P256).unwrap();
    for accept in [Accept::LoggedCertificate, Accept::AnyCertificate] {
        let issued = Issued::new(|_| ()).await;
        let refused = refusal(5, accept, issued, signed(&key, b"hello")).await;
        assert_eq!(refused, NotAccepted::NoCertificate, "{accept}");
    }
    let issued = Issued::new(|_| ()).await;
    add_at(5, Accept::AnyKey, issued, signed(&key, b"hello"))
        .await
        .1
        .unwrap();
}
