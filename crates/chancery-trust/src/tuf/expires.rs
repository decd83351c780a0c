//! When metadata expire.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// Exactly this: sigstore-python reads nothing with a fraction or an offset.
const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// The moment from which metadata no longer count, in whole seconds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Expires(OffsetDateTime);

impl Expires {
    /// Returns the whole second before a time: later, it would promise too much.
    #[must_use]
    pub fn at(time: SystemTime) -> Self {
        Self(OffsetDateTime::from(time).truncate_to_second())
    }

    /// Tells whether a moment is too late.
    #[must_use]
    pub fn has_passed(self, now: SystemTime) -> bool {
        SystemTime::from(self) <= now
    }

    /// Returns what is left at a moment; nothing if it has passed.
    #[must_use]
    pub fn left(self, now: SystemTime) -> Duration {
        let left = SystemTime::from(self).duration_since(now);
        left.unwrap_or(Duration::ZERO)
    }
}

impl From<Expires> for SystemTime {
    fn from(expires: Expires) -> Self {
        expires.0.into()
    }
}

impl fmt::Display for Expires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.format(FORMAT).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl Serialize for Expires {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.format(FORMAT).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Expires {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = PrimitiveDateTime::parse(&text, FORMAT).map_err(serde::de::Error::custom)?;
        Ok(Self(time.assume_utc()))
    }
}
