//! Exporting a log to a folder: in steps, broken off anywhere, and from logs that lie.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use async_trait::async_trait;
use chancery_log::export::{ExportError, Exported, Exporter};
use chancery_log::prune::{PruneError, prune};
use chancery_log::published_files::{FilePlace, Folder, LogKey, NewFile, PlaceError};
use chancery_log::verify::{Options, verify_published, verify_stored};
use chancery_log::{LogReader, LogStore as _, PublishedLog as _, StoreError, Tiered};
use chancery_tlog::ct::PrecertEntry;
use sha2::{Digest, Sha256};

use crate::world::{TestLog, World};

const ISSUER: &[u8] = b"issuer";

/// Opens a log in a world whose entries name an issuer that is there.
async fn log_in(world: World) -> TestLog {
    let fingerprint = Sha256::digest(ISSUER).into();
    world
        .memory
        .state()
        .issuers
        .insert(fingerprint, ISSUER.to_vec());
    world.open().await.unwrap()
}

/// Appends entries that no other log has.
async fn grow(log: &TestLog, count: u64) {
    let mut waiting = tokio::task::JoinSet::new();
    let fingerprint = Sha256::digest(ISSUER).into();
    for _ in 0..count {
        let number = rand::random::<[u8; 16]>().to_vec();
        let leaf = PrecertEntry::new([7; 32], number.clone(), number, vec![fingerprint]).unwrap();
        let log = Arc::clone(&log.log);
        waiting.spawn(async move { log.append(Box::new(leaf), Vec::new()).await });
        if waiting.len() >= 1_000 {
            waiting.join_next().await.unwrap().unwrap().unwrap();
        }
    }
    while let Some(appended) = waiting.join_next().await {
        appended.unwrap().unwrap();
    }
}

pub(crate) fn exporter(log: &TestLog, place: Arc<dyn FilePlace>) -> Exporter {
    let key = LogKey::Rfc6962 {
        key: log.public_key().clone(),
        origin: Some(log.origin().clone()),
    };
    Exporter::new(place, key)
}

async fn export(log: &TestLog, exporter: &Exporter) -> Result<Exported, ExportError> {
    let newest = log.log.newest().await.unwrap();
    let source = Arc::clone(newest.reader());
    exporter.run(source, newest.checkpoint(), &|_| ()).await
}

/// Verifies all files of a folder, and returns how many entries they have.
async fn verified(exporter: &Exporter) -> u64 {
    let files = exporter.files().await.unwrap().unwrap();
    let report = verify_published(&files, Options::default(), &mut |_| ()).await;
    let report = report.unwrap();
    assert_eq!(report.findings.total(), 0, "{:?}", report.findings.first());
    assert_eq!(report.head.tree.tree_size, report.entries);
    report.entries
}

#[tokio::test]
async fn a_folder_grows_with_the_log_and_is_whole_after_each_step() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_in(World::new()).await;
    let exporter = exporter(&log, Arc::new(Folder::new(folder.path())));
    let mut size = 0;
    for more in [1, 2, 252, 1, 1, 600, 511, 2_000] {
        grow(&log, more).await;
        size += more;
        let exported = export(&log, &exporter).await.unwrap();
        assert_eq!(exported, Exported::Moved(more));
        assert_eq!(verified(&exporter).await, size);
        assert_eq!(export(&log, &exporter).await.unwrap(), Exported::Unchanged);
    }
    // Those of a tile that was filled long ago are gone, and the newest are there.
    assert!(!folder.path().join("tile/0/000.p").exists());
    assert!(!folder.path().join("tile/data/000.p").exists());
    let width = size % 256;
    assert!(folder.path().join(format!("tile/0/013.p/{width}")).exists());
    assert!(folder.path().join("tile/1/000.p/13").exists());
    assert!(!folder.path().join(".progress").exists());
}

