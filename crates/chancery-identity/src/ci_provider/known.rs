//! The providers that need no description in a configuration, as data: `known.yaml`.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::ci_provider::{CiProvider, ProviderEntry};

static KNOWN: LazyLock<BTreeMap<String, Arc<CiProvider>>> = LazyLock::new(|| {
    let entries: BTreeMap<String, ProviderEntry> =
        yaml_serde::from_str(include_str!("known.yaml")).unwrap_or_default();
    entries
        .into_iter()
        .filter_map(|(name, entry)| Some((name, Arc::new(CiProvider::new(&entry).ok()?))))
        .collect()
});

/// Returns the known providers by name. A configuration's own of the same name comes first.
pub(crate) fn known() -> &'static BTreeMap<String, Arc<CiProvider>> {
    &KNOWN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_description_is_read() {
        let described: BTreeMap<String, ProviderEntry> =
            yaml_serde::from_str(include_str!("known.yaml")).unwrap();
        for (name, entry) in &described {
            assert!(CiProvider::new(entry).unwrap().name().is_some(), "{name}");
        }
        assert!(described.keys().eq(known().keys()));
        assert_eq!(described.len(), 6);
    }
}
