//! Taking an identity configuration apart, so that one bad entry does not hide the next.

use serde_json::{Map, Value};

/// Returns a document for each issuer's entry, with everything but the other entries. Empty if the
/// text is no configuration at all.
pub(super) fn one_by_one(text: &str) -> Vec<String> {
    let Some(Value::Object(whole)) = tree(text) else {
        return Vec::new();
    };
    let (sections, rest): (Map<_, _>, Map<_, _>) =
        whole.into_iter().partition(|(name, _)| holds_issuers(name));
    let mut documents = Vec::new();
    for (section, entries) in sections {
        let Value::Object(entries) = entries else {
            continue;
        };
        for (address, entry) in entries {
            let mut document = rest.clone();
            let alone = Map::from_iter([(address, entry)]);
            document.insert(section.clone(), Value::Object(alone));
            documents.push(Value::Object(document).to_string());
        }
    }
    documents
}

/// Tells the names of sections that hold issuers, as YAML and JSON files write them.
fn holds_issuers(name: &str) -> bool {
    let name = name.replace('-', "").to_ascii_lowercase();
    matches!(&*name, "oidcissuers" | "metaissuers")
}

fn tree(text: &str) -> Option<Value> {
    let mut tree: yaml_serde::Value = yaml_serde::from_str(text).ok()?;
    tree.apply_merge().ok()?;
    serde_json::to_value(tree).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_document_has_one_entry_and_all_that_is_shared() {
        let text = "define: [&a {type: email}]\noidc-issuers: {https://a: *a, https://b: {<<: \
                    *a}}\nmeta-issuers: {'https://*.c': 1}\nci-issuer-metadata: {x: 2}\n";
        let mut documents = one_by_one(text);
        documents.sort();
        assert_eq!(documents.len(), 3);
        for document in &documents {
            assert!(
                document.contains(r#""ci-issuer-metadata":{"x":2}"#),
                "{document}"
            );
        }
        let b = r#""oidc-issuers":{"https://b":{"type":"email"}}"#;
        assert!(documents.iter().any(|document| document.contains(b)));
        let json = r#"{"OIDCIssuers": {"https://a": {}}, "MetaIssuers": {"https://b": {}}}"#;
        assert_eq!(one_by_one(json).len(), 2);
        for text in ["", "[", "oidc-issuers: 5", "oidc-issuers:"] {
            assert!(one_by_one(text).is_empty(), "{text}");
        }
    }
}