#[tokio::test]
async fn an_older_checkpoint_never_replaces_a_newer_one() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_in(World::new()).await;
    grow(&log, 300).await;
    let older = log.log.newest().await.unwrap();
    grow(&log, 300).await;
    let exporter = exporter(&log, Arc::new(Folder::new(folder.path())));
    export(&log, &exporter).await.unwrap();
    let source = Arc::clone(older.reader());
    let exported = exporter.run(source, older.checkpoint(), &|_| ()).await;
    assert_eq!(exported.unwrap(), Exported::Ahead);
    assert_eq!(verified(&exporter).await, 600);
}

#[tokio::test]
async fn a_fork_and_another_log_are_refused_and_nothing_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    let fork = log_in(world.fork().await).await;
    let log = log_in(world).await;
    grow(&log, 400).await;
    grow(&fork, 400).await;
    let place: Arc<dyn FilePlace> = Arc::new(Folder::new(folder.path()));
    let exporter_of_log = exporter(&log, Arc::clone(&place));
    export(&log, &exporter_of_log).await.unwrap();
    for more in [0, 300] {
        grow(&fork, more).await;
        let refused = export(&fork, &exporter(&fork, Arc::clone(&place))).await;
        assert!(
            matches!(refused, Err(ExportError::Forked { .. })),
            "{refused:?}"
        );
    }
    let other = log_in(World::new()).await;
    grow(&other, 500).await;
    let refused = export(&other, &exporter(&other, place)).await;
    assert!(
        matches!(refused, Err(ExportError::Foreign { .. })),
        "{refused:?}"
    );
    assert_eq!(verified(&exporter_of_log).await, 400);
}

#[tokio::test]
async fn a_damaged_source_is_named_and_nothing_of_it_is_covered_by_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_in(World::new()).await;
    grow(&log, 300).await;
    let exporter = exporter(&log, Arc::new(Folder::new(folder.path())));
    export(&log, &exporter).await.unwrap();
    grow(&log, 600).await;
    log.world.memory.state().entries[700][20] ^= 1;
    match export(&log, &exporter).await {
        Err(ExportError::Entry {
            leaf_index: 700, ..
        }) => {}
        other => panic!("{other:?}"),
    }
    log.world.memory.state().entries[700][20] ^= 1;
    // Before the exported part, it is seen where a tile is written again.
    log.world.memory.state().entries[299][20] ^= 1;
    assert!(export(&log, &exporter).await.is_err());
    assert_eq!(verified(&exporter).await, 300);
}

/// A place whose writes fail after some have come through.
#[derive(Debug)]
struct Failing {
    folder: Folder,
    left: AtomicUsize,
}

impl Failing {
    fn spend(&self) -> Result<(), PlaceError> {
        let left = self
            .left
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| PlaceError::Unavailable {
            place: "a test's".to_owned(),
            error: "injected".into(),
        })
    }
}

#[async_trait]
impl FilePlace for Failing {
    fn name(&self) -> String {
        self.folder.name()
    }

    async fn read(&self, name: &str, bound: u64) -> Result<Option<Vec<u8>>, PlaceError> {
        self.folder.read(name, bound).await
    }

    async fn write(&self, files: Vec<NewFile>) -> Result<(), PlaceError> {
        // Some of a batch may be there.
        for file in files {
            self.spend()?;
            self.folder.write(vec![file]).await?;
        }
        Ok(())
    }

    async fn replace(&self, expected: Option<&[u8]>, file: NewFile) -> Result<bool, PlaceError> {
        self.spend()?;
        self.folder.replace(expected, file).await
    }

    async fn remove_folder(&self, folder: &str) -> Result<(), PlaceError> {
        self.spend()?;
        self.folder.remove_folder(folder).await
    }

