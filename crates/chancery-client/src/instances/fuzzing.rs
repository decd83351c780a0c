//! Doors for the fuzz targets, in builds with `--cfg fuzzing` only: readers that are private otherwise.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::chain;

/// Returns the newest root that follows from a trusted one, among files by their names.
#[must_use]
pub fn newest_root(trusted: &str, brought: BTreeMap<String, Vec<u8>>) -> Option<String> {
    let brought = brought.into_iter();
    let brought = brought.map(|(name, file)| (name, Bytes::from(file)));
    chain::newest(trusted, &brought.collect())
}

/// Tells whether two texts are roots that name the same keys for timestamp and for snapshot.
#[must_use]
pub fn same_online_keys(one: &str, other: &str) -> bool {
    chain::same_online_keys(one, other)
}
