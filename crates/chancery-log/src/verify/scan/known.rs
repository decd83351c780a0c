//! Heads that were verified before or seen by others, held against the stored tree.

use super::super::Since;
use super::super::finding::{Findings, Object};
use super::super::reading::Source;
use super::super::tree::Tree;
use super::Scan;
use crate::StoreError;

impl Scan<'_> {
    /// Holds the log against heads that others have seen, as far as they lie in what is not read
    /// again.
    pub(super) async fn compare_known(&mut self) -> Result<(), StoreError> {
        for known in self.options.known.clone() {
            let size = known.head.tree_size;
            if size > self.end {
                self.findings.add(
                    Object::Known(known.name),
                    format!(
                        "it has seen {size} entries with root {}, and this log has {} with root \
                         {}: the log went back",
                        known.head.root_hash, self.end, self.head.tree.root_hash
                    ),
                );
            } else if size <= self.since.tree_size {
                match Tree::stored_at(&self.source, size).await? {
                    Ok(tree) => tree.compare_known(&[known], &mut self.findings),
                    Err(wrong) => self.findings.add(Object::Stored("hash tiles"), wrong),
                }
            }
        }
        Ok(())
    }
}

/// Returns the tree that is trusted, as far as it can be: an empty one otherwise.
pub(super) async fn trusted(
    source: &Source<'_>,
    since: Since,
    end: u64,
    findings: &mut Findings,
) -> Result<Tree, StoreError> {
    let (size, head) = match since {
        Since::Beginning => (0, None),
        Since::Size(size) => (size, None),
        Since::Head(head) => (head.tree_size, Some(head)),
    };
    let trusted = match size {
        0 => 0,
        _ if size > end => {
            let said =
                head.map_or_else(String::new, |head| format!(" with root {}", head.root_hash));
            let wrong = format!(
                "it says {end} entries, fewer than the {size}{said} that are said to be verified: \
                 the log went back"
            );
            findings.add(Object::Head, wrong);
            0
        }
        _ => size,
    };
    let tree = match Tree::stored_at(source, trusted).await? {
        Ok(tree) => tree,
        Err(wrong) => {
            findings.add(Object::Stored("hash tiles"), wrong);
            return Ok(Tree::empty());
        }
    };
    match head {
        Some(head) if trusted > 0 && tree.head().root_hash != head.root_hash => {
            let wrong = format!(
                "at {size} entries their root is {}, not {}, which is said to be verified: all is \
                 verified from the beginning",
                tree.head().root_hash,
                head.root_hash
            );
            findings.add(Object::Stored("hash tiles"), wrong);
            Ok(Tree::empty())
        }
        _ => Ok(tree),
    }
}
