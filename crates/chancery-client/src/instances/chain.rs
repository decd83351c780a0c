//! The chain of roots from the one that is trusted to the newest that was brought.
//!
//! `tough` verifies it while it updates, but says only what it has parsed. What is kept are the
//! bytes as they were served, and these must be the ones that the root before has signed.

use std::collections::BTreeMap;

use bytes::Bytes;
use tough::schema::{RoleType, Root, Signed};

/// Returns the newest root, if one follows from the trusted one: each is signed by the keys of the
/// one before it and by its own, and has the next version.
pub(super) fn newest(trusted: &str, brought: &BTreeMap<String, Bytes>) -> Option<String> {
    let mut before = parse(trusted.as_bytes())?;
    let mut newest = None;
    while let Some((bytes, root)) = next(&before, brought) {
        newest = Some(bytes);
        before = root;
    }
    String::from_utf8(newest?.to_vec()).ok()
}

fn next<'a>(
    before: &Signed<Root>,
    brought: &'a BTreeMap<String, Bytes>,
) -> Option<(&'a Bytes, Signed<Root>)> {
    let version = before.signed.version.checked_add(1)?;
    let bytes = brought.get(&format!("{version}.root.json"))?;
    let root = parse(bytes)?;
    before.signed.verify_role(&root).ok()?;
    root.signed.verify_role(&root).ok()?;
    (root.signed.version == version).then_some((bytes, root))
}

/// Tells whether two roots name the same keys for timestamp and for snapshot.
pub(super) fn same_online_keys(one: &str, other: &str) -> bool {
    let (Some(one), Some(other)) = (parse(one.as_bytes()), parse(other.as_bytes())) else {
        return false;
    };
    let same = |role| one.signed.keys(role).eq(other.signed.keys(role));
    same(RoleType::Timestamp) && same(RoleType::Snapshot)
}

fn parse(root: &[u8]) -> Option<Signed<Root>> {
    serde_json::from_slice(root).ok()
}
