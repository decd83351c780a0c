//! The file guard: what survives reopening, torn and failed writes, and damage.

use super::*;

fn head(tree_size: u64) -> TreeHead {
    TreeHead {
        tree_size,
        root_hash: chancery_tlog::leaf_hash(&tree_size.to_be_bytes()),
    }
}

fn guard() -> (tempfile::TempDir, PathBuf, FileGuard) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("guard");
    let guard = FileGuard::create(&path).unwrap();
    (dir, path, guard)
}

#[tokio::test]
async fn it_moves_and_remembers_over_reopening() {
    let (_dir, path, guard) = guard();
    assert_eq!(guard.read().await.unwrap(), TreeHead::EMPTY);
    assert_eq!(
        guard.advance(&TreeHead::EMPTY, &head(1)).await.unwrap(),
        Advance::Moved
    );
    assert_eq!(
        guard.advance(&head(1), &head(5)).await.unwrap(),
        Advance::Moved
    );

    let again = FileGuard::open(&path).unwrap();
    assert_eq!(again.id(), guard.id());
    assert_eq!(again.read().await.unwrap(), head(5));
}

#[tokio::test]
async fn it_stays_when_it_stands_elsewhere() {
    let (_dir, path, guard) = guard();
    guard.advance(&TreeHead::EMPTY, &head(7)).await.unwrap();
    let stale = FileGuard::open(&path).unwrap();
    let answer = stale.advance(&TreeHead::EMPTY, &head(3)).await.unwrap();
    assert_eq!(answer, Advance::StandsAt(head(7)));
    assert_eq!(guard.read().await.unwrap(), head(7));
}

#[tokio::test]
async fn a_torn_write_leaves_the_slot_before_it() {
    let (_dir, path, guard) = guard();
    guard.advance(&TreeHead::EMPTY, &head(1)).await.unwrap();
    guard.advance(&head(1), &head(2)).await.unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"torn", 20).unwrap();
    assert_eq!(
        FileGuard::open(&path).unwrap().read().await.unwrap(),
        head(1)
    );
}

#[tokio::test]
async fn after_a_failed_write_the_newest_slot_is_written_again() {
    let (_dir, path, guard) = guard();
    guard.advance(&TreeHead::EMPTY, &head(1)).await.unwrap();
    let before = fs::read(&path).unwrap();
    guard.file.lock().unwrap().unsure = true;
    assert_eq!(guard.read().await.unwrap(), head(1));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(!guard.file.lock().unwrap().unsure);

    // A file that cannot be written: nothing is sure until it can be.
    let writable = std::mem::replace(
        &mut guard.file.lock().unwrap().file,
        File::open(&path).unwrap(),
    );
    guard.advance(&head(1), &head(2)).await.unwrap_err();
    guard.read().await.unwrap_err();
    guard.file.lock().unwrap().file = writable;
    assert_eq!(guard.read().await.unwrap(), head(1));
}

#[tokio::test]
async fn damage_to_both_slots_is_refused() {
    let (_dir, path, guard) = guard();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"x", 5).unwrap();
    file.write_all_at(b"x", SLOT_LEN as u64).unwrap();
    assert!(matches!(guard.read().await, Err(GuardError::Damaged(_))));
    assert!(matches!(
        FileGuard::open(&path),
        Err(OpenGuardError::Damaged(_))
    ));
}

#[test]
fn a_guard_is_never_overwritten_and_never_made_by_opening() {
    let (_dir, path, _guard) = guard();
    assert!(matches!(
        FileGuard::create(&path),
        Err(CreateGuardError::Exists(_))
    ));
    let missing = path.with_extension("gone");
    assert!(matches!(
        FileGuard::open(&missing),
        Err(OpenGuardError::Io(..))
    ));
}

#[tokio::test]
async fn a_file_that_was_deleted_or_replaced_guards_nothing_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (folder.path().join("guard"), folder.path().join("aside"));
    let guard = FileGuard::create(&path).unwrap();
    fs::rename(&path, &aside).unwrap();
    guard.advance(&TreeHead::EMPTY, &head(1)).await.unwrap_err();
    fs::copy(&aside, &path).unwrap();
    guard.read().await.unwrap_err();
    fs::rename(&aside, &path).unwrap();
    let moved = guard.advance(&TreeHead::EMPTY, &head(1)).await.unwrap();
    assert_eq!(moved, Advance::Moved);
}
