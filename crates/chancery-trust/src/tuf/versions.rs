//! Which versions were published, as far as somebody knows.

use serde::{Deserialize, Serialize};

use super::Role;

/// The newest version of each role that is known to have been published; 0 before the first.
/// Clients refuse any that is older than one they have seen (TUF, section 5).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// Of root.
    pub root: u32,
    /// Of targets.
    pub targets: u32,
    /// Of snapshot.
    pub snapshot: u32,
    /// Of timestamp.
    pub timestamp: u32,
}

impl Versions {
    /// Returns the higher version of each role.
    #[must_use]
    pub fn highest(self, other: Self) -> Self {
        Self {
            root: self.root.max(other.root),
            targets: self.targets.max(other.targets),
            snapshot: self.snapshot.max(other.snapshot),
            timestamp: self.timestamp.max(other.timestamp),
        }
    }

    /// Returns a role's version.
    #[must_use]
    pub fn of(self, role: Role) -> u32 {
        match role {
            Role::Root => self.root,
            Role::Targets => self.targets,
            Role::Snapshot => self.snapshot,
            Role::Timestamp => self.timestamp,
        }
    }
}
