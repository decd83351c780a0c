//! The root that is trusted on this machine, whatever the database says.

use std::fs;
use std::path::Path;

use chancery_trust::tuf::{Role, Root, Signed};

use crate::config::TrustConfig;
use crate::failure::Failure;
use crate::founding::replace;
use crate::reading;

/// Reads the pinned root.
pub(crate) fn read_pinned(trust: &TrustConfig) -> Result<Signed<Root>, Failure> {
    read_root(&trust.root)
}

/// Reads a root that is trusted because it is in this file.
pub(crate) fn read_root(path: &Path) -> Result<Signed<Root>, Failure> {
    let limit = u64::try_from(Role::Root.size_limit()).unwrap_or(u64::MAX);
    let bytes = reading::read_bounded(path, limit).map_err(|e| reading::named(path, &e))?;
    Signed::parse(&bytes).map_err(|e| reading::named(path, &e))
}

/// Puts a root in the place of the pinned one, or makes the file. One that is there already is left
/// as it is. Everybody may read it, whoever published.
pub(crate) fn pin(path: &Path, root: &Signed<Root>) -> Result<(), Failure> {
    let bytes = root.to_bytes();
    if fs::read(path).is_ok_and(|pinned| pinned == bytes) {
        return Ok(());
    }
    replace(path, &bytes)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::SystemTime;

    use chancery_trust::tuf::{Expires, RoleKeys};

    use super::*;

    #[test]
    fn a_pinned_root_can_be_read_by_all_and_is_written_only_if_it_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.json");
        let key = chancery_keys::LocalKey::generate(chancery_keys::KeyType::Ed25519).unwrap();
        let root = |version| {
            let keys = |_| RoleKeys::one(chancery_keys::Signer::public_key(&key).clone());
            let version = NonZeroU32::new(version).unwrap();
            let root = Root::new(version, Expires::at(SystemTime::UNIX_EPOCH), keys);
            Signed::unsigned(root.unwrap()).unwrap()
        };
        pin(&path, &root(1)).unwrap();
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o644);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        pin(&path, &root(1)).unwrap();
        assert_eq!(mode(), 0o640);
        pin(&path, &root(2)).unwrap();
        assert_eq!(mode(), 0o644);
    }
}
