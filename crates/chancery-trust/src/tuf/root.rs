//! Root metadata: which keys sign each role.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use chancery_keys::PublicKey;
use serde::{Deserialize, Serialize};

use super::metadata::Head;
use super::{
    Expires, KeyId, Metadata, MetadataError, MetadataVersion, Role, TufKey, UnsupportedKey,
};

/// Keys of one role at most: each is tried for each signature.
const MAX_KEYS: usize = 32;

/// Which keys sign each role.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Root {
    #[serde(flatten)]
    head: Head,
    consistent_snapshot: bool,
    keys: BTreeMap<KeyId, TufKey>,
    roles: Roles,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Roles {
    root: RoleKeyIds,
    timestamp: RoleKeyIds,
    snapshot: RoleKeyIds,
    targets: RoleKeyIds,
}

/// The keys of a role, by name, and how many of them must sign.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RoleKeyIds {
    /// The names.
    pub keyids: Vec<KeyId>,
    /// How many.
    pub threshold: NonZeroU32,
}

/// The keys of a role, and how many of them must sign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RoleKeys {
    /// The keys.
    pub keys: Vec<PublicKey>,
    /// How many.
    pub threshold: NonZeroU32,
}

impl RoleKeys {
    /// One key, which must sign.
    #[must_use]
    pub fn one(key: PublicKey) -> Self {
        Self {
            keys: vec![key],
            threshold: NonZeroU32::MIN,
        }
    }
}

impl Root {
    /// Draws up root metadata.
    ///
    /// # Errors
    /// [`UnsupportedKey`] if not every client verifies with one of the keys.
    pub fn new(
        version: MetadataVersion,
        expires: Expires,
        keys_of: impl Fn(Role) -> RoleKeys,
    ) -> Result<Self, UnsupportedKey> {
        let mut keys = BTreeMap::new();
        let mut role = |role| {
            let RoleKeys {
                keys: of_role,
                threshold,
            } = keys_of(role);
            let mut keyids = Vec::new();
            for key in &of_role {
                let key = TufKey::of(key)?;
                keyids.push(key.id());
                keys.insert(key.id(), key);
            }
            keyids.sort_unstable();
            keyids.dedup();
            Ok(RoleKeyIds { keyids, threshold })
        };
        let roles = Roles {
            root: role(Role::Root)?,
            timestamp: role(Role::Timestamp)?,
            snapshot: role(Role::Snapshot)?,
            targets: role(Role::Targets)?,
        };
        Ok(Self {
            head: Head::of(Role::Root, version, expires),
            consistent_snapshot: true,
            keys,
            roles,
        })
    }

    /// Returns the names of a role's keys.
    #[must_use]
    pub fn role(&self, role: Role) -> &RoleKeyIds {
        match role {
            Role::Root => &self.roles.root,
            Role::Targets => &self.roles.targets,
            Role::Snapshot => &self.roles.snapshot,
            Role::Timestamp => &self.roles.timestamp,
        }
    }

    /// Returns a role's keys.
    #[must_use]
    pub fn keys(&self, role: Role) -> RoleKeys {
        let role = self.role(role);
        let keys = role.keyids.iter().filter_map(|id| self.key(id)).collect();
        RoleKeys {
            keys,
            threshold: role.threshold,
        }
    }

    fn key(&self, id: &KeyId) -> Option<PublicKey> {
        self.keys.get(id)?.public_key()
    }
}

impl Metadata for Root {
    const ROLE: Role = Role::Root;

    fn head(&self) -> &Head {
        &self.head
    }

    fn check(&self) -> Result<(), MetadataError> {
        let wrong = |what: &str| Err(MetadataError::content(Self::ROLE, what));
        if !self.consistent_snapshot {
            return wrong("it does without consistent snapshots");
        }
        if self.keys.len() > 4 * MAX_KEYS {
            return wrong("it has more keys than anybody needs");
        }
        for (id, key) in &self.keys {
            if key.id() != *id || key.public_key().is_none() {
                return wrong("a key is not what its name says, or not usable");
            }
        }
        for role in Role::ALL {
            let RoleKeyIds { keyids, threshold } = self.role(role);
            let distinct = keyids.is_sorted_by(|a, b| a < b);
            let threshold = usize::try_from(threshold.get()).unwrap_or(usize::MAX);
            if !distinct || keyids.len() > MAX_KEYS || threshold > keyids.len() {
                return wrong("a role's keys are not in order, too many, or fewer than must sign");
            }
            if !keyids.iter().all(|id| self.keys.contains_key(id)) {
                return wrong("a role names a key that is not there");
            }
        }
        Ok(())
    }
}
