//! An identity configuration as a tree: to take it apart, and to tell two apart, by its issuers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chancery_identity::IdentityConfig;
use serde_json::{Map, Value};

use crate::reload::Fingerprint;

/// Keys of an entry that name files.
const FILES: [&str; 2] = ["ca-cert-file", "jwks-file"];

/// A configuration before anything is made of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Document {
    /// What each section that holds issuers says, by address.
    sections: BTreeMap<String, Map<String, Value>>,
    /// What is in the files that an issuer's entries name, by address.
    contents: BTreeMap<String, Fingerprint>,
    files: Vec<PathBuf>,
    rest: Map<String, Value>,
}

impl Document {
    /// Reads a text of YAML or JSON; nothing if it is neither. Files are relative to `folder`.
    pub(crate) fn read(text: &str, folder: &Path) -> Option<Self> {
        let mut document = Self::default();
        for (name, value) in tree(text)? {
            match value {
                Value::Object(entries) if holds_issuers(&name) => {
                    document.sections.insert(name, entries);
                }
                value => {
                    document.rest.insert(name, value);
                }
            }
        }
        for (address, entries) in document.sections.values().flatten() {
            let files = files(entries, folder);
            if !files.is_empty() {
                let contents = Fingerprint::of(&files);
                document.contents.insert(address.clone(), contents);
                document.files.extend(files);
            }
        }
        Some(document)
    }

    /// Returns the files that entries name.
    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Returns what the file says of an issuer: its entries.
    pub(crate) fn entries(&self, address: &str) -> &[Value] {
        let found = self.sections.values().find_map(|s| s.get(address));
        found.map_or(&[], entries)
    }

    /// Returns the issuers whose entries ask for certificates that live longer than `most` seconds.
    pub(crate) fn longer_than(&self, most: u64) -> Vec<&str> {
        let asks = |entry: &Value| {
            let wanted = entry.get("certificate-lifetime-s");
            wanted.and_then(Value::as_u64).is_some_and(|s| s > most)
        };
        let issuers = self.sections.values().flatten();
        issuers
            .filter(|(_, value)| entries(value).iter().any(asks))
            .map(|(address, _)| &**address)
            .collect()
    }

    /// Returns a configuration for each issuer, with everything but the other issuers.
    pub(crate) fn one_by_one(&self) -> Vec<String> {
        let mut documents = Vec::new();
        for (section, entries) in &self.sections {
            for (address, entry) in entries {
                let mut document = self.rest.clone();
                let alone = Map::from_iter([(address.clone(), entry.clone())]);
                document.insert(section.clone(), Value::Object(alone));
                documents.push(Value::Object(document).to_string());
            }
        }
        documents
    }

    /// Says by address what is different from an earlier document; empty if nothing is.
    pub(crate) fn changes_since(&self, earlier: &Self) -> String {
        let (now, then) = (self.issuers(), earlier.issuers());
        let listed = |what: &str, addresses: Vec<&str>| match &*addresses {
            [] => None,
            _ => Some(format!("{what} {}", addresses.join(", "))),
        };
        let missing = |from: &BTreeMap<&str, _>, address: &&str| !from.contains_key(address);
        let added = now.keys().copied().filter(|a| missing(&then, a)).collect();
        let removed = then.keys().copied().filter(|a| missing(&now, a)).collect();
        let changed = now.iter().filter(|(address, entry)| {
            let before = then.get(*address);
            before.is_some_and(|before| before != *entry)
        });
        let changed = changed.map(|(address, _)| *address).collect();
        let rest = self.rest.iter().chain(&earlier.rest);
        let mut rest: Vec<_> = rest
            .map(|(name, _)| &**name)
            .filter(|name| self.rest.get(*name) != earlier.rest.get(*name))
            .collect();
        rest.sort_unstable();
        rest.dedup();
        let changes = [
            listed("added", added),
            listed("removed", removed),
            listed("changed", changed),
            listed("changed section", rest),
        ];
        let changes: Vec<_> = changes.into_iter().flatten().collect();
        changes.join("; ")
    }

