//! Whether what a plan says fits together.

use std::collections::BTreeMap;

use super::{FORMAT, Plan, PlanError};
use crate::documents::TrustDocuments;
use crate::tuf::{RepositoryError, Role, Root, Signed, TargetFile, Targets, verify_roots};

impl Plan {
    pub(super) fn check(&self) -> Result<(), PlanError> {
        let wrong = |what| Err(PlanError::Inconsistent(what));
        if self.format != FORMAT {
            return wrong("it is of another version of Chancery");
        }
        let fits = |targets: &Signed<Targets>, documents: &BTreeMap<String, String>| {
            let known = targets.content().documents();
            let same = |(name, text): (&String, &String)| {
                known.get(name) == Some(&TargetFile::of(text.as_bytes()))
            };
            known.len() == documents.len() && documents.iter().all(same)
        };
        match &self.targets {
            Some(targets) if !fits(targets, &self.documents) => {
                return wrong("its documents are not those that would be signed");
            }
            Some(_) => TrustDocuments::check(&self.documents).map_err(PlanError::Inconsistent)?,
            None if !self.documents.is_empty() => return wrong("it signs none of its documents"),
            None => {}
        }
        let Some(previous) = &self.previous else {
            let both = self.root.is_some() && self.targets.is_some();
            return if both {
                Ok(())
            } else {
                wrong("the first one needs root and targets")
            };
        };
        if !fits(&previous.targets, &previous.documents) {
            return wrong("what it compares with is not what was published");
        }
        let Some(root) = previous.root() else {
            return wrong("what it compares with has no root");
        };
        let targets = &previous.targets;
        verify_roots(&previous.roots, root).map_err(PlanError::Previous)?;
        let signed = targets.require(&root.content().keys(Role::Targets), "targets");
        signed.map_err(|e| PlanError::Previous(RepositoryError::from(e)))?;
        let next = root.version().checked_add(1);
        let next_root = |root: &Signed<Root>| Some(root.version()) == next;
        // Some may be left out, which were lost with a database: the difference says so.
        let later = |new: &Signed<Targets>| new.version() > targets.version();
        if !self.root.as_ref().is_none_or(next_root) || !self.targets.as_ref().is_none_or(later) {
            return wrong("its versions do not follow those before");
        }
        Ok(())
    }
}