    async fn remove(&self, name: &str) -> Result<(), PlaceError> {
        self.spend()?;
        self.folder.remove(name).await
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failing(folder: &Path, after: usize) -> Arc<Failing> {
    Arc::new(Failing {
        folder: Folder::new(folder),
        left: AtomicUsize::new(after),
    })
}

#[tokio::test]
async fn an_export_that_ends_anywhere_leaves_a_whole_log_and_goes_on() {
    let log = log_in(World::new()).await;
    grow(&log, 300).await;
    let first = log.log.newest().await.unwrap();
    grow(&log, 1_300).await;
    for after in 0..=30 {
        let folder = tempfile::tempdir().unwrap();
        let whole = exporter(&log, Arc::new(Folder::new(folder.path())));
        let source = Arc::clone(first.reader());
        whole
            .run(source, first.checkpoint(), &|_| ())
            .await
            .unwrap();
        let broken = exporter(&log, failing(folder.path(), after));
        match export(&log, &broken).await {
            Err(ExportError::Place(_)) => {}
            Ok(Exported::Moved(_)) if after > 12 => {}
            other => panic!("{after}: {other:?}"),
        }
        let size = verified(&whole).await;
        assert!([300, 1_600].contains(&size), "{after}: {size}");
        export(&log, &whole).await.unwrap();
        assert_eq!(verified(&whole).await, 1_600);
    }
}

#[tokio::test]
async fn a_long_run_goes_on_from_its_progress_and_forgets_a_wrong_one() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_in(World::new()).await;
    grow(&log, 66_000).await;
    let broken = exporter(&log, failing(folder.path(), 256 * 2 + 4));
    export(&log, &broken).await.unwrap_err();
    let kept = std::fs::read_to_string(folder.path().join(".progress")).unwrap();
    assert!(kept.starts_with("65536\n"), "{kept:.60}");
    std::fs::remove_dir_all(folder.path().join("tile/data")).unwrap();
    let whole = exporter(&log, Arc::new(Folder::new(folder.path())));
    export(&log, &whole).await.unwrap();
    let written = std::fs::read_dir(folder.path().join("tile/data")).unwrap();
    assert!(written.count() < 5, "what was kept is not written again");

    // A progress that is not this log's is found out at the end, and begun anew.
    let other = tempfile::tempdir().unwrap();
    let again = exporter(&log, Arc::new(Folder::new(other.path())));
    let wrong = format!("65536\n2 0 {}\n", hex(&[7; 32]));
    std::fs::write(other.path().join(".progress"), wrong).unwrap();
    let refused = export(&log, &again).await;
    assert!(
        matches!(refused, Err(ExportError::OtherRoot { .. })),
        "{refused:?}"
    );
    export(&log, &again).await.unwrap();
    assert_eq!(verified(&again).await, 66_000);
}

#[tokio::test]
async fn without_entries_only_hashes_are_published() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_in(World::new()).await;
    grow(&log, 700).await;
    let exporter = exporter(&log, Arc::new(Folder::new(folder.path()))).without_entries();
    export(&log, &exporter).await.unwrap();
    assert!(folder.path().join("tile/0/001").exists());
    assert!(!folder.path().join("tile/data").exists());
    assert!(!folder.path().join("issuer").exists());
    let files = exporter.files().await.unwrap().unwrap();
    assert_eq!(
        files.head().await.unwrap(),
        *log.log.newest().await.unwrap().head()
    );
}

pub(crate) async fn exported(size: u64) -> (tempfile::TempDir, TestLog, Exporter) {
    let folder = tempfile::tempdir().unwrap();
    let log = log_in(World::new()).await;
    grow(&log, size).await;
    let exporter = exporter(&log, Arc::new(Folder::new(folder.path())));
    export(&log, &exporter).await.unwrap();
    (folder, log, exporter)
}

