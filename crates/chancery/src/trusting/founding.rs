//! The first version: keys for every role, and what they sign.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use chancery_keys::{KeyType, LocalKey, Passphrase, Signer as _};
use chancery_store::Store;
use chancery_trust::documents::TrustDocuments;
use chancery_trust::plan::Plan;
use chancery_trust::tuf::{Role, RoleKeys};
use chancery_trust::update::Context;

use super::{OperatorKeys, ServerKeys, pin, wanted};
use crate::failure::Failure;
use crate::keys;
use crate::layout::Layout;

/// Makes the keys of an instance's trust metadata: for the server in `trust/`, for operators in
/// `offline/`.
pub(crate) fn make_keys(
    layout: &Layout,
    passphrase: &Passphrase,
    offline: &Passphrase,
) -> Result<(ServerKeys, OperatorKeys), Failure> {
    let kind = KeyType::Ed25519;
    let made = keys::make([
        (layout.snapshot_key(), kind, passphrase),
        (layout.timestamp_key(), kind, passphrase),
        (layout.tuf_root_key(), kind, offline),
        (layout.tuf_targets_key(), kind, offline),
    ])?;
    Ok(of_roles(made))
}

/// As [`make_keys`], with what a run that was broken off has made already.
pub(crate) fn take_or_make_keys(
    layout: &Layout,
    passphrase: &Passphrase,
    offline: &Passphrase,
) -> Result<(ServerKeys, OperatorKeys), Failure> {
    let key = |path: PathBuf, passphrase| -> Result<LocalKey, Failure> {
        let [key] = match path.exists() {
            true => keys::load([&*path], passphrase)?,
            false => keys::make([(path, KeyType::Ed25519, passphrase)])?,
        };
        Ok(key)
    };
    Ok(of_roles([
        key(layout.snapshot_key(), passphrase)?,
        key(layout.timestamp_key(), passphrase)?,
        key(layout.tuf_root_key(), offline)?,
        key(layout.tuf_targets_key(), offline)?,
    ]))
}

fn of_roles(keys: [LocalKey; 4]) -> (ServerKeys, OperatorKeys) {
    let [snapshot, timestamp, root, targets] = keys.map(Arc::new);
    let server = ServerKeys {
        snapshot,
        timestamp,
    };
    (server, OperatorKeys { root, targets })
}

/// Publishes the first version, and pins its root, for the server and for operators.
pub(crate) async fn publish_first(
    layout: &Layout,
    store: &Store,
    documents: TrustDocuments,
    server: &ServerKeys,
    operators: &OperatorKeys,
) -> Result<(), Failure> {
    let one = |key: &LocalKey| RoleKeys::one(key.public_key().clone());
    let of_roles = BTreeMap::from([
        (Role::Root, one(&operators.root)),
        (Role::Targets, one(&operators.targets)),
        (Role::Snapshot, one(&server.snapshot)),
        (Role::Timestamp, one(&server.timestamp)),
    ]);
    let context = Context::at(SystemTime::now());
    let wanted = wanted(None, documents, Some(&of_roles));
    let plan = Plan::new(None, &wanted, &context).map_err(Failure::from_error)?;
    let mut plan = plan.ok_or_else(|| Failure::failed("there is no first version"))?;
    for key in [&operators.root, &operators.targets] {
        plan.sign(&**key).await.map_err(Failure::from_error)?;
    }
    let update = plan.update(None, None, server.online(), &context);
    let update = update.await.map_err(Failure::from_error)?;
    // First, so that a root that is published always is pinned; broken off in between, it can be
    // done again.
    for path in [layout.trusted_root(), layout.operators_root()] {
        pin(&path, update.repository().root())?;
    }
    let added = store.trust().add(&update).await;
    added.map_err(Failure::from_error)
}
