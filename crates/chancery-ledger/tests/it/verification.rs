//! A ledger that is verified: each part of what it has, and what it is tied to.

use std::sync::Arc;
use std::time::SystemTime;

use chancery_keys::{KeyType, LocalKey};
use chancery_ledger::{Accept, EntryRequest, LedgerContents, LedgerLimits};
use chancery_log::clock::{SystemClock, unix_ms};
use chancery_log::copy::{Copying, recompute};
use chancery_log::export::Exporter;
use chancery_log::memory::{MemoryStore, State};
use chancery_log::prune::prune;
use chancery_log::published_files::{Folder, LogKey};
use chancery_log::verify::{Contents, Options, Report, Scrubber, verify_published, verify_stored};
use chancery_log::{Form, IndexTerm, LogReader as _, PublishedLog as _, Tiered};

use crate::acceptance::{Issued, issuance_log, stored};
use crate::properties::signed;
use crate::vectors::REQUEST;
use crate::world::World;

const ORIGIN: &str = "rekor.chancery.test";

/// Makes a ledger with its first entry, the vectors' entry, and more than a tile of others.
async fn filled() -> World {
    let world = World::new();
    let issued = Issued::new(|_| ()).await;
    let limits = LedgerLimits {
        per_second: 1_000,
        ..LedgerLimits::default()
    };
    let ledger = world.ledger(Accept::AnyKey, issued, limits).await;
    let request = EntryRequest::parse(REQUEST).unwrap();
    assert_eq!(ledger.add(request).await.unwrap().leaf_index(), 1);
    let key = LocalKey::generate(KeyType::P256).unwrap();
    let mut adding = tokio::task::JoinSet::new();
    for number in 0..298_u32 {
        let (ledger, request) = (Arc::clone(&ledger), signed(&key, &number.to_be_bytes()));
        adding.spawn(async move { ledger.add(request).await.unwrap() });
    }
    adding.join_all().await;
    ledger.log().close().await;
    world
}

fn contents(issuance: MemoryStore) -> LedgerContents {
    let now_ms = unix_ms(SystemTime::now());
    let contents = LedgerContents::new(vec![issuance_log(issuance)]);
    contents.with_genesis(ORIGIN, now_ms - 60_000, now_ms)
}

async fn verified(store: &MemoryStore, contents: LedgerContents) -> Report {
    let options = Options {
        form: Form::TlogTiles,
        contents: Some(Arc::new(contents)),
        now_ms: unix_ms(SystemTime::now()),
        ..Options::default()
    };
    verify_stored(store, options, &mut |_| ()).await.unwrap()
}

/// Asserts that exactly one object is found, whose name begins so.
#[track_caller]
fn assert_finding(report: &Report, object: &str) {
    let said: Vec<_> = report
        .findings
        .first()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        said.len() == 1 && said[0].starts_with(object),
        "{object}: {said:?}"
    );
}