#[tokio::test]
async fn pruned_entries_are_read_from_the_files_and_the_log_goes_on() {
    let (_folder, log, exporter) = exported(2_000).await;
    let memory = log.world.memory.clone();
    let all = memory.entries(0..2_000).await.unwrap();
    let pruned = prune(&memory, &exporter, 1_500, &|_| ()).await.unwrap();
    assert_eq!(pruned, 1_280, "whole tiles only");
    assert!(memory.entries(0..1_280).await.unwrap().is_empty());
    let tiered = Tiered::new(Arc::new(memory.clone()), exporter.clone());
    for range in [
        0..2_000,
        0..1,
        1_000..1_280,
        1_279..1_281,
        1_280..1_300,
        1_990..2_100,
    ] {
        let end = usize::try_from(range.end.min(2_000)).unwrap();
        let wanted = &all[usize::try_from(range.start).unwrap()..end];
        assert_eq!(tiered.entries(range).await.unwrap(), wanted);
    }
    // Another process prunes, which this one has not heard of.
    assert_eq!(
        prune(&memory, &exporter, 5_000, &|_| ()).await.unwrap(),
        1_792
    );
    assert_eq!(
        tiered.entries(1_300..1_800).await.unwrap(),
        &all[1_300..1_800]
    );
    // Who is not told where they are cannot answer for them, and does for the others.
    let blind = Tiered::without_files(Arc::new(memory.clone()));
    for range in [0..256, 1_700..1_800] {
        let away = blind.entries(range).await.unwrap_err();
        assert!(matches!(away, StoreError::Unavailable(_)), "{away:?}");
        let why = std::error::Error::source(&away).unwrap().to_string();
        assert!(why.contains("the first 1792 entries"), "{why}");
    }
    assert_eq!(
        blind.entries(1_800..1_900).await.unwrap(),
        &all[1_800..1_900]
    );
    let report = verify_stored(&tiered, Options::default(), &mut |_| ())
        .await
        .unwrap();
    assert_eq!(report.findings.total(), 0, "{:?}", report.findings.first());
    assert_eq!(report.entries, 2_000);

    grow(&log, 700).await;
    let newest = log.log.newest().await.unwrap();
    let source: Arc<dyn LogReader> = Arc::new(tiered);
    let more = exporter.run(source, newest.checkpoint(), &|_| ()).await;
    assert_eq!(more.unwrap(), Exported::Moved(700));
    assert_eq!(verified(&exporter).await, 2_700);
}

#[tokio::test]
async fn a_log_of_which_nothing_can_be_pruned_needs_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_in(World::new()).await;
    let exporter = exporter(&log, Arc::new(Folder::new(folder.path())));
    let memory = log.world.memory.clone();
    let pruned = async |below| prune(&memory, &exporter, below, &|_| ()).await;
    assert_eq!(pruned(0).await.unwrap(), 0);
    grow(&log, 300).await;
    assert_eq!(pruned(255).await.unwrap(), 0);
    let refused = pruned(256).await.unwrap_err();
    assert!(matches!(refused, PruneError::NotExported(_)), "{refused}");
}

#[tokio::test]
async fn nothing_is_pruned_that_the_files_do_not_have_as_it_is() {
    let (folder, log, exporter) = exported(1_000).await;
    let memory = log.world.memory.clone();
    let tile = folder.path().join("tile/data/001");
    let good = std::fs::read(&tile).unwrap();
    let mut other = good.clone();
    other[10] ^= 1;
    let refused = [
        (Some(&other[..]), "is another one in the files"),
        (Some(&good[..50]), "cannot be read"),
        (None, "is missing"),
    ];
    for (bytes, why) in refused {
        match bytes {
            Some(bytes) => std::fs::write(&tile, bytes).unwrap(),
            None => std::fs::remove_file(&tile).unwrap(),
        }
        let error = prune(&memory, &exporter, 1_000, &|_| ()).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(memory.pruned_below().await.unwrap(), 0);
    }
    std::fs::write(&tile, &good).unwrap();
    // Both agree, and neither is what the log has signed.
    std::fs::write(&tile, &other).unwrap();
    memory.state().entries[256][10] ^= 1;
    let error = prune(&memory, &exporter, 1_000, &|_| ()).await.unwrap_err();
    assert!(error.to_string().contains("hash"), "{error}");
    let leaf = memory.state().entries[256].clone();
    let (leaf, _) = chancery_tlog::ct::TileLeaf::parse(&leaf).unwrap();
    let hash = leaf.leaf_hash();
    memory.state().tiles.get_mut(&(0, 1)).unwrap()[..32].copy_from_slice(hash.as_bytes());
    let error = prune(&memory, &exporter, 1_000, &|_| ()).await.unwrap_err();
    assert!(error.to_string().contains("not in the tree"), "{error}");
    assert_eq!(memory.pruned_below().await.unwrap(), 0);
}
