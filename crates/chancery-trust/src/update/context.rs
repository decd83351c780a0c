//! What new metadata depend on besides what is said in them: time, lifetimes, and which versions are
//! used up.

use std::time::{Duration, SystemTime};

use super::UpdateError;
use crate::tuf::{Expires, Metadata, MetadataVersion, Role, Signed, Versions};

const DAY: Duration = Duration::from_hours(24);

/// For how long each role's metadata count from when they are made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lifetimes {
    /// Of root metadata: operators have to sign again before.
    pub root: Duration,
    /// Of targets metadata: operators have to sign again before.
    pub targets: Duration,
    /// Of snapshot metadata, which the server renews.
    pub snapshot: Duration,
    /// Of timestamp metadata, which the server renews.
    pub timestamp: Duration,
}

impl Default for Lifetimes {
    /// A year for what people sign; four weeks and one for what the server does. A client that is
    /// kept from fresh metadata notices after the last of these at most.
    fn default() -> Self {
        Self {
            root: 365 * DAY,
            targets: 365 * DAY,
            snapshot: 28 * DAY,
            timestamp: 7 * DAY,
        }
    }
}

impl Lifetimes {
    /// Returns how long a role's metadata count.
    #[must_use]
    pub fn of(&self, role: Role) -> Duration {
        match role {
            Role::Root => self.root,
            Role::Targets => self.targets,
            Role::Snapshot => self.snapshot,
            Role::Timestamp => self.timestamp,
        }
    }

    /// Returns when metadata made now expire.
    #[must_use]
    pub fn expiry(&self, role: Role, now: SystemTime) -> Expires {
        Expires::at(now + self.of(role))
    }

    /// Tells whether metadata are to be made anew: half of their time is over.
    #[must_use]
    pub fn is_due(&self, role: Role, expires: Expires, now: SystemTime) -> bool {
        expires.left(now) < self.of(role) / 2
    }
}

/// What new metadata depend on besides what is said in them.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The time.
    pub now: SystemTime,
    /// How long they are to count.
    pub lifetimes: Lifetimes,
    /// Which versions are known to have been published, whatever is stored: after a backup was
    /// restored, the next versions must come after those that clients have seen.
    pub published: Versions,
}

impl Context {
    /// Returns the usual lifetimes, with nothing known to be published but what is stored.
    #[must_use]
    pub fn at(now: SystemTime) -> Self {
        Self {
            now,
            lifetimes: Lifetimes::default(),
            published: Versions::default(),
        }
    }

    /// Returns when metadata made now expire.
    #[must_use]
    pub(crate) fn expiry(&self, role: Role) -> Expires {
        self.lifetimes.expiry(role, self.now)
    }

    /// Tells whether metadata are to be made anew: they have lived half of their time, or clients
    /// have seen newer ones.
    pub(crate) fn is_due<T: Metadata>(&self, metadata: &Signed<T>) -> bool {
        let lost = metadata.version().get() < self.left_out(T::ROLE);
        lost || self.lifetimes.is_due(T::ROLE, metadata.expires(), self.now)
    }

    /// Returns the version that comes after one, and after those that were published.
    ///
    /// # Errors
    /// [`UpdateError::Version`].
    pub(crate) fn next(
        &self,
        role: Role,
        version: Option<MetadataVersion>,
    ) -> Result<MetadataVersion, UpdateError> {
        let stored = version.map_or(0, MetadataVersion::get);
        let next = stored.max(self.left_out(role)).checked_add(1);
        let next = next.and_then(MetadataVersion::new);
        next.ok_or(UpdateError::Version(role))
    }

    /// Returns up to which version some may be missing. Clients follow roots one by one, so none of
    /// those.
    fn left_out(&self, role: Role) -> u32 {
        match role {
            Role::Root => 0,
            Role::Targets | Role::Snapshot | Role::Timestamp => self.published.of(role),
        }
    }
}