    fn issuers(&self) -> BTreeMap<&str, (&Value, Option<&Fingerprint>)> {
        let entries = self.sections.values().flatten();
        entries
            .map(|(address, entry)| (&**address, (entry, self.contents.get(address))))
            .collect()
    }
}

/// Returns the entries of an address, of which there may be several.
fn entries(value: &Value) -> &[Value] {
    match value {
        Value::Array(entries) => entries,
        one => std::slice::from_ref(one),
    }
}

fn files(value: &Value, folder: &Path) -> Vec<PathBuf> {
    let named = entries(value)
        .iter()
        .flat_map(|entry| FILES.map(|key| entry.get(key)))
        .flatten()
        .filter_map(Value::as_str);
    named.map(|name| folder.join(name)).collect()
}

/// Tells the names of sections that hold issuers, as YAML and JSON files write them.
fn holds_issuers(name: &str) -> bool {
    let name = name.replace('-', "").to_ascii_lowercase();
    matches!(&*name, "oidcissuers" | "metaissuers")
}

fn tree(text: &str) -> Option<Map<String, Value>> {
    match IdentityConfig::tree(text.as_bytes())? {
        Value::Object(tree) => Some(tree),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Document {
        Document::read(text, Path::new("/nowhere")).unwrap()
    }

    #[test]
    fn each_configuration_has_one_issuer_and_all_that_is_shared() {
        let text = "define: [&a {type: email}]\noidc-issuers: {https://a: *a, https://b: {<<: \
                    *a}}\nmeta-issuers: {'https://*.c': 1}\nci-issuer-metadata: {x: 2}\n";
        let documents = read(text).one_by_one();
        assert_eq!(documents.len(), 3);
        for document in &documents {
            let shared = r#""ci-issuer-metadata":{"x":2}"#;
            assert!(document.contains(shared), "{document}");
        }
        let b = r#""oidc-issuers":{"https://b":{"type":"email"}}"#;
        assert!(documents.iter().any(|document| document.contains(b)));
        let json = r#"{"OIDCIssuers": {"https://a": {}}, "MetaIssuers": {"https://b": {}}}"#;
        assert_eq!(read(json).one_by_one().len(), 2);
        for text in ["oidc-issuers: 5", "oidc-issuers:", "{}"] {
            assert!(read(text).one_by_one().is_empty(), "{text}");
        }
        assert!(Document::read("[", Path::new("")).is_none());
    }

    #[test]
    fn changes_are_named_by_issuer() {
        let before = read("oidc-issuers: {https://a: {x: 1}, https://b: {x: 1}, https://c: {}}");
        let after = read(
            "oidc-issuers: {https://a: {x: 2}, https://b: {x: 1}, https://d: {}}\n\
             ci-issuer-metadata: {}",
        );
        assert_eq!(
            after.changes_since(&before),
            "added https://d; removed https://c; changed https://a; changed section \
             ci-issuer-metadata"
        );
        assert_eq!(before.changes_since(&before), "");
    }

    #[test]
    fn issuers_that_ask_for_more_than_the_longest_life_are_found() {
        let text = "oidc-issuers: {https://a: {certificate-lifetime-s: 600}, https://b: [{}, \
                    {certificate-lifetime-s: 601}]}";
        assert_eq!(read(text).longer_than(600), ["https://b"]);
    }

    #[test]
    fn a_file_with_other_contents_is_a_change_of_its_issuer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let text = "oidc-issuers: {https://a: [{jwks-file: keys.json}, {}], https://b: {}}";
        let read = || Document::read(text, folder.path()).unwrap();
        std::fs::write(&path, "1").unwrap();
        let before = read();
        assert_eq!(before.files(), std::slice::from_ref(&path));
        std::fs::write(&path, "2").unwrap();
        assert_eq!(read().changes_since(&before), "changed https://a");
    }
}