/// What is found, and what was done.
type Damage = (&'static str, fn(&mut State));

const DAMAGES: [Damage; 9] = [
    ("entry 0: ", |s| s.entries[0][40] ^= 1),
    ("entry 5: it is cut off", |s| s.entries[5][0] ^= 2),
    ("entry 299: ", |s| *s.entries[299].last_mut().unwrap() ^= 1),
    ("entry 7: it is followed by 1 bytes", |s| {
        s.entries[7].push(0);
    }),
    ("hash tile level 0 index 0: ", |s| {
        s.tiles.get_mut(&(0, 0)).unwrap()[64] ^= 1;
    }),
    ("hash tile level 1 index 0: ", |s| {
        s.tiles.get_mut(&(1, 0)).unwrap()[3] ^= 1;
    }),
    ("head: ", |s| s.head.tree.tree_size -= 1),
    ("term artifact=", |s| {
        s.terms
            .retain(|(term, i)| term.name != "artifact" || *i != 9);
    }),
    ("term issued=", |s| {
        let (name, value) = ("issued", "00/7".to_owned());
        s.terms.push((IndexTerm { name, value }, 9));
    }),
];

#[tokio::test]
async fn each_part_of_a_ledger_is_verified() {
    let world = filled().await;
    let whole = world.store.state().clone();
    let report = verified(&world.store, contents(stored())).await;
    assert_eq!(report.findings.total(), 0, "{:?}", report.findings.first());
    assert_eq!((report.entries, report.head.tree.tree_size), (300, 300));
    // Artifact, key and leaf hash of each, and one place in the log of certificates.
    assert_eq!(report.terms, 3 * 300 + 1);

    for (object, damage) in DAMAGES {
        *world.store.state() = whole.clone();
        damage(&mut world.store.state());
        let report = verified(&world.store, contents(stored())).await;
        if object == "head: " {
            let named = report.findings.first().iter();
            assert!(
                named
                    .map(ToString::to_string)
                    .any(|said| said.starts_with(object))
            );
        } else {
            assert_finding(&report, object);
        }
    }
}

#[tokio::test]
async fn an_entry_is_held_against_the_log_of_its_certificate() {
    let world = filled().await;
    let swapped = stored();
    swapped.state().entries.swap(0, 1);
    let report = verified(&world.store, contents(swapped)).await;
    assert_finding(&report, "entry 1: its certificate is not the entry ");
    let shorter = stored();
    shorter.state().entries.truncate(1);
    let report = verified(&world.store, contents(shorter)).await;
    assert_finding(&report, "entry 1: its certificate is not the entry ");
    let orphaned = stored();
    orphaned.state().issuers.clear();
    let report = verified(&world.store, contents(orphaned)).await;
    assert_finding(&report, "entry 1: its certificate is not the entry ");
}

#[tokio::test]
async fn the_first_entry_is_the_sentence_of_this_ledger() {
    let world = filled().await;
    let now_ms = unix_ms(SystemTime::now());
    let logs = || vec![issuance_log(stored())];
    let other = LedgerContents::new(logs()).with_genesis("rekor.other.test", now_ms, now_ms);
    assert_finding(
        &verified(&world.store, other).await,
        "entry 0: it is not the sentence that the ledger rekor.other.test begins with",
    );
    let later = now_ms + 48 * 3600 * 1000;
    let later = LedgerContents::new(logs()).with_genesis(ORIGIN, later, later);
    assert_finding(&verified(&world.store, later).await, "entry 0: ");
}

#[tokio::test]
async fn a_ledger_is_copied_and_published_as_it_is() {
    let world = filled().await;
    let to = world.store.head().await.unwrap();
    let (copy, contents) = (MemoryStore::default(), contents(stored()));
    let copying = Copying {
        source: &world.store,
        deliveries: Some(&world.store),
        target: &copy,
        to,
        form: Form::TlogTiles,
        terms: &|leaf| Ok(Contents::terms(&contents, leaf)?),
        progress: &|_| (),
    };
    copying.run().await.unwrap();
    recompute(&copy, Form::TlogTiles, &to.tree).await.unwrap();
    assert_eq!(verified(&copy, contents.clone()).await.findings.total(), 0);
    assert!(copy.state().entries == world.store.state().entries);

    let log = world.log().await;
    let newest = log.newest().await.unwrap();
    let key = LogKey::Ed25519 {
        key: log.public_key().clone(),
        origin: log.origin().clone(),
    };
    let folder = tempfile::tempdir().unwrap();
    let exporter = Exporter::new(Arc::new(Folder::new(folder.path())), key);
    let source = Arc::clone(newest.reader());
    exporter
        .run(source, newest.checkpoint(), &|_| ())
        .await
        .unwrap();
    let tile = std::fs::read(folder.path().join("tile/entries/000")).unwrap();
    assert!(tile == world.store.state().entries[..256].concat());
    assert!(folder.path().join("tile/entries/001.p/44").exists());
    let files = exporter.files().await.unwrap().unwrap();
    let options = || Options {
        form: Form::TlogTiles,
        contents: Some(Arc::new(contents.clone())),
        ..Options::default()
    };
    let report = verify_published(&files, options(), &mut |_| ())
        .await
        .unwrap();
    assert_eq!((report.findings.total(), report.entries), (0, 300));

    let pruned = prune(&world.store, &exporter, 300, &|_| ()).await.unwrap();
    assert_eq!(pruned, 256);
    assert!(world.store.entries(0..1).await.unwrap().is_empty());
    let whole = Tiered::new(Arc::new(world.store.clone()), exporter);
    assert!(whole.entries(0..300).await.unwrap() == copy.state().entries);

    let path = folder.path().join("tile/entries/001.p/44");
    let mut flipped = std::fs::read(&path).unwrap();
    flipped[100] ^= 1;
    std::fs::write(&path, flipped).unwrap();
    let report = verify_published(&files, options(), &mut |_| ())
        .await
        .unwrap();
    assert_finding(&report, "entry 256: ");
}

#[tokio::test]
async fn the_scrubber_goes_over_a_ledger_and_learns_of_another_log_of_certificates() {
    let world = filled().await;
    let now_ms = unix_ms(SystemTime::now());
    let contents = LedgerContents::new(Vec::new());
    let contents = contents.with_genesis(ORIGIN, now_ms - 60_000, now_ms);
    let scrubber = Scrubber {
        log: Arc::new(world.store.clone()),
        form: Form::TlogTiles,
        contents: Arc::new(contents.clone()),
        clock: Arc::new(SystemClock),
        entries_per_second: None,
    };
    tokio::time::pause();
    let (ended, mut rounds) = tokio::sync::mpsc::unbounded_channel();
    let running = tokio::spawn(scrubber.run(move |round| drop(ended.send(round.report.unwrap()))));
    // The log of its certificate is not known yet.
    let report = rounds.recv().await.unwrap();
    assert_finding(&report, "term issued=");
    contents.set_issuance_logs(vec![issuance_log(stored())]);
    rounds.recv().await.unwrap();
    for damaged in [false, true] {
        if damaged {
            world.store.state().entries[100][9] ^= 1;
        }
        let report = rounds.recv().await.unwrap();
        assert_eq!(report.entries, 300);
        match damaged {
            false => assert_eq!(report.findings.total(), 0, "{:?}", report.findings.first()),
            true => assert_finding(&report, "entry 100: "),
        }
    }
    running.abort();
}
