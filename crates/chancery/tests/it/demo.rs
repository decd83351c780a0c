//! `chancery demo`: the README's first command.

use crate::harness::{assert_refused, chancery};

#[test]
fn the_demo_holds_and_leaves_its_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let output = chancery(folder.path(), &["demo", "--keep", "evidence"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        told(&said, "TUF root: SHA-256 "),
        told(&said, "root.json, SHA-256 ")
    );
    assert!(said.contains("identity: ada@example.com"), "{said}");
    assert!(said.contains("log index: 0"), "{said}");
    assert!(said.contains("verified its timestamp"), "{said}");
    assert!(said.contains("verified entry and proof"), "{said}");
    // The ledger's own first entry is before it.
    assert_eq!(told(&said, "entry index: "), "1");
    assert_eq!(told(&said, "ledger: "), "2");
    assert!(said.contains("Every check held."), "{said}");
    for file in [
        "certificate.pem",
        "chain.pem",
        "key.pem",
        "trusted_root.json",
        "checkpoint",
        "entry.json",
    ] {
        assert!(
            folder.path().join("evidence").join(file).exists(),
            "{file} is missing"
        );
    }
}

#[test]
fn a_folder_that_exists_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("evidence")).unwrap();
    let output = chancery(folder.path(), &["demo", "--keep", "evidence"]);
    assert_refused(&output, 2, &["--keep evidence", "exists"]);
}

/// Returns the word that stands after others.
fn told<'s>(said: &'s str, before: &str) -> &'s str {
    let Some((_, after)) = said.split_once(before) else {
        panic!("{before:?} is not in: {said}");
    };
    after.split_whitespace().next().unwrap()
}
