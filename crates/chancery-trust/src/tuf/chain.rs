//! The chain of roots: each signed by the keys of the one before it.

use super::{RepositoryError, Role, Root, Signed};

/// Verifies every version of root from 1 on by the one before it, and that the trusted one is among
/// them.
pub(crate) fn verify_roots(
    roots: &[Signed<Root>],
    trusted: &Signed<Root>,
) -> Result<(), RepositoryError> {
    let mut before: Option<&Signed<Root>> = None;
    let mut is_there = false;
    for (expected, root) in (1..).zip(roots) {
        if usize::try_from(root.version().get()) != Ok(expected) {
            return Err(RepositoryError::RootVersion {
                expected,
                found: root.version(),
            });
        }
        if let Some(before) = before {
            root.require(&before.content().keys(Role::Root), "the root before it")?;
        }
        root.require(&root.content().keys(Role::Root), "root")?;
        if root.version() == trusted.version() {
            if root.canonical() != trusted.canonical() {
                return Err(RepositoryError::OtherRoot(root.version()));
            }
            is_there = true;
        }
        before = Some(root);
    }
    if is_there {
        return Ok(());
    }
    Err(RepositoryError::RootMissing {
        trusted: trusted.version(),
        found: roots.len(),
    })
}
