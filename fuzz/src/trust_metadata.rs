//! TUF metadata: what is read is written again and read as the same, and nothing is trusted but what
//! the vectors' operators signed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chancery_client::instances::fuzzing::{newest_root, same_online_keys};
use chancery_trust::plan::Plan;
use chancery_trust::tuf::{
    Files, Metadata, Repository, Role, Root, Signed, Snapshot, Targets, Timestamp,
};

const ROOT: &str = include_str!("../../crates/chancery-trust/tests/vectors/tuf/1.root.json");
const TARGETS: &[u8] =
    include_bytes!("../../crates/chancery-trust/tests/vectors/tuf/1.targets.json");
const SNAPSHOT: &[u8] =
    include_bytes!("../../crates/chancery-trust/tests/vectors/tuf/1.snapshot.json");
const TIMESTAMP: &[u8] =
    include_bytes!("../../crates/chancery-trust/tests/vectors/tuf/timestamp.json");

static TRUSTED: LazyLock<Signed<Root>> = LazyLock::new(|| genuine(ROOT.as_bytes()));

/// Reads an input as each role's metadata and as a plan, alone and in the place of a file of the
/// vectors' repository, as operators and servers do, and then as clients do.
pub fn run(input: &[u8]) {
    read::<Root>(input, ROOT.as_bytes());
    read::<Targets>(input, TARGETS);
    read::<Snapshot>(input, SNAPSHOT);
    read::<Timestamp>(input, TIMESTAMP);
    if let Ok(plan) = Plan::parse(input) {
        let written = plan.to_bytes();
        let again = Plan::parse(&written).expect("what is written is read");
        assert_eq!(again.to_bytes(), written, "another plan is written");
    }
    verify(input);
    follow(input);
}

fn genuine<T: Metadata>(bytes: &[u8]) -> Signed<T> {
    Signed::parse(bytes).expect("the vectors have metadata")
}

/// Reads an input as a role's metadata.
fn read<T: Metadata>(input: &[u8], signed: &[u8]) {
    let Ok(metadata) = Signed::<T>::parse(input) else {
        return;
    };
    let again = Signed::<T>::parse(&metadata.to_bytes()).expect("what is written is read");
    assert_eq!(again.canonical(), metadata.canonical());
    assert_eq!(again.to_bytes(), metadata.to_bytes());
    let keys = TRUSTED.content().keys(T::ROLE);
    if metadata.require(&keys, "the vectors' root").is_ok() {
        let genuine: Signed<T> = genuine(signed);
        assert_eq!(metadata.canonical(), genuine.canonical());
    }
}

/// Puts an input in the place of each file of a repository. The documents are never there.
fn verify(input: &[u8]) {
    let files = Files {
        roots: vec![ROOT.into()],
        targets: TARGETS.into(),
        snapshot: SNAPSHOT.into(),
        timestamp: TIMESTAMP.into(),
        documents: BTreeMap::new(),
    };
    for role in Role::ALL {
        let mut files = files.clone();
        match role {
            Role::Root => files.roots.push(input.into()),
            Role::Targets => files.targets = input.into(),
            Role::Snapshot => files.snapshot = input.into(),
            Role::Timestamp => files.timestamp = input.into(),
        }
        let verified = Repository::verify(files, &TRUSTED);
        assert!(verified.is_err(), "a repository without documents holds");
    }
}

/// Follows the chain of roots as clients do. No second root was ever signed.
fn follow(input: &[u8]) {
    let brought = |version: u64| BTreeMap::from([(format!("{version}.root.json"), input.to_vec())]);
    assert_eq!(newest_root(ROOT, brought(2)), None, "nobody signed it");
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let same = same_online_keys(ROOT, text);
    assert_eq!(same, same_online_keys(text, ROOT));
    if let Ok(root) = Signed::<Root>::parse(input) {
        // A root cannot be its own successor: it would have two versions.
        let next = root.version().get().saturating_add(1);
        assert_eq!(newest_root(text, brought(next.into())), None);
    }
}
