//! What is wrong with trust metadata, told so often that somebody reads it and no log fills.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use chancery_trust::tuf::Role;

/// What a complaint is about. What is wrong with one thing does not hide what is with another.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum About {
    /// The database cannot be asked, or takes nothing.
    Database,
    /// What is stored is not served.
    Stored,
    /// The server's own metadata are not renewed.
    Renewal,
    /// What this process keeps in files beside the pinned root.
    Files,
    /// The server's keys.
    ServerKeys,
    /// What is published is not what the instance is.
    Difference,
    /// What operators sign is to be signed anew some time.
    Due,
    /// What operators sign expires.
    Expiry(Role),
}

impl About {
    /// Returns for how long the same is not said again.
    fn silence(self) -> Duration {
        match self {
            Self::Due => Duration::from_hours(24),
            _ => Duration::from_hours(1),
        }
    }
}

/// What was complained of last of each thing, and when.
#[derive(Debug, Default)]
pub(super) struct Complaints(BTreeMap<About, (String, SystemTime)>);

impl Complaints {
    /// Says it, unless the same was said a short time ago.
    pub(super) fn say(&mut self, about: About, said: &str, now: SystemTime) {
        if !self.is_new(about, said, now) {
            return;
        }
        match about {
            About::Due => tracing::info!("trust metadata: {said}"),
            _ => tracing::warn!("trust metadata: {said}"),
        }
    }

    fn is_new(&mut self, about: About, said: &str, now: SystemTime) -> bool {
        let is_new = self.0.get(&about).is_none_or(|(before, at)| {
            let silence = about.silence();
            before != said || now.duration_since(*at).is_ok_and(|since| since > silence)
        });
        if is_new {
            self.0.insert(about, (said.to_owned(), now));
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_that_alternate_are_each_said_once_an_hour() {
        let mut complaints = Complaints::default();
        let all = [
            (About::Expiry(Role::Root), "root expires"),
            (About::Expiry(Role::Targets), "targets expire"),
            (About::Difference, "not what this instance is"),
        ];
        let start = SystemTime::now();
        let said = (0..=3700).map(|second| {
            let now = start + Duration::from_secs(second);
            let new = all
                .iter()
                .filter(|(about, said)| complaints.is_new(*about, said, now));
            new.count()
        });
        assert_eq!(said.sum::<usize>(), 6);
        assert!(complaints.is_new(About::Difference, "another", start));
    }
}
