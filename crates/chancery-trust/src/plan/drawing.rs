//! Draws up the next version of root and targets metadata.

use std::collections::BTreeMap;

use chancery_keys::PublicKey;

use super::{PlanError, Wanted};
use crate::tuf::{Repository, Role, RoleKeys, Root, Signed, Targets};
use crate::update::Context;

pub(super) fn next_root(
    current: Option<&Repository>,
    wanted: &Wanted,
    context: &Context,
) -> Result<Option<Signed<Root>>, PlanError> {
    let version = match current {
        None => crate::tuf::MetadataVersion::MIN,
        Some(current) => {
            let root = current.root();
            let differs = |role| {
                let wanted = wanted.keys.get(&role);
                wanted.is_none_or(|wanted| !same_keys(wanted, &root.content().keys(role)))
            };
            if !context.is_due(root) && !Role::ALL.into_iter().any(differs) {
                return Ok(None);
            }
            let next = context.next(Role::Root, Some(root.version()));
            next.map_err(|_| PlanError::Version(Role::Root))?
        }
    };
    let keys_of = |role| {
        let keys = wanted.keys.get(&role).cloned();
        keys.unwrap_or(RoleKeys {
            keys: Vec::new(),
            threshold: std::num::NonZeroU32::MIN,
        })
    };
    let root = Root::new(version, context.expiry(Role::Root), keys_of)?;
    Ok(Some(Signed::unsigned(root)?))
}

pub(super) fn next_targets(
    current: Option<&Repository>,
    root: Option<&Signed<Root>>,
    wanted: &Wanted,
    context: &Context,
) -> Result<Option<Signed<Targets>>, PlanError> {
    let version = match current {
        None => crate::tuf::MetadataVersion::MIN,
        Some(current) => {
            let targets = current.targets();
            let same_documents = current.documents().count() == wanted.documents.named().len()
                && wanted
                    .documents
                    .named()
                    .into_iter()
                    .all(|(name, content)| current.document(name) == Some(content));
            let still_signed = root.is_none_or(|root| {
                let keys = root.content().keys(Role::Targets);
                targets.require(&keys, "targets").is_ok()
            });
            if same_documents && still_signed && !context.is_due(targets) {
                return Ok(None);
            }
            let next = context.next(Role::Targets, Some(targets.version()));
            next.map_err(|_| PlanError::Version(Role::Targets))?
        }
    };
    let expires = context.expiry(Role::Targets);
    let targets = Targets::new(version, expires, wanted.documents.named());
    Ok(Some(Signed::unsigned(targets)?))
}

fn same_keys(a: &RoleKeys, b: &RoleKeys) -> bool {
    let all_in = |a: &[PublicKey], b: &[PublicKey]| a.iter().all(|key| b.contains(key));
    a.threshold == b.threshold && all_in(&a.keys, &b.keys) && all_in(&b.keys, &a.keys)
}

pub(super) fn texts<'a>(
    documents: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> BTreeMap<String, String> {
    let documents = documents.into_iter();
    documents
        .map(|(name, content)| {
            (
                name.to_owned(),
                String::from_utf8_lossy(content).into_owned(),
            )
        })
        .collect()
}
